"""From a marked function to the one function of the interface: a JSON document in, a JSON document out."""

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

from . import _host
from .context import Context
from .event import Event, Raw
from .output import Draft, Drop, Encoded, Reject

_registered: Callable[[bytes], bytes] | None = None


def decode(function: Callable[[Raw, Context], Any]) -> Callable[[Raw, Context], Any]:
    """Marks the function that turns a foreign message into events."""
    return _register("decode", function)


def transform(function: Callable[[Event, Context], Any]) -> Callable[[Event, Context], Any]:
    """Marks the function that turns one event into events."""
    return _register("transform", function)


def encode(function: Callable[[Event, Context], Any]) -> Callable[[Event, Context], Any]:
    """Marks the function that turns one event into a message for a receiver."""
    return _register("encode", function)


def run(document: bytes) -> bytes:
    """The function of the interface: calls the one that was marked."""
    if _registered is None:
        raise RuntimeError("no function is marked with @decode, @transform or @encode")
    return _registered(document)


def _register(role: str, function: Callable[[Any, Context], Any]) -> Any:
    global _registered
    if _registered is not None:
        raise RuntimeError("a plugin has one role: only one function may be marked")
    _registered = lambda document: _call(role, function, document)
    return function


def _call(role: str, function: Callable[[Any, Context], Any], document: bytes) -> bytes:
    given = json.loads(document)
    context = Context(config=given["config"], state=_state(given))
    before = copy.deepcopy(context.state)
    source = Raw._read(given["raw"]) if role == "decode" else Event._read(given["event"])
    try:
        answer = _verdict(role, function(source, context))
        answer |= _change(before, context.state)
    except Drop as stop:
        answer = {"drop": {"code": stop.code, "text": stop.text}} | _change(before, context.state)
    except Reject as stop:
        answer = {"reject": {"code": stop.code, "text": stop.text}}
    except Exception as error:
        _host.write("error", f"{type(error).__name__} in {_place(error)}")
        raise
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _place(error: Exception) -> str:
    """Where it was raised. The module `traceback` would look for the source, and there are no files in the sandbox."""
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return f"{code.co_name}, {code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"


def _verdict(role: str, answer: Any) -> dict[str, Any]:
    if role == "encode":
        if not isinstance(answer, Encoded):
            raise TypeError("an encode function returns Encoded")
        return {"encoded": answer._write()}
    drafts = [answer] if isinstance(answer, Draft) else list(answer or [])
    return {"events": [draft._write() for draft in drafts]}


def _state(given: dict[str, Any]) -> Any:
    if "state_base64" in given:
        return base64.b64decode(given["state_base64"])
    return given.get("state")


def _change(before: Any, after: Any) -> dict[str, Any]:
    if after == before and type(after) is type(before):
        return {}
    if isinstance(after, bytes):
        return {"state_base64": base64.b64encode(after).decode()}
    return {"state": after}
