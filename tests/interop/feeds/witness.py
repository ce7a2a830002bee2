"""Programs of others read the bus's feeds: the npm package `eventsource` the live stream, the library `websockets` (PyPI) the WebSockets.

The EventSource is told nothing of the bus: that it comes back with the last id when the bus ends the stream, and that nothing is lost or doubled by
that, is asked of it as it is.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import websockets
from websockets.asyncio.client import connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
import krefeld  # noqa: E402

SCRATCH = Path(os.environ["INTEROP_DIR"])
WITHIN_S = 60
EVENTS = 300
FAILED: list[str] = []


def judged(what: str, good: bool, found) -> None:
    print(f"{'good' if good else 'BAD '}  {what}" + ("" if good else f": {found}"))
    if not good:
        FAILED.append(what)


def published(bus, numbers) -> list[str]:
    events = [krefeld.event(number) for number in numbers]
    for event in events:
        status, answer = bus.call("POST", "/v1/events", event, content_type="application/cloudevents+json")
        assert status == 202, (status, answer)
    return [event["id"] for event in events]


def event_source(bus) -> None:
    """Few may be unconfirmed at a time, so that the stream ends again and again."""
    sent = published(bus, range(EVENTS))
    url = f"{bus.url}/v1/subscriptions/{krefeld.STREAM}/stream"
    command = ["node", str(SCRATCH / "node/reader.mjs"), url, bus.token, str(EVENTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    came = [line["id"] for line in lines if "id" in line]
    opened = [line["opened"] for line in lines if "opened" in line]
    judged(f"EventSource: {EVENTS} events, each once, in order", came == sent, (done.stderr[-500:], came[:5], len(came)))
    judged("EventSource: came back with its last id, each time", len(opened) > EVENTS // 64 and all(opened[1:]), opened[:3])
    refused = subprocess.run([*command[:2], url, "kein-token", "1"], capture_output=True, text=True, timeout=WITHIN_S)
    judged("EventSource: a refusal is told", '{"refused":401}' in refused.stdout, refused.stdout)


async def web_sockets(bus) -> None:
    where = bus.url.replace("http://", "ws://")
    headers = {"Authorization": f"Bearer {bus.token}"}
    known = {"additional_headers": headers, "subprotocols": ["cloudevents.json"], "open_timeout": 20}
    async with connect(f"{where}/v1/events/websocket", **known) as publisher:
        judged("WebSocket: the subprotocol is agreed on", publisher.subprotocol == "cloudevents.json", publisher.subprotocol)
        sent = [krefeld.event(number) for number in range(1000, 1000 + EVENTS)]
        for event in sent:
            await publisher.send(json.dumps(event))
        answers = [json.loads(await asyncio.wait_for(publisher.recv(), 20)) for _ in sent]
        kinds = {answer["type"] for answer in answers}
        judged("WebSocket: a receipt for each event, in order", kinds == {"de.stadtbus.receipt.v1"} and [answer["subject"] for answer in answers] == [event["id"] for event in sent], kinds)
    reader = f"{where}/v1/subscriptions/{krefeld.PULL}/websocket"
    came, cursor = [], ""
    # What the other way in published is there, too.
    while len(came) < 2 * EVENTS:
        async with connect(f"{reader}?after={cursor}", **known) as socket:
            # A connection that breaks in the middle, seven times.
            for _ in range(min(100, 2 * EVENTS - len(came))):
                message = await asyncio.wait_for(socket.recv(), 20)
                event = json.loads(message)
                cursor = event["stadtbuscursor"]
                came.append(event["id"])
                if len(came) % 10 == 0:
                    await socket.send(json.dumps({"specversion": "1.0", "id": "b", "source": "urn:x", "type": "de.stadtbus.confirm.v1", "stadtbuscursor": cursor}))
    wanted = [f"zeuge-{number}" for number in [*range(EVENTS), *range(1000, 1000 + EVENTS)]]
    judged(f"WebSocket: {2 * EVENTS} events over several connections, each once, in order", came == wanted, (came[:3], len(came), len(set(came))))
    try:
        async with connect(reader, additional_headers=headers, open_timeout=20):
            judged("WebSocket: no handshake without a format", False, "opened")
    except websockets.InvalidStatus as refused:
        code = json.loads(refused.response.body)["code"]
        judged("WebSocket: no handshake without a format", code == "SB-2058", code)


def main() -> int:
    os.environ["STADTBUS_LIMITS_UNCONFIRMED_EVENTS_MAX"] = "64"
    with krefeld.Bus(SCRATCH) as bus:
        event_source(bus)
        asyncio.run(web_sockets(bus))
    return 1 if FAILED else 0


sys.exit(main())
