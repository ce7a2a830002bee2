"""A witness: a program that knows its SDK, and nothing else of the test. Questions and answers are lines of JSON.

    {"op": "listen"}                                  → {"port": 4711}; paths /binary and /structured
    {"op": "publish", "mode", "url", "token", "events"}  → {"results": [{"status", "body"} | {"error"}]}
    {"op": "pull", "url", "token"}                    → {"seen": [{"key", "event"} | {"key", "error"}]}
    {"op": "stream", "url", "token", "count"}         → the same
    {"op": "received"}                                → {"seen": [{"way", "key", …}]}; what came since the last question

`key` is the value of `zeugennr`, taken from the message itself and not from the SDK. In batch mode `status` and `body`
are those of the event's own receipt. An operation the SDK has nothing for is answered {"absent": true}.

An event is {"attributes", "data"}; data is null, {"base64"}, {"text"}, {"json"} as the SDK would write it again, or
{"string"} where nothing declares whether a string is text or JSON.
"""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from bus import Seen


class Witness:
    """A running witness."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, encoding="utf-8"
        )

    def __enter__(self) -> "Witness":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def ask(self, op: str, **question: Any) -> dict[str, Any]:
        """One question, one answer."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"op": op, **question}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the witness ended; see {self._log.name}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def seen(event: dict[str, Any]) -> Seen:
    """An event as the witness tells it."""
    data = event.get("data")
    attributes = {name: value for name, value in event["attributes"].items() if name != "specversion"}
    if data is None:
        return Seen(attributes)
    if "string" in data:
        return Seen(attributes, data["string"].encode(), json.dumps(data["string"]))
    if "json" in data:
        return Seen(attributes, json=data["json"])
    if "text" in data:
        return Seen(attributes, data["text"].encode())
    return Seen(attributes, base64.b64decode(data["base64"]))
