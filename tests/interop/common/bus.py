"""The bus from outside, without any SDK: strict when sending, exact when reading.

This is the other end of every witness's wire. JSON is taken apart by position and not parsed and written again, so that
the payload is compared in its own bytes.
"""

import base64
import hashlib
import http.client
import json
import re
from dataclasses import dataclass
from typing import Any, Iterator
from urllib.parse import quote, urlsplit

from cases import Case

# HTTP binding 3.1.3.2: everything but space, quote, per cent and what is not visible ASCII goes as it is.
SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass
class Seen:
    """An event as somebody saw it: attributes with types, and the payload in bytes or as the JSON that was read."""

    attributes: dict[str, Any]
    data: bytes | None = None
    json: str | None = None
    """Where the SDK parsed the payload: what it would write again."""
    sha256: str = ""
    """What the bus's receipt says of the payload."""


def canonical(value: Any) -> str:
    """The string form of a typed attribute (specification, type system)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class Client:
    """One system at one bus, over one connection."""

    def __init__(self, base: str, token: str) -> None:
        self._address = urlsplit(base).netloc
        self._token = token
        self._connection = http.client.HTTPConnection(self._address, timeout=60)

    def post(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """Status and body of one POST."""
        headers = {**headers, "authorization": f"Bearer {self._token}"}
        self._connection.request("POST", path, body=body, headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read().decode()

    def publish(self, case: Case) -> None:
        """Sends a case as the specification says, in the mode that can carry all of it."""
        status, text = self.post("/v1/events", {"content-type": "application/cloudevents+json"}, structured(case))
        if status != 202:
            raise AssertionError(f"{case.name()} was not accepted: {status} {text}")

    def publish_binary(self, case: Case) -> None:
        """Sends a case in binary mode."""
        headers, body = binary(case)
        status, text = self.post("/v1/events", headers, body)
        if status != 202:
            raise AssertionError(f"{case.name()} was not accepted: {status} {text}")

    def take(self, subscription: str) -> Iterator[Seen]:
        """All that waits, acknowledged."""
        while True:
            ask = json.dumps({"max": 100, "wait_ms": 500, "lease_ms": 60000}).encode()
            status, text = self.post(f"/v1/subscriptions/{subscription}/receive", {}, ask)
            if status != 200:
                raise AssertionError(f"receive: {status} {text}")
            handles = []
            for start in _elements(text, _members(text, 0)["events"][0]):
                members = _members(text, start)
                handles.append(_value(text, members["handle"]))
                yield read_structured(text, members["event"][0])
            if not handles:
                return
            done = json.dumps({"handles": handles}).encode()
            self.post(f"/v1/subscriptions/{subscription}/acknowledge", {}, done)


def structured(case: Case) -> bytes:
    """The JSON format; JSON payloads in their own spelling, bytes as base64."""
    head = json.dumps({"specversion": "1.0", **case.attributes}, ensure_ascii=False)[:-1]
    if case.data is None:
        return (head + "}").encode()
    if case.kind == "json" and case.given == "value":
        return (head + ',"data":').encode() + case.data + b"}"
    if case.kind == "text":
        return (head + ',"data":' + json.dumps(case.data.decode()) + "}").encode()
    return (head + ',"data_base64":"' + base64.b64encode(case.data).decode() + '"}').encode()


def binary(case: Case) -> tuple[dict[str, str], bytes]:
    """Binary mode."""
    headers = {"ce-specversion": "1.0"}
    for name, value in case.attributes.items():
        if name == "datacontenttype":
            headers["content-type"] = value
        else:
            headers[f"ce-{name}"] = quote(canonical(value), safe=SAFE)
    if case.implied_json:
        headers["content-type"] = "application/json"
    return headers, case.data or b""


def read_structured(text: str, start: int = 0) -> Seen:
    """Reads an event in the JSON format that stands at this place."""
    members = _members(text, start)
    attributes = {name: _value(text, place) for name, place in members.items() if name not in ("data", "data_base64")}
    if attributes.pop("specversion", None) != "1.0":
        raise AssertionError("the bus gave an event without specversion 1.0")
    attributes = {name: value for name, value in attributes.items() if value is not None}
    data = None
    if "data_base64" in members:
        data = base64.b64decode(_value(text, members["data_base64"]))
    elif "data" in members:
        start, end = members["data"]
        declared = attributes.get("datacontenttype")
        data = text[start:end].encode() if declared is None or is_json(declared) else _value(text, members["data"]).encode()
    return Seen(attributes, data)


def is_json(declared: str) -> bool:
    """Subtype `json` or `+json`, whatever the case and the parameters (JSON format, 3.1)."""
    subtype = declared.split(";")[0].strip().lower().partition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def digest(data: bytes | None) -> str:
    """As in receipts."""
    return hashlib.sha256(data or b"").hexdigest()


def _value(text: str, place: tuple[int, int]) -> Any:
    return json.loads(text[place[0] : place[1]])


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _members(text: str, at: int) -> dict[str, tuple[int, int]]:
    """Where the values of an object's members begin and end."""
    places: dict[str, tuple[int, int]] = {}
    at = _skip(text, _skip(text, at) + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, start)
        if name in places:
            raise AssertionError(f"`{name}` stands twice in one event")
        places[name] = (start, end)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return places


def _elements(text: str, at: int) -> Iterator[int]:
    """Where the elements of an array begin."""
    at = _skip(text, at + 1)
    while text[at] != "]":
        yield at
        _, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
