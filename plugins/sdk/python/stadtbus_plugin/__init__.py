"""Write plugins for the city event bus *Stadtbus* in Python.

A plugin is a pure function: it is given one input, its configuration, lookup tables and its own state, and answers with
events (or an encoded message), a drop or a rejection. It has no clock, no randomness, no files and no network.

    from stadtbus_plugin import Draft, Drop, transform

    @transform
    def public_form(event, context):
        outage = event.json()                      # rejects what it cannot read
        if outage["revision"] <= (context.state or 0):
            raise Drop("outdated-revision", "a newer revision was already published")
        context.state = outage["revision"]
        return Draft("de.krefeld.swk.outage.public.v1", subject=outage["id"], data={"id": outage["id"]})

A function is marked with its role: `@decode` takes a `Raw` message, `@transform` and `@encode` take an `Event`. It
returns or yields `Draft`s (`@encode`: returns one `Encoded`), or raises `Drop` or `Reject`. Any other exception ends the
call with SB-4103; its type and place are logged, its message is not, since it may contain payload.

Instances are warm: module globals survive to the next call *of this plugin and partner*, until the instance is
recycled, which can be at any time. Compute constants there; never keep what an input said. That is what `context.state` is for.
"""

from . import log
from .context import Context
from .event import Event, Raw
from .output import Draft, Drop, Encoded, Reject
from .role import decode, encode, transform
from .tables import lookup

__all__ = [
    "Context",
    "Draft",
    "Drop",
    "Encoded",
    "Event",
    "Raw",
    "Reject",
    "decode",
    "encode",
    "log",
    "lookup",
    "transform",
]
