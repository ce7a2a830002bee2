"""Where the JavaScript SDK 10.0.0 and the specification disagree; each row is explained in docs/interop.md."""

from cases import Case
from predicates import (
    BOTH, READ_JSON, TAKEN, as_double, cut_time, declared, invented_time, leap_second, not_decoded, not_encoded, respelled_time,
    value,
)  # fmt: skip
from verdict import Fault, Known


def _leap_sent(case: Case, fault: Fault, _: str) -> bool:
    return leap_second(case) and fault.kind == "error" and "Invalid time value" in fault.name


def _leap_taken(case: Case, fault: Fault, _: str) -> bool:
    return leap_second(case) and fault.kind == "value" and fault.name == "time"


def _no_chunk(case: Case, fault: Fault, _: str) -> bool:
    return fault.kind == "error" and 'The "chunk" argument' in fault.name


def _string_as_it_is(case: Case, fault: Fault, _: str) -> bool:
    string = case.kind == "json" and case.given == "value" and isinstance(value(case), str)
    return string and fault.kind in ("refused", "data") and fault.name in ("SB-1204", "json")


def _empty_bytes_twice(case: Case, fault: Fault, _: str) -> bool:
    return case.kind == "bytes" and case.data == b"" and fault.kind == "refused" and fault.name == "SB-1107"


def _falsy(case: Case, fault: Fault, _: str) -> bool:
    none = case.data == b"" or case.kind == "json" and not value(case) and not isinstance(value(case), (list, dict))
    return none and fault.kind == "data" and fault.seen == "no data"


def _text_left(case: Case, fault: Fault, _: str) -> bool:
    if case.kind != "json" or fault.kind not in ("data", "error"):
        return False
    read = declared(case) in ("application/json", "application/json; charset=utf-8")
    return not read or case.implied_json or not (case.data or b"").startswith((b"{", b"[", b'"', b"|"))


def _repaired(case: Case, fault: Fault, _: str) -> bool:
    return fault.kind == "accepted" and case.refused in ("empty id", "time without zone", "empty datacontenttype")


def _declared_json(case: Case, fault: Fault, _: str) -> bool:
    said = fault.name == "datacontenttype" and fault.seen == "application/json; charset=utf-8"
    # Bytes that nobody declared then arrive as JSON, which they are not.
    taken_for_json = case.kind == "bytes" and fault.kind == "refused" and fault.name == "SB-1204"
    return not declared(case) and (said or taken_for_json)


KNOWN = {
    "javascript": [
        Known("JS-1", BOTH, invented_time),
        Known("JS-2", BOTH, respelled_time),
        Known("JS-3", BOTH, cut_time(3)),
        Known("JS-4", ("binary", "structured"), _leap_sent),
        Known("JS-5", TAKEN, _leap_taken),
        Known("JS-6", ("binary",), not_encoded),
        Known("JS-7", ("webhook-binary",), not_decoded),
        Known("JS-8", ("binary",), _no_chunk),
        Known("JS-9", ("binary",), _string_as_it_is),
        Known("JS-10", ("binary",), _declared_json),
        Known("JS-11", ("structured",), _empty_bytes_twice),
        Known("JS-12", READ_JSON, _falsy),
        Known("JS-13", ("webhook-binary",), _text_left),
        Known("JS-14", ("structured", *READ_JSON), as_double),
        Known("JS-15", ("binary", "structured"), _repaired),
    ],
}
