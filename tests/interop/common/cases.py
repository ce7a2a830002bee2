"""The events that are sent and carried: made from a fixed seed, so that every SDK and every run sees the same ones.

A case is an event as its author means it: attributes with their types (string, integer, boolean), and a payload that is
absent, JSON (given to the SDK as a value or as bytes), text or bytes.
"""

import base64
import json
import random
from dataclasses import dataclass
from typing import Any

SEED = 20261123
COUNT = 300

SOURCE = "urn:zeugen:pub"
SCHEMA = "https://zeugen.example"

INTEGERS = (0, 1, -1, 7, 2147483647, -2147483648)
ALPHABETS = (
    "abcxyzABCXYZ019",
    "abc -_.:;,=/+&?!*()[]{}<>|~^`'@#$",
    "äöüßÄÖÜéàñøåčşğ€",
    '%%%41zZ" \\\\',
    "日本語漢字кириллицаالعربيةעברית",
    "😀🚒👩🏽‍🚒🏳️‍🌈𝄞",
    "e\u0301\u200d\u00a0\u2028\ufeff\ufffd",
)
WHOLE = (
    "100 %", "%41", "%25", "%", "a%zz", "%C3%A4", '"in Anführungszeichen"', '"', "a\"b", "\\", "a\\\"b", " davor", "dahinter ",
    "  ", "a  b", "true", "false", "007", "-0", "1e3", "null", "Straße", "ß", "a,b", "a;b=c", "=?utf-8?q?x?=", "€",
)  # fmt: skip
NAMES = ("a", "0", "9z", "x1", "comexampleextension1", "laengeralszwanzigzeichen", "abc123", "ort", "wert", "nr", "priority")
TIMES = (
    "2026-11-23T14:00:00Z", "2026-11-23T14:00:00+01:00", "2026-11-23T14:00:00-11:30", "2026-11-23T14:00:00+00:00",
    "2026-11-23T14:00:00-00:00", "2026-11-23T14:00:00.5Z", "2026-11-23T14:00:00.500Z", "2026-11-23T14:00:00.123456Z",
    "2026-11-23T14:00:00.123456789Z", "2026-11-23T14:00:00.123456789+05:45", "2026-11-23T14:00:00.120000000-03:00",
    "2026-11-23t14:00:00z", "2026-12-31T23:59:60Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
    "2024-02-29T00:00:00.000Z", "2026-11-23T14:00:00.1234567890123Z",
)  # fmt: skip
PLAIN_TIMES = ("2026-11-23T14:00:00Z", "2026-11-23T14:00:00.125Z", "2026-11-23T14:00:00.123456Z")
SOURCES = (
    "", ":sender", ":a%20b", ":%C3%BC", ":a/b/c", ":x?y=1&z=%25", ":x#teil", ":~._-!$&'()*+,;=@", ":%7e",
)  # fmt: skip
JSON_TYPES = ("application/json", "application/json; charset=utf-8", "application/vnd.zeugen+json", "Application/JSON", "text/json")
JSON_TEXTS = (
    "null", "true", "false", "0", "-0", "1.0", "1e2", "1.50", "12345678901234567890123", "9007199254740993", '""', '"text"',
    '"\\u00e4\\ud83d\\ude00"', '"null"', '"eyJhIjoxfQ=="', "[]", "{}", "[null]", ' { "b" : 1 , "a" : [ 1 , 2 ] } ',
    '{"z":1,"a":2}', '{"ä":"ü€😀"}', '{"n":1.2345678901234567890}', '{"a":{"b":{"c":[1,{"d":null}]}}}', "[1,\n 2,\n\t3]", '"\\/"',
)  # fmt: skip


@dataclass
class Case:
    """One event, and what is to be expected of it."""

    number: int
    attributes: dict[str, Any]
    """Without `specversion`; strings, integers, booleans."""
    data: bytes | None = None
    kind: str = "none"
    """none, json, text, bytes"""
    given: str = "bytes"
    """How JSON is handed to the SDK: as a `value` of its language, or as `bytes`."""
    refused: str = ""
    """Why nobody may carry it; empty: it is sound."""
    refused_in: tuple[str, ...] = ("binary", "structured", "batch")
    """In which modes that can be seen at all: a header has no case, no types, and no empty content type."""

    @property
    def implied_json(self) -> bool:
        """JSON because nothing else is said (JSON format, 3.1)."""
        return self.kind == "json" and "datacontenttype" not in self.attributes

    def wire(self) -> dict[str, Any]:
        """For a witness."""
        data: Any = None
        if self.data is not None:
            if self.kind == "json" and self.given == "value":
                data = {"json": self.data.decode()}
            elif self.kind == "text":
                data = {"text": self.data.decode()}
            else:
                data = {"base64": base64.b64encode(self.data).decode()}
        return {"attributes": self.attributes, "data": data}

    def name(self) -> str:
        """What identifies it inside the event, whatever becomes of the rest."""
        return f"c{self.number}"


def cases(kind: str, count: int = COUNT) -> list[Case]:
    """`sent` for what an SDK publishes, `carried` for what it gets."""
    rng = random.Random(f"{SEED}/{kind}")
    made = [_case(rng, number, kind) for number in range(count)]
    if kind == "sent":
        made += [Case(count + at, **bad) for at, bad in enumerate(_refused())]
    for case in made:
        case.attributes["zeugennr"] = case.name()
    return made


def _string(rng: random.Random, plain: bool) -> str:
    if plain:
        return "".join(rng.choice(ALPHABETS[0]) for _ in range(rng.randint(1, 24)))
    if rng.random() < 0.4:
        return rng.choice(WHOLE)
    alphabet = rng.choice(ALPHABETS)
    if rng.random() < 0.3:
        alphabet += rng.choice(ALPHABETS)
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 24)))


def _case(rng: random.Random, number: int, kind: str) -> Case:
    # Half of the cases hold nothing that any SDK is known to stumble over, so that each way has something to be green by.
    plain = rng.random() < 0.5
    ident = f"{number}-{_string(rng, plain)}"
    if rng.random() < 0.05:
        ident = f"{number}-" + "x" * rng.choice((200, 1000, 4000))
    attributes: dict[str, Any] = {
        "id": ident,
        "source": SOURCE + rng.choice(SOURCES[:2] if plain else SOURCES),
        "type": f"de.zeugen.pub.{kind}.v1",
    }
    if rng.random() < 0.6:
        attributes["subject"] = _string(rng, plain)
    if rng.random() < (0.8 if plain else 0.35):
        # Each SDK keeps one of these spellings; none keeps all.
        attributes["time"] = rng.choice(PLAIN_TIMES if plain else TIMES)
    if not plain and rng.random() < 0.2:
        attributes["dataschema"] = SCHEMA
    for name in rng.sample(NAMES, rng.randint(0, 4)):
        typed = (rng.choice(INTEGERS), rng.random() < 0.5)
        attributes[name] = rng.choice(typed) if rng.random() < 0.3 else _string(rng, plain)
    return _payload(rng, Case(number, attributes), plain)


def _payload(rng: random.Random, case: Case, plain: bool) -> Case:
    draw = rng.random()
    if plain and draw < 0.7:
        case.kind, case.given = "json", "value"
        case.data = json.dumps({"a": _string(rng, plain), "b": [rng.randint(0, 1000), None, True]}).encode()
        case.attributes["datacontenttype"] = "application/json"
        return case
    if draw < 0.12:
        if rng.random() < 0.5:
            case.attributes["datacontenttype"] = rng.choice(("application/json", "text/plain"))
    elif draw < 0.6:
        text = rng.choice(JSON_TEXTS) if rng.random() < 0.7 else json.dumps(_tree(rng, 3), ensure_ascii=rng.random() < 0.5)
        case.kind, case.data = "json", text.encode()
        case.given = rng.choice(("value", "value", "bytes"))
        if case.given == "bytes" or rng.random() < 0.8:
            case.attributes["datacontenttype"] = rng.choice(JSON_TYPES)
    elif draw < 0.8:
        case.kind = "text"
        case.data = b"" if rng.random() < 0.15 else "\n".join(_string(rng, False) for _ in range(rng.randint(1, 3))).encode()
        case.attributes["datacontenttype"] = rng.choice(("text/plain", "text/plain; charset=utf-8", "application/xml", "text/csv"))
    else:
        case.kind = "bytes"
        case.data = b"" if rng.random() < 0.1 else rng.randbytes(rng.randint(1, 200))
        if rng.random() < 0.8:
            case.attributes["datacontenttype"] = rng.choice(("application/octet-stream", "image/png", "application/vnd.google.protobuf"))
    return case


def _tree(rng: random.Random, depth: int) -> Any:
    draw = rng.randint(0, 7 if depth else 5)
    if draw == 6:
        return [_tree(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    if draw == 7:
        return {_string(rng, False): _tree(rng, depth - 1) for _ in range(rng.randint(0, 4))}
    return (None, True, False, rng.randint(-(2**40), 2**40), rng.randint(-1000, 1000) / 8, _string(rng, False))[draw]


def _refused() -> list[dict[str, Any]]:
    """What nobody may carry. Either the SDK says no, or the bus."""
    sound = {"id": "refused", "source": SOURCE, "type": "de.zeugen.pub.sent.v1", "datacontenttype": "application/json"}

    typed = ("structured", "batch")

    def bad(why: str, within: tuple[str, ...] = ("binary", "structured", "batch"), **changed: Any) -> dict[str, Any]:
        attributes = {**sound, "id": f"refused-{why}", **changed}
        return {"refused": why, "refused_in": within, "attributes": attributes, "kind": "json", "given": "value", "data": b'{"a":1}'}

    return [
        bad("empty id", id=""),
        bad("empty source", source=""),
        bad("empty type", type=""),
        bad("line break in a value", subject="a\nb"),
        bad("carriage return in a value", subject="a\r\nce-injected: x"),
        bad("control character in a value", subject="a\u0007b"),
        bad("C1 control character in a value", ort="a\u0085b"),
        bad("noncharacter in a value", subject="a\uffffb"),
        bad("source is no URI-reference", source=SOURCE + ":a b"),
        bad("source with a broken triplet", source=SOURCE + ":%zz"),
        bad("upper case in a name", typed, **{"Ort": "x"}),
        bad("underscore in a name", **{"o_rt": "x"}),
        bad("hyphen in a name", **{"o-rt": "x"}),
        bad("integer of more than 32 bits", typed, nr=2147483648),
        bad("empty subject", subject=""),
        bad("time without zone", time="2026-11-23T14:00:00"),
        bad("time that is no time", time="gestern"),
        bad("empty datacontenttype", typed, datacontenttype=""),
        bad("datacontenttype that is no media type", datacontenttype="kein typ"),
        bad("relative dataschema", dataschema="schema.json"),
    ]
