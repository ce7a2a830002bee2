"""The measured transform in Python."""

from stadtbus_plugin import Context, Draft, Drop, Event, transform


@transform
def measured(event: Event, context: Context) -> Draft:
    outage = event.json()
    if "customers" not in outage:
        raise Drop("no-outage", "the event is about something else")
    return Draft("de.krefeld.test.mapped.v1", data=outage | {"customers": -(-outage["customers"] // 1000) * 1000})
