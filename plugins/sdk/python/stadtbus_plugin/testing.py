"""Call a plugin in an ordinary Python test, without WebAssembly.

    import plugin                                  # marks its function
    from stadtbus_plugin.testing import call

    answer = call(event={"type": "de.example.input.v1", "data": {"id": "A-1"}}, state=3)
    assert answer.events[0].data == {"id": "A-1"}
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

from . import _host, role
from .output import Draft


@dataclass
class Answer:
    """What came of a call. `dropped` and `rejected` are the codes of the reasons."""

    events: list[Draft]
    encoded: dict[str, Any] | None
    dropped: str | None
    rejected: str | None
    state: Any
    """The state afterwards, changed or not."""
    logs: list[str]


def call(
    *,
    event: dict[str, Any] | None = None,
    raw: bytes | str | dict[str, Any] | None = None,
    content_type: str = "application/json",
    received: str = "2026-01-31T12:00:00Z",
    config: dict[str, Any] | None = None,
    state: Any = None,
    tables: dict[str, Any] | None = None,
) -> Answer:
    """Calls the marked function by way of the documents of the interface, as the bus does. Attributes of the event
    that are not named here have a value fit for a test."""
    logs: list[str] = []
    _host.write = lambda level, message: logs.append(f"{level}: {message}")
    _host.get = lambda table, key: _entry((tables or {}).get(table), key)
    document: dict[str, Any] = {"config": config or {}}
    if state is not None:
        document["state"] = state
    if event is not None:
        document["event"] = {"specversion": "1.0", "id": "1", "source": "urn:test", "type": "test"} | event
    if raw is not None:
        message = json.dumps(raw) if isinstance(raw, dict) else raw
        content = message.encode() if isinstance(message, str) else message
        document["raw"] = {"content_type": content_type, "received": received} | _content(content)
    answer = json.loads(role.run(json.dumps(document).encode()))
    return Answer(
        events=[_draft(each) for each in answer.get("events", [])],
        encoded=answer.get("encoded"),
        dropped=answer.get("drop", {}).get("code"),
        rejected=answer.get("reject", {}).get("code"),
        state=answer.get("state", state),
        logs=logs,
    )


def _content(content: bytes) -> dict[str, str]:
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _draft(document: dict[str, Any]) -> Draft:
    if "data_base64" in document:
        document["data"] = base64.b64decode(document.pop("data_base64"))
    return Draft(**document)


def _entry(table: Any, key: str) -> bytes | None:
    entry = table.get(key) if isinstance(table, dict) else None
    if isinstance(table, list) and key.isdigit() and int(key) < len(table):
        entry = table[int(key)]
    return None if entry is None else json.dumps(entry).encode()
