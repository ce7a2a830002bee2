"""A calendar says what is planned, never what has changed. The change is the difference to the calendar before.

The first calendar of a district is only remembered. An entry that is on another day than before was rescheduled; one
that is marked as cancelled, or is missing although its day has not come, was cancelled.
"""

from collections.abc import Iterator

import ical
from stadtbus_plugin import Context, Draft, Drop, Raw, Reject, decode, log

RESCHEDULED = "de.krefeld.gsak.collection.rescheduled.v1"
CANCELLED = "de.krefeld.gsak.collection.cancelled.v1"

Known = dict[str, list]
"""UID → [sequence, day]."""


@decode
def changes(raw: Raw, context: Context) -> list[Draft]:
    """Events for what differs from the calendar before."""
    try:
        calendar = ical.read(raw.bytes)
    except ical.Unreadable:
        # Half a calendar would look like a hundred cancellations.
        raise Reject("calendar-unreadable", "the message is not a complete iCalendar file") from None
    if calendar.skipped:
        log.warn(f"{calendar.skipped} entries without UID or day, or recurring, were left out")
    today = raw.received[:10]
    calendars = context.state or {}
    before: Known | None = calendars.get(calendar.name)
    after = {
        entry.uid: [entry.sequence, entry.day]
        for entry in calendar.entries.values()
        if entry.day >= today and not entry.cancelled
    }
    drafts: list[Draft] = []
    if before is not None:
        drafts = [*_moved(calendar, before, after), *_gone(calendar, before, today)]
    context.state = calendars | {calendar.name: after}
    if not drafts:
        raise Drop("no-change", "nothing was rescheduled or cancelled since the last calendar")
    return drafts


def _moved(calendar: ical.Calendar, before: Known, after: Known) -> Iterator[Draft]:
    for uid, (sequence, day) in before.items():
        entry = calendar.entries.get(uid)
        if entry is None or entry.cancelled:
            continue
        if entry.sequence < sequence:
            # An older edition came late; what is known stays.
            after[uid] = [sequence, day]
        elif entry.day != day:
            yield _draft(RESCHEDULED, calendar, entry, {"from": day, "to": entry.day}, f"#{entry.day}")


def _gone(calendar: ical.Calendar, before: Known, today: str) -> Iterator[Draft]:
    for uid, (sequence, day) in before.items():
        entry = calendar.entries.get(uid)
        if day < today or (entry is not None and not entry.cancelled):
            continue
        missing = ical.Entry(uid, sequence, day, "", "", "", True)
        yield _draft(CANCELLED, calendar, entry or missing, {"day": day}, "#cancelled")


def _draft(type: str, calendar: ical.Calendar, entry: ical.Entry, days: dict[str, str], what: str) -> Draft:
    named = {"fraction": entry.category, "place": entry.place, "summary": entry.summary}
    return Draft(
        type,
        key=f"{entry.uid}#{entry.sequence}{what}",
        subject=entry.uid,
        extensions={"dataclassification": "public"},
        data={"uid": entry.uid, "sequence": entry.sequence, "calendar": calendar.name}
        | days
        | {name: value for name, value in named.items() if value},
    )
