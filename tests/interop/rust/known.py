"""Where the Rust SDK 0.9.0 and the specification disagree; each row is explained in docs/interop.md."""

from cases import Case
from predicates import (
    READ_JSON, TAKEN, as_double, cut_time, declared, implied_json_unsaid, not_decoded, not_encoded, respelled_time,
)  # fmt: skip
from verdict import SENT, Fault, Known

ALL = (*SENT, *TAKEN)


def _normalised_sent(case: Case, fault: Fault, _: str) -> bool:
    return "dataschema" in case.attributes and fault.kind == "refused" and fault.name == "SB-1206"


def _normalised_taken(_: Case, fault: Fault, __: str) -> bool:
    return fault.kind == "value" and fault.name == "dataschema" and fault.seen == fault.expected + "/"


def _media_type_case(case: Case, fault: Fault, _: str) -> bool:
    return declared(case) == "Application/JSON" and (fault.kind == "data" or "expected a string" in fault.name)


KNOWN = {
    "rust": [
        Known("RS-1", ALL, respelled_time),
        Known("RS-2", ALL, cut_time(9)),
        Known("RS-3", SENT, _normalised_sent),
        Known("RS-4", TAKEN, _normalised_taken),
        Known("RS-5", ("binary",), not_encoded),
        Known("RS-6", ("webhook-binary",), not_decoded),
        Known("RS-7", READ_JSON, _media_type_case),
        Known("RS-8", (*SENT, *READ_JSON), as_double),
        Known("RS-9", ("binary",), implied_json_unsaid),
    ],
}
