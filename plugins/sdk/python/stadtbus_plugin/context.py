"""What a call is given besides its input."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Context:
    """Configuration and state of one call."""

    config: dict[str, Any] = field(default_factory=dict)
    """The `config` of the route or subscription."""

    state: Any = None
    """What the plugin last stored under this input's key; None: nothing. Assign to it to store something else, assign
    None to forget it. A value that was changed in place is stored as well."""
