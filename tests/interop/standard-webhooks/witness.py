"""Has a real bus sign deliveries, and asks the public library for Python what it thinks of them, forged ones included.

`v1` is judged by `standardwebhooks`, `v1a` (which the library does not know) by `cryptography` with the keys that the bus publishes. What arrived
is kept for the witness in JavaScript.
"""

import base64
import json
import os
import sys
import threading
import time
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
import krefeld  # noqa: E402

SCRATCH = Path(os.environ["INTEROP_DIR"])
WITHIN_S = 30


class Receiver(BaseHTTPRequestHandler):
    """Keeps what arrives."""

    seen: list = []

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["content-length"]))
        self.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def main() -> int:
    seal, keys = SCRATCH / "credentials.key", SCRATCH / "webhook.pem"
    seal.write_text(base64.b64encode(os.urandom(32)).decode() + "\n")
    keys.write_bytes(b"".join(private() for _ in range(2)))
    os.environ["STADTBUS_CREDENTIALS_KEY_FILE"] = str(seal)
    os.environ["STADTBUS_SIGNING_KEY_FILE"] = str(keys)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with krefeld.Bus(SCRATCH) as bus:
        secret_path = f"/v1/subscriptions/{ordered(bus, server.server_port)}/secret"
        secrets, deliveries = [], []
        for number in range(3):
            status, made = bus.call("POST", secret_path, {"overlap_s": 3600 if number < 2 else 0})
            assert status == 200, (status, made)
            secrets.append(made["secret"])
            deliveries.append(delivered(bus, number))
        with urllib.request.urlopen(bus.url + "/.well-known/webhook-keys") as answer:
            public = json.load(answer)["keys"]
    stranger = "whsec_" + base64.b64encode(b"x" * 32).decode()
    judged = judge(secrets, deliveries, public, stranger)
    kept = [{"headers": headers, "body": base64.b64encode(body).decode()} for headers, body in deliveries]
    document = {"secrets": secrets, "stranger": stranger, "keys": public, "deliveries": kept}
    (SCRATCH / "deliveries.json").write_text(json.dumps(document))
    wrong = [name for name, good in judged if not good]
    for name, good in judged:
        print(f"{'ok   ' if good else 'WRONG'} python  {name}")
    return 1 if wrong else 0


def private() -> bytes:
    """An Ed25519 key as the operators' tools write it."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Ed25519PrivateKey.generate().private_bytes(*form)


def ordered(bus, port: int) -> str:
    order = {
        "types": [krefeld.TYPE],
        "source": krefeld.SOURCE,
        "protocol": "HTTP",
        "sink": f"http://127.0.0.1:{port}/h",
        "config": {"purpose": krefeld.PURPOSE, "title": "Unterschriften"},
    }
    status, made = bus.call("POST", "/v1/subscriptions", order)
    assert status == 201, (status, made)
    return made["id"]


def delivered(bus, number: int):
    before = len(Receiver.seen)
    status, answer = bus.call("POST", "/v1/events", krefeld.event(number), content_type="application/cloudevents+json")
    assert status == 202, (status, answer)
    until = time.monotonic() + WITHIN_S
    while len(Receiver.seen) <= before:
        assert time.monotonic() < until, "nothing was delivered"
        time.sleep(0.02)
    return Receiver.seen[before]


def verifies(secret: str, headers: dict, body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


def verifies_v1a(key: dict, headers: dict, body: bytes) -> bool:
    raw = base64.b64decode(key["whpk"].removeprefix("whpk_"))
    assert raw == base64.urlsafe_b64decode(key["x"] + "==")
    public = Ed25519PublicKey.from_public_bytes(raw)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for part in headers["webhook-signature"].split(" "):
        version, _, signature = part.partition(",")
        try:
            if version == "v1a":
                public.verify(base64.b64decode(signature), signed)
                return True
        except InvalidSignature:
            pass
    return False


def judge(secrets, deliveries, public, stranger):
    """(what is asked, whether the answer is the right one)"""
    headers, body = deliveries[0]
    first = secrets[0]
    yield_ = []

    def ask(name, found, expected):
        yield_.append((name, found is expected))

    ask("as it came", verifies(first, headers, body), True)
    ask("changed body", verifies(first, headers, body + b" "), False)
    ask("changed id", verifies(first, {**headers, "webhook-id": headers["webhook-id"] + "0"}, body), False)
    later = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    ask("changed time", verifies(first, later, body), False)
    ask("another key", verifies(stranger, headers, body), False)
    for name, seconds, good in (("299 s old", -299, True), ("301 s old", -301, False), ("301 s ahead", 302, False)):
        at = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        signature = Webhook(first).sign(headers["webhook-id"], at, body.decode())
        signed = {**headers, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
        ask(name, verifies(first, signed, body), good)
    many = {**headers, "webhook-signature": "v1,AAAA " * 1000 + headers["webhook-signature"]}
    ask("a thousand signatures before the right one", verifies(first, many, body), True)
    ask("overlap: the new secret", verifies(secrets[1], *deliveries[1]), True)
    ask("overlap: the old secret", verifies(secrets[0], *deliveries[1]), True)
    ask("no overlap: the new secret", verifies(secrets[2], *deliveries[2]), True)
    ask("no overlap: the old secret", verifies(secrets[1], *deliveries[2]), False)
    ask("two keys are published", len(public) == 2, True)
    for number, key in enumerate(public):
        ask(f"v1a by key {number}", verifies_v1a(key, headers, body), True)
        ask(f"v1a by key {number}, changed body", verifies_v1a(key, headers, body + b" "), False)
        ask(f"v1a by key {number}, changed time", verifies_v1a(key, later, body), False)
    return yield_


if __name__ == "__main__":
    sys.exit(main())
