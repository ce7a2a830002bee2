"""The city's lookup tables."""

import json
from typing import Any

from . import _host


def lookup(table: str, key: str | int) -> Any | None:
    """The entry of `table` under `key`, or None. `table` is a name listed under `tables` in plugin.yaml; the key of a
    list is the index."""
    entry = _host.get(table, str(key))
    return None if entry is None else json.loads(entry)
