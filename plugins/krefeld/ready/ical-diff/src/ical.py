"""Reading iCalendar (RFC 5545), as far as collection calendars use it: entries with a day, no recurrences."""

from dataclasses import dataclass

_ESCAPES = {"n": "\n", "N": "\n", ",": ",", ";": ";", "\\": "\\"}


class Unreadable(Exception):
    """It is no calendar, or only a part of one."""


@dataclass(frozen=True)
class Entry:
    """One VEVENT."""

    uid: str
    sequence: int
    day: str
    """`YYYY-MM-DD`."""
    summary: str
    category: str
    place: str
    cancelled: bool


@dataclass(frozen=True)
class Calendar:
    """A VCALENDAR: its name, its entries by UID, and how many entries had to be left out."""

    name: str
    entries: dict[str, Entry]
    skipped: int


def read(content: bytes) -> Calendar:
    """Reads one calendar."""
    name, entries, skipped = "", {}, 0
    inside: list[str] = []
    properties: dict[str, str] = {}
    complete = False
    for key, value in _properties(content):
        if key == "BEGIN":
            inside.append(value.upper())
            if inside == ["VCALENDAR", "VEVENT"]:
                properties = {}
        elif key == "END":
            if not inside or inside.pop() != value.upper():
                raise Unreadable
            if inside == ["VCALENDAR"] and value.upper() == "VEVENT":
                entry = _entry(properties)
                if entry is None:
                    skipped += 1
                elif entry.uid not in entries or entries[entry.uid].sequence <= entry.sequence:
                    entries[entry.uid] = entry
            complete = not inside
        elif inside == ["VCALENDAR"] and key == "X-WR-CALNAME":
            name = _text(value)
        elif inside == ["VCALENDAR", "VEVENT"]:
            properties.setdefault(key, value)
    if not complete:
        raise Unreadable
    return Calendar(name, entries, skipped)


def _properties(content: bytes):
    """Name and value of each content line. Lines are unfolded as bytes: a fold may lie within a character."""
    whole = content.replace(b"\r\n", b"\n").replace(b"\n ", b"").replace(b"\n\t", b"")
    try:
        text = whole.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable from None
    for line in text.split("\n"):
        if line:
            yield _split(line)


def _split(line: str) -> tuple[str, str]:
    """The colon that ends name and parameters is the first one outside quotation marks."""
    quoted = False
    for at, char in enumerate(line):
        if char == '"':
            quoted = not quoted
        elif char == ":" and not quoted:
            return line[:at].split(";", 1)[0].upper(), line[at + 1 :]
    raise Unreadable


def _entry(properties: dict[str, str]) -> Entry | None:
    uid, day = properties.get("UID", ""), _day(properties.get("DTSTART", ""))
    sequence = properties.get("SEQUENCE", "0")
    if not uid or day is None or not sequence.isascii() or not sequence.isdigit() or "RRULE" in properties:
        return None
    if "RECURRENCE-ID" in properties:
        uid = f"{uid}@{properties['RECURRENCE-ID']}"
    return Entry(
        uid=_text(uid),
        sequence=int(sequence),
        day=day,
        summary=_text(properties.get("SUMMARY", "")),
        category=_text(properties.get("CATEGORIES", "")),
        place=_text(properties.get("LOCATION", "")),
        cancelled=properties.get("STATUS", "").upper() == "CANCELLED",
    )


def _day(value: str) -> str | None:
    """The day of a DATE or DATE-TIME. Collections are a matter of days, so the zone does not matter."""
    digits = value[:8]
    if len(digits) < 8 or not digits.isascii() or not digits.isdigit() or value[8:9] not in ("", "T"):
        return None
    year, month, day = digits[:4], digits[4:6], digits[6:8]
    return f"{year}-{month}-{day}" if "01" <= month <= "12" and "01" <= day <= "31" else None


def _text(value: str) -> str:
    """Undoes the escapes of TEXT."""
    out, chars = [], iter(value)
    for char in chars:
        if char == "\\":
            following = next(chars, "")
            out.append(_ESCAPES.get(following, following))
        else:
            out.append(char)
    return "".join(out)
