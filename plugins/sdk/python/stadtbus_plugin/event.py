"""The input of a call."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any

from .output import Reject

_CONTEXT = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema")


@dataclass(frozen=True)
class Event:
    """A CloudEvent as the bus accepted it."""

    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    """RFC 3339, as the publisher spelled it."""
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: dict[str, Any] = field(default_factory=dict)
    data: Any = None
    """JSON data as Python values, other text as str, other bytes as bytes; None if there is none."""

    def json(self) -> Any:
        """The data as Python values. Rejects the event if it has none or they are not JSON."""
        if self.data is None or isinstance(self.data, bytes):
            raise Reject("data-unreadable", "the data of the event is not JSON")
        return self.data

    @staticmethod
    def _read(document: dict[str, Any]) -> "Event":
        attributes = {name: document.get(name) for name in _CONTEXT}
        known = {*_CONTEXT, "specversion", "data", "data_base64"}
        extensions = {name: value for name, value in document.items() if name not in known}
        data = document.get("data")
        if "data_base64" in document:
            data = base64.b64decode(document["data_base64"])
        return Event(**attributes, extensions=extensions, data=data)


@dataclass(frozen=True)
class Raw:
    """A message in a foreign format, as the route received it."""

    content_type: str
    received: str
    """When the bus received it, RFC 3339 in UTC: the only "now" there is."""
    bytes: bytes

    def text(self, encoding: str = "utf-8") -> str:
        """The message as text. Rejects it if it is not."""
        try:
            return self.bytes.decode(encoding)
        except UnicodeDecodeError:
            raise Reject("text-unreadable", f"the message is not {encoding} text") from None

    def json(self) -> Any:
        """The message as Python values. Rejects it if it is not JSON."""
        try:
            return json.loads(self.bytes)
        except ValueError:
            raise Reject("json-unreadable", "the message is not JSON") from None

    @staticmethod
    def _read(document: dict[str, Any]) -> "Raw":
        text = document.get("text")
        try:
            content = text.encode() if text is not None else base64.b64decode(document["base64"])
        except binascii.Error:
            content = b""
        return Raw(document["content_type"], document["received"], content)
