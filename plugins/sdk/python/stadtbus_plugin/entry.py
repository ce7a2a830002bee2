"""The module componentize-py makes a component of: connects the SDK to the host and imports the plugin."""

import plugin  # noqa: F401 - marks its function
from wit_world.imports import log as host_log
from wit_world.imports import lookup as host_lookup

from . import _host, role

_LEVELS = {
    "debug": host_log.Level.DEBUG,
    "info": host_log.Level.INFO,
    "warn": host_log.Level.WARN,
    "error": host_log.Level.ERROR,
}

_host.write = lambda level, message: host_log.write(_LEVELS[level], message)
_host.get = host_lookup.get


class WitWorld:
    """The world `bytes`."""

    def run(self, input: bytes) -> bytes:
        return role.run(input)
