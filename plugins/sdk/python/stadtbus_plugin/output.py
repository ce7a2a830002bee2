"""What a plugin answers."""

import base64
from dataclasses import dataclass, field
from typing import Any


class Drop(Exception):
    """Nothing is to be published for this input, and that is right. `code` is short and stable (`a-z0-9-.`), `text` one
    sentence without payload."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code, self.text = code, text


class Reject(Exception):
    """The input is not usable. `code` is short and stable (`a-z0-9-.`), `text` one sentence without payload."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code, self.text = code, text


@dataclass
class Draft:
    """An event to be published. The bus sets `id`, `source` and `causationid`."""

    type: str
    """Must be listed under `produces` in plugin.yaml."""
    data: Any = None
    """`bytes` are taken as they are, anything else as JSON."""
    key: str | None = None
    """Makes the same fact the same event when the input is sent again."""
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: dict[str, str | int | bool] = field(default_factory=dict)

    def _write(self) -> dict[str, Any]:
        names = ("key", "type", "subject", "time", "datacontenttype", "dataschema")
        document = {name: value for name in names if (value := getattr(self, name)) is not None}
        if self.extensions:
            document["extensions"] = {name: _canonical(value) for name, value in self.extensions.items()}
        if isinstance(self.data, bytes):
            document["data_base64"] = base64.b64encode(self.data).decode()
        elif self.data is not None:
            document["data"] = self.data
        return document


@dataclass
class Encoded:
    """A message for a receiver."""

    content_type: str
    body: str | bytes
    headers: dict[str, str] = field(default_factory=dict)

    def _write(self) -> dict[str, Any]:
        document: dict[str, Any] = {"content_type": self.content_type, "headers": self.headers}
        if isinstance(self.body, bytes):
            document["body_base64"] = base64.b64encode(self.body).decode()
        else:
            document["body"] = self.body
        return document


def _canonical(value: str | int | bool) -> str:
    """The string form of the CloudEvents type system."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
