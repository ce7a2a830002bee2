"""The module componentize-py makes a component of: connects the SDK to the host and imports the plugin.

What it imports is in the snapshot of the memory that the component begins with. There are no files behind it: what Python
would import later, at the first use, has to be here already.
"""

import _strptime  # noqa: F401 - datetime.strptime imports it
import codecs

import plugin  # noqa: F401 - marks its function
from wit_world.imports import log as host_log
from wit_world.imports import lookup as host_lookup

from . import _host, role

# Python imports an encoding when it is first asked for by name. These are what German offices write.
for _name in ("ascii", "utf-8", "utf-8-sig", "utf-16", "latin-1", "iso8859-15", "cp1252", "cp850"):
    codecs.lookup(_name)

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
