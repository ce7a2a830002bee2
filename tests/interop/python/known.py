"""Where the Python SDK 2.2.0 and the specification disagree; each row is explained in docs/interop.md."""

from cases import Case
from predicates import (
    BOTH, TAKEN, cut_time, declared, implied_json_unsaid, invented_time, leap_second, not_decoded, not_encoded,
    python_boolean, respelled_time, value,
)  # fmt: skip
from verdict import Fault, Known


def _leap(case: Case, fault: Fault, _: str) -> bool:
    return leap_second(case) and fault.kind == "error" and "second must be in 0..59" in fault.name


def _python_text(case: Case, fault: Fault, _: str) -> bool:
    other_than_object = case.kind == "json" and case.given == "value" and not isinstance(value(case), dict)
    return other_than_object and fault.kind in ("data", "refused") and fault.name in ("json", "SB-1204")


def _media_type_case(case: Case, fault: Fault, _: str) -> bool:
    return declared(case) == "Application/JSON" and fault.kind == "data"


def _null(case: Case, fault: Fault, _: str) -> bool:
    return case.data == b"null" and fault.kind == "data" and fault.seen == "no data"


def _empty(case: Case, fault: Fault, _: str) -> bool:
    return case.data in (b"", b'""', b"null") and fault.kind == "data" and fault.seen == "no data"


def _text_as_json(case: Case, fault: Fault, _: str) -> bool:
    return case.kind == "text" and fault.kind == "data" and fault.seen.startswith('"')


def _float(case: Case, fault: Fault, _: str) -> bool:
    return case.kind == "json" and b"1.2345678901234567890" in (case.data or b"") and "1.2345678901234567}" in fault.seen


def _lower_cased(case: Case, fault: Fault, _: str) -> bool:
    return fault.kind == "accepted" and case.refused == "upper case in a name"


KNOWN = {
    "python": [
        Known("PY-1", BOTH, invented_time),
        Known("PY-2", BOTH, _leap),
        Known("PY-3", BOTH, cut_time(6)),
        Known("PY-4", BOTH, respelled_time),
        Known("PY-5", ("binary",), python_boolean),
        Known("PY-6", ("binary",), _python_text),
        Known("PY-7", ("structured", "webhook-binary"), _media_type_case),
        Known("PY-8", ("structured", *TAKEN), _null),
        Known("PY-9", ("binary",), implied_json_unsaid),
        Known("PY-10", ("binary", "structured"), _float),
    ],
    "python-v1": [
        Known("PV-1", BOTH, invented_time),
        Known("PV-2", ("binary",), not_encoded),
        Known("PV-3", ("webhook-binary",), not_decoded),
        Known("PV-4", ("binary",), python_boolean),
        Known("PV-5", ("binary",), _text_as_json),
        Known("PV-6", ("structured", *TAKEN), _empty),
        Known("PV-7", ("structured",), _lower_cased),
        Known("PV-8", ("binary",), implied_json_unsaid),
        Known("PV-9", ("structured",), _float),
    ],
}
