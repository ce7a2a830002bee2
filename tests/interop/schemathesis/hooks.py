"""What Schemathesis cannot know: names that exist, an event under a contract, a city that may be applied.

Only parts that are generated as valid are replaced, by others that are valid too, and not always, so that both what exists and what does not is asked for.
What is generated as wrong stays wrong. What exists is in the file that the environment variable `STADTBUS_WITNESS` names (JSON, written by `run`).
"""

import copy
import json
import os
import zlib
from pathlib import Path

import schemathesis
from hypothesis import strategies as st
from schemathesis.core import NOT_SET

KNOWN = json.loads(Path(os.environ["STADTBUS_WITNESS"]).read_text())
PULL, STREAM, GOOD = KNOWN["pull"], KNOWN["stream"], KNOWN["event"]
STRUCTURED = "application/cloudevents"
PUBLISH = ("POST /v1/events", "POST /v1/ingest/{route}")
ONE, TEST = "/v1/subscriptions/{id}", "POST /v1/subscriptions:test"
# Orders that may be cancelled; what is gone is asked for, too.
CANCEL = list(KNOWN["cancel"])
# What comes of the events is asked at these; a city is never applied but the one in force.
NOWHERE = "0" * 64


# --- formats that are no JSON -------------------------------------------------------------------------------------------------


def varint(number):
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def protobuf(event):
    """io.cloudevents.v1.CloudEvent"""
    out = b"".join(field(n, event[name].encode()) for n, name in ((1, "id"), (2, "source"), (3, "specversion"), (4, "type")))
    attributes = {"subject": field(3, event["subject"].encode()), "datacontenttype": field(3, b"application/json")}
    for name, value in attributes.items():
        out += field(5, field(1, name.encode()) + field(2, value))
    return out + field(7, json.dumps(event["data"]).encode())


def long(number):
    return varint(number << 1)


def string(text):
    data = text.encode()
    return long(len(data)) + data


def avro(event):
    """io.cloudevents.v1.CloudEvent: a map of (null, boolean, int, string, bytes), then data, of which bytes come first."""
    attributes = {name: event[name] for name in ("id", "source", "specversion", "type", "subject")}
    attributes["datacontenttype"] = "application/json"
    out = long(len(attributes))
    for name, value in attributes.items():
        out += string(name) + long(3) + string(value)
    data = json.dumps(event["data"]).encode()
    return out + long(0) + long(0) + long(len(data)) + data


def numbered(write):
    return st.integers(0, 2**32).map(lambda n: write({**GOOD, "id": f"bytes-{n}"}))


schemathesis.openapi.media_type("application/cloudevents+protobuf", numbered(protobuf))
schemathesis.openapi.media_type(
    "application/cloudevents-batch+protobuf",
    st.lists(numbered(protobuf), max_size=3).map(lambda events: b"".join(field(1, one) for one in events)),
)
schemathesis.openapi.media_type("application/cloudevents+avro", numbered(avro))


# --- places and bodies --------------------------------------------------------------------------------------------------------


def part_of(case, share):
    """The same for the same case, about once in `share`."""
    seed = repr((case.path_parameters, case.query, case.body)).encode()
    return zlib.crc32(seed) % share == 0


def valid(case, where):
    """Whether this component was generated as valid."""
    for location, info in case.meta.components.items():
        if location.value == where:
            return info.mode.is_positive
    return case.meta.generation.mode.is_positive


def places(case):
    path, known = case.path, case.path_parameters
    if path == ONE:
        # What a folder defines is shown; only what was ordered is changed.
        mine = {"PUT": KNOWN["ordered"], "DELETE": CANCEL.pop() if len(CANCEL) > 1 and case.method == "DELETE" else CANCEL[0]}
        known["id"] = mine.get(case.method, PULL)
        # Whichever state was made up, this one is meant.
        case.headers.pop("If-Match", None)
    elif path.startswith("/v1/subscriptions/"):
        known["id"] = STREAM if path.endswith("/stream") else PULL
        if case.query and valid(case, "query") and "wait_s" in case.query:
            case.query["wait_s"] = 0
    elif path.startswith("/v1/ingest/"):
        known["route"] = "ngn-stoerung"
    elif path.startswith("/v1/events/{"):
        known.update(partner="ngn", id=GOOD["id"])
        case.query.pop("source", None)
    elif path.startswith("/v1/journey/"):
        known.update(log="LOG_NGN", position=1)
    elif path.startswith("/v1/dead-letters/{"):
        known["position"] = KNOWN["dead_letter"]
    elif path.startswith("/v1/plugins/"):
        known.update(partner="ngn", name="outage-decode")


def whole(event):
    """To JSON Schema `2.0` is an integer; the JSON format of CloudEvents (§ 2.2) permits only `2`."""
    written = {name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in event.items()}
    return {**written, "data": event["data"]} if "data" in event else written


def publish(case):
    fresh = {**copy.deepcopy(GOOD), "id": f"fall-{case.id}"}
    body, kind = case.body, case.media_type or ""
    if kind.endswith("batch+json") and isinstance(body, list):
        case.body = [{**copy.deepcopy(GOOD), "id": f"fall-{case.id}-{n}"} if n % 2 == 0 else one for n, one in enumerate(body)]
    elif kind.endswith("+json") and isinstance(body, dict):
        case.body = fresh
    elif kind == "application/json":
        case.body = fresh.pop("data")
        for name in ("specversion", "id", "source", "type", "subject"):
            case.headers[f"ce-{name}"] = fresh[name]
        for name in ("ce-time", "ce-dataschema"):
            case.headers.pop(name, None)


def bodies(case):
    label = case.operation.label
    if label == "PUT /v1/city":
        if part_of(case, 2) and isinstance(case.body, dict):
            case.body = {"city": KNOWN["city"]["city"], "components": {}, "expect": KNOWN["city"]["digest"]}
    elif label == "POST /v1/city/plan" and part_of(case, 2):
        case.body = {"city": KNOWN["city"]["city"]}
    elif label.startswith("PUT /v1/plugins/") and part_of(case, 2):
        case.body = dict(KNOWN["plugin"])
    elif label in ("POST /v1/subscriptions", f"PUT {ONE}"):
        case.body = copy.deepcopy(KNOWN["order"])
    elif label == TEST and case.media_type == "application/json":
        case.body = {"event": copy.deepcopy(GOOD), "subscription": copy.deepcopy(KNOWN["order"])}
    elif label == TEST and case.media_type.endswith("+json"):
        case.body = copy.deepcopy(GOOD)
    elif label.startswith("POST /v1/ingest/"):
        case.media_type, case.body = "application/json", copy.deepcopy(KNOWN["foreign"])


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None:
        return
    label = case.operation.label
    if case.body is not NOT_SET and not isinstance(case.body, bytes):
        # A wildcard is no media type to send; what was made up for it is JSON. Where a format is binary, it is sent as the bytes it is not.
        if case.media_type == "*/*":
            case.media_type = "application/json"
        elif not (case.media_type or "").endswith("json"):
            case.body = json.dumps(case.body).encode()
    body = case.body is not NOT_SET and valid(case, "body")
    if valid(case, "path") and not part_of(case, 5):
        places(case)
    if label == "POST /v1/events":
        if body and isinstance(case.body, dict) and case.media_type.endswith("+json"):
            case.body = whole(case.body)
        if body and isinstance(case.body, list) and case.media_type.endswith("+json"):
            case.body = [whole(one) for one in case.body]
        if case.body is NOT_SET and valid(case, "header"):
            case.media_type, case.body, body = "application/json", {}, True
        # In binary mode no attribute is required by the schema, because in the other modes none is looked at.
        if body and valid(case, "header") and (case.media_type == "application/json" or not part_of(case, 4)):
            publish(case)
    elif body:
        if label == TEST and isinstance(case.body, dict):
            case.body = {**case.body, "event": whole(case.body["event"])} if case.media_type == "application/json" else whole(case.body)
        if not part_of(case, 4):
            bodies(case)
    if label == "PUT /v1/city" and isinstance(case.body, dict) and isinstance(case.body.get("expect", ""), str):
        # Whatever was generated, no other city comes in force than the one that is.
        if case.body.get("city") != KNOWN["city"]["city"]:
            case.body["expect"] = NOWHERE
    if "wait_ms" in (case.body if isinstance(case.body, dict) else {}) and case.body["wait_ms"] in range(300, 60001):
        # A valid wait is a wait; 60 s of it would prove nothing more.
        case.body["wait_ms"] %= 300


@schemathesis.hook
def filter_case(context, case):
    """In structured and batched mode `ce-` header fields are not looked at (HTTP-6), so wrong ones are no error there. Nor is a token
    in the URL beside the one in the header field."""
    if case.meta is None:
        return True
    if getattr(case.meta.phase.data, "parameter", None) == "Authorization":
        # The one of the command line is sent with every call; `ignored_auth` asks without.
        return False
    if case.operation.label in PUBLISH and not valid(case, "query"):
        return False
    if case.operation.label != "POST /v1/events":
        return True
    structured = (case.media_type or "").startswith(STRUCTURED)
    return valid(case, "header") or not structured
