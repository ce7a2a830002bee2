"""Predicates over cases and faults, from which the lists of known disagreements are made."""

import json
import re
from decimal import Decimal
from urllib.parse import quote, unquote

from bus import SAFE, canonical
from cases import Case
from verdict import CARRIED, Fault, same_json

TAKEN = CARRIED
BOTH = ("binary", "structured", *CARRIED)
READ_JSON = ("pull", "webhook-structured", "sse")
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))")


def instant(text: str) -> Decimal | None:
    """The instant an RFC 3339 time names, in seconds, to the last digit; a leap second is its own."""
    found = _TIME.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    fraction, sign, zone_hours, zone_minutes = found.groups()[6:]
    # Days since 0000-03-01 in the proleptic Gregorian calendar.
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 1
    seconds = Decimal(days * 86400 + hour * 3600 + minute * 60 + second)
    if sign:
        offset = int(zone_hours) * 3600 + int(zone_minutes) * 60
        seconds -= offset if sign == "+" else -offset
    return seconds + Decimal(f"0.{fraction or 0}")


def invented_time(case: Case, fault: Fault, _: str) -> bool:
    """A time where there was none."""
    return fault.kind == "extra" and fault.name == "time" and "time" not in case.attributes


def respelled_time(_: Case, fault: Fault, __: str) -> bool:
    """The same instant, spelled otherwise."""
    return _time(fault) and instant(fault.expected) == instant(fault.seen)


def cut_time(digits: int):  # type: ignore[no-untyped-def]
    """The instant cut to so many digits of a second."""

    def predicate(_: Case, fault: Fault, __: str) -> bool:
        one, other = instant(fault.expected), instant(fault.seen)
        if not _time(fault) or one is None or other is None or one == other:
            return False
        scale = Decimal(10) ** digits
        return (one * scale).to_integral_value("ROUND_FLOOR") == other * scale

    return predicate


def _time(fault: Fault) -> bool:
    return fault.kind == "value" and fault.name == "time"


def leap_second(case: Case) -> bool:
    """23:59:60"""
    return ":60" in str(case.attributes.get("time", ""))


def needs_coding(case: Case) -> list[str]:
    """The attributes whose value must be percent-coded in a header."""
    named = {name: canonical(value) for name, value in case.attributes.items() if name != "datacontenttype"}
    return [name for name, value in named.items() if quote(value, safe=SAFE) != value]


def not_decoded(_: Case, fault: Fault, __: str) -> bool:
    """A value left as it stands in the header."""
    return fault.kind == "value" and fault.seen == quote(fault.expected, safe=SAFE)


def not_encoded(case: Case, fault: Fault, _: str) -> bool:
    """A value put into a header as it is: the HTTP library refuses it, the bus refuses what it decodes to, or it has changed."""
    coded = needs_coding(case)
    if not coded:
        return False
    if fault.kind == "error":
        return any(sentence in fault.name for sentence in ("UnicodeEncodeError", "Invalid character in header", "Invalid header"))
    if fault.kind == "refused":
        return fault.name in ("SB-1110", "SB-1105")
    return fault.kind == "value" and fault.name in coded and fault.seen in (unquote(fault.expected), fault.expected.strip())


def python_boolean(_: Case, fault: Fault, __: str) -> bool:
    """`True` for `true`."""
    return fault.kind == "value" and fault.seen in ("True", "False") and fault.seen.lower() == fault.expected


def implied_json_unsaid(case: Case, fault: Fault, _: str) -> bool:
    """JSON that nothing declares."""
    return case.implied_json and fault.kind == "missing" and fault.name == "datacontenttype"


def value(case: Case) -> object:
    """A JSON payload as a value."""
    return json.loads(case.data or b"null")


def as_double(case: Case, fault: Fault, _: str) -> bool:
    """JSON that differs only because its numbers became doubles."""
    if fault.kind != "data" or case.kind != "json" or case.data is None or fault.seen == "no data":
        return False
    text = case.data.decode()
    rounded = json.dumps(json.loads(text, parse_int=_double), ensure_ascii=False)
    try:
        return not same_json(text, rounded) and same_json(rounded, fault.seen)
    except ValueError:
        return False


def _double(digits: str) -> float | int:
    number = float(digits)
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


def declared(case: Case) -> str:
    """`datacontenttype`, or nothing."""
    return str(case.attributes.get("datacontenttype", ""))
