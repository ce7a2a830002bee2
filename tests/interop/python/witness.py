"""The Python SDK as a witness: its present API (`cloudevents.core`) or the one most programs use (`cloudevents.v1`)."""

import base64
import json
import re
import sys
import threading
import urllib.error
import urllib.request
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable
from urllib.parse import urlsplit

KEY = re.compile(r'"zeugennr"\s*:\s*"(c\d+)"')


class Core:
    """`cloudevents.core`, since version 2."""

    def __init__(self) -> None:
        from cloudevents.core.bindings import http
        from cloudevents.core.formats.json import JSONFormat
        from cloudevents.core.v1.event import CloudEvent
        from dateutil.parser import isoparse

        self._http, self._format, self._event, self._time = http, JSONFormat(), CloudEvent, isoparse

    def build(self, attributes: dict[str, Any], data: Any) -> Any:
        # This API takes times as datetime only; its own parser makes them, as when it reads an event.
        attributes = dict(attributes)
        if "time" in attributes:
            attributes["time"] = self._time(attributes["time"])
        return self._event(attributes, data)

    def binary(self, event: Any) -> tuple[dict[str, str], bytes]:
        message = self._http.to_binary(event, self._format)
        return message.headers, message.body

    def structured(self, event: Any) -> tuple[dict[str, str], bytes]:
        message = self._http.to_structured(event, self._format)
        return message.headers, message.body

    def from_http(self, headers: dict[str, str], body: bytes) -> Any:
        return self._http.from_http(self._http.HTTPMessage(headers, body), self._format)

    def from_json(self, body: bytes) -> Any:
        return self._format.read(None, body)

    def tell(self, event: Any) -> dict[str, Any]:
        attributes = dict(event.get_attributes())
        if "time" in attributes:
            # As the SDK itself writes times.
            attributes["time"] = re.sub(r"\+00:00$", "Z", attributes["time"].isoformat())
        return {"attributes": attributes, "data": tell_data(event.get_data(), attributes.get("datacontenttype"))}


class V1:
    """`cloudevents.v1`: the API of version 1, kept under a new name."""

    def __init__(self) -> None:
        from cloudevents.v1.http import CloudEvent, from_http, from_json, to_binary, to_structured

        self._event, self._from_http, self._from_json = CloudEvent, from_http, from_json
        self._to_binary, self._to_structured = to_binary, to_structured

    def build(self, attributes: dict[str, Any], data: Any) -> Any:
        return self._event(dict(attributes), data)

    def binary(self, event: Any) -> tuple[dict[str, str], bytes]:
        return self._to_binary(event)

    def structured(self, event: Any) -> tuple[dict[str, str], bytes]:
        return self._to_structured(event)

    def from_http(self, headers: dict[str, str], body: bytes) -> Any:
        return self._from_http(headers, body)

    def from_json(self, body: bytes) -> Any:
        return self._from_json(body)

    def tell(self, event: Any) -> dict[str, Any]:
        attributes = {name: value for name, value in event.get_attributes().items() if value is not None}
        return {"attributes": attributes, "data": tell_data(event.get_data(), attributes.get("datacontenttype"))}


def tell_data(data: Any, declared: str | None) -> dict[str, str] | None:
    """The payload as the receiving program holds it: bytes as bytes, a string as text unless JSON was declared."""
    if isinstance(data, (bytes, bytearray)):
        return {"base64": base64.b64encode(data).decode()}
    if isinstance(data, str) and not re.search(r"[/+]json\s*(;|$)", declared or "", re.IGNORECASE):
        return {"text" if declared else "string": data}
    if data is None:
        return None
    return {"json": json.dumps(data)}


def payload(data: dict[str, str] | None) -> Any:
    """What a program would hand to the SDK."""
    if data is None:
        return None
    if "json" in data:
        return json.loads(data["json"])
    return data["text"] if "text" in data else base64.b64decode(data["base64"])


class Witness:
    def __init__(self, api: Any) -> None:
        self._api = api
        self._received: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def listen(self, _: dict[str, Any]) -> dict[str, Any]:
        witness = self

        class Receiver(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = dict(self.headers.items())
                key = headers.get("ce-zeugennr") or key_of(body)
                told = witness._tell(key, lambda: witness._api.from_http(headers, body))
                with witness._lock:
                    witness._received.append({"way": self.path.strip("/"), **told})
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return {"port": server.server_address[1]}

    def received(self, _: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            seen, self._received = self._received, []
        return {"seen": seen}

    def _tell(self, key: str, read: Callable[[], Any]) -> dict[str, Any]:
        try:
            return {"key": key, "event": self._api.tell(read())}
        except Exception as error:  # whatever the SDK makes of it is what is to be known
            return {"key": key, "error": f"{type(error).__name__}: {error}"}

    def publish(self, ask: dict[str, Any]) -> dict[str, Any]:
        if ask["mode"] == "batch":
            return {"absent": True}
        url = urlsplit(ask["url"])
        connection = HTTPConnection(url.netloc, timeout=60)
        results = []
        for one in ask["events"]:
            try:
                event = self._api.build(one["attributes"], payload(one["data"]))
                headers, body = getattr(self._api, ask["mode"])(event)
                headers = {**headers, "authorization": f"Bearer {ask['token']}"}
                connection.request("POST", url.path, body=body or b"", headers=headers)
                answer = connection.getresponse()
                results.append({"status": answer.status, "body": answer.read().decode()})
            except Exception as error:
                # A new one: what was written before the fault would go ahead of the next request.
                connection.close()
                connection = HTTPConnection(url.netloc, timeout=60)
                results.append({"error": f"{type(error).__name__}: {error}"})
        return {"results": results}

    def pull(self, ask: dict[str, Any]) -> dict[str, Any]:
        seen: list[dict[str, Any]] = []
        while len(seen) < ask["count"]:
            events = post(ask, "receive", {"max": 100, "wait_ms": 5000})["events"]
            if not events:
                break
            for one in events:
                # The envelope is the bus's own; the event in it goes to the SDK as it stands.
                body = json.dumps(one["event"], ensure_ascii=False).encode()
                seen.append(self._tell(key_of(body), lambda body=body: self._api.from_json(body)))
            post(ask, "acknowledge", {"handles": [one["handle"] for one in events]})
        return {"seen": seen}

    def stream(self, ask: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(ask["url"], headers={"authorization": f"Bearer {ask['token']}"})
        seen: list[dict[str, Any]] = []
        lines: list[bytes] = []
        with urllib.request.urlopen(request, timeout=60) as answer:
            while len(seen) < ask["count"]:
                line = answer.readline().rstrip(b"\n")
                if line.startswith(b"data: "):
                    lines.append(line[6:])
                elif not line and lines:
                    body, lines = b"\n".join(lines), []
                    seen.append(self._tell(key_of(body), lambda body=body: self._api.from_json(body)))
        return {"seen": seen}


def key_of(body: bytes) -> str:
    found = KEY.search(body.decode("utf-8", "replace"))
    return found.group(1) if found else ""


def post(ask: dict[str, Any], verb: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{ask['url']}/{verb}", json.dumps(body).encode(), {"authorization": f"Bearer {ask['token']}"}
    )
    with urllib.request.urlopen(request, timeout=90) as answer:
        done: dict[str, Any] = json.load(answer)
        return done


def main() -> None:
    witness = Witness({"core": Core, "v1": V1}[sys.argv[1]]())
    for line in sys.stdin:
        ask = json.loads(line)
        print(json.dumps(getattr(witness, ask["op"])(ask)), flush=True)


if __name__ == "__main__":
    main()
