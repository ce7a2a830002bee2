"""SIRI-SX deliveries made up from a model, and the feed that `gtfs-realtime-bindings` writes of the same model."""

import base64
import random
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from google.transit import gtfs_realtime_pb2 as gtfs

NAMESPACE = "http://www.siri.org.uk/siri"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
TYPE = "de.krefeld.swkmobil.disruption.published.v1"
MEDIA_TYPE = "application/x-google-protobuf"
BASE = datetime(2026, 11, 23, 13, 5, 30, tzinfo=UTC)
TEXTS = ["Umleitung über Ostwall", "Linie 041 & 042 <unterbrochen>", "Ersatzverkehr – „bitte“ beachten", "Tønder 電車 🚋", "x" * 900]
CAUSES = {
    "powerProblem": gtfs.Alert.TECHNICAL_PROBLEM,
    "industrialAction": gtfs.Alert.STRIKE,
    "heavySnowFall": gtfs.Alert.WEATHER,
    "roadworks": gtfs.Alert.CONSTRUCTION,
    "policeActivity": gtfs.Alert.POLICE_ACTIVITY,
    "emergencyMedicalServices": gtfs.Alert.MEDICAL_EMERGENCY,
    "congestion": gtfs.Alert.OTHER_CAUSE,
    "unknown": gtfs.Alert.UNKNOWN_CAUSE,
}
EFFECTS = {
    "noService": gtfs.Alert.NO_SERVICE,
    "limitedOperation": gtfs.Alert.REDUCED_SERVICE,
    "majorDelays": gtfs.Alert.SIGNIFICANT_DELAYS,
    "diverted": gtfs.Alert.DETOUR,
    "additionalRide": gtfs.Alert.ADDITIONAL_SERVICE,
    "replacementTransport": gtfs.Alert.MODIFIED_SERVICE,
    "stopMoved": gtfs.Alert.STOP_MOVED,
    "disturbanceRectified": gtfs.Alert.NO_EFFECT,
}
SEVERITIES = {"slight": gtfs.Alert.INFO, "normal": gtfs.Alert.WARNING, "verySevere": gtfs.Alert.SEVERE}


def deliveries(chance: random.Random) -> dict[str, Any]:
    """One delivery as an event, and what must be sent for it."""
    feed = gtfs.FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    changes = chance.random() < 0.4
    feed.header.incrementality = gtfs.FeedHeader.DIFFERENTIAL if changes else gtfs.FeedHeader.FULL_DATASET
    feed.header.timestamp = int(BASE.timestamp())
    root = ET.Element(f"{{{NAMESPACE}}}Siri", version="2.1")
    service = _add(root, "ServiceDelivery")
    exchange = _add(service, "SituationExchangeDelivery")
    _add(exchange, "ResponseTimestamp", _written(BASE, chance))
    if changes:
        _add(exchange, "SubscriptionRef", "1")
    situations = _add(exchange, "Situations")
    tables: dict[str, dict[str, str]] = {"betreiber": {}, "linien": {}, "haltestellen": {}}
    numbers = sorted(f"{number:03}" for number in chance.sample(range(1000), chance.randint(0, 6)))
    # The order in the document does not matter; in the feed it is that of the keys.
    elements = {number: ET.Element(f"{{{NAMESPACE}}}PtSituationElement") for number in numbers}
    for number, element in elements.items():
        _situation(element, number, feed, changes, tables, chance)
    order = list(elements.values())
    chance.shuffle(order)
    situations.extend(order)
    # A prefix is as good as a default namespace.
    ET.register_namespace(chance.choice(["", "siri"]), NAMESPACE)
    text = ET.tostring(root, encoding="unicode", xml_declaration=False)
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:krefeld:swk-mobil:leitstelle",
        "type": TYPE,
        "datacontenttype": "application/xml",
        "data": text,
    }
    expect: dict[str, Any] = {"dropped": "nothing-public"}
    if feed.entity or not changes:
        written = feed.SerializeToString()
        assert gtfs.FeedMessage.FromString(written).IsInitialized()
        expect = {"encoded": {"content_type": MEDIA_TYPE, "base64": base64.b64encode(written).decode()}}
    return {"event": event, "tables": tables, "expect": expect}


def _situation(
    element: ET.Element, number: str, feed: gtfs.FeedMessage, changes: bool, tables: dict[str, dict[str, str]], chance: random.Random
) -> None:
    _add(element, "ParticipantRef", "SWK")
    _add(element, "SituationNumber", number)
    _add(element, "Version", str(chance.randint(1, 9)))
    progress = chance.choice(["published", "published", "open", "closing", "closed", "draft"])
    _add(element, "Progress", progress)
    alert = gtfs.Alert()
    for _ in range(chance.randint(0, 2)):
        start = BASE + timedelta(minutes=chance.randint(-600, 600))
        period = _add(element, "ValidityPeriod")
        _add(period, "StartTime", _written(start, chance))
        active = alert.active_period.add(start=int(start.timestamp()))
        if chance.random() < 0.7:
            end = start + timedelta(minutes=chance.randint(0, 3000))
            _add(period, "EndTime", _written(end, chance))
            active.end = int(end.timestamp())
    if chance.random() < 0.8:
        term = chance.choice(list(CAUSES))
        _add(element, "AlertCause", term)
        alert.cause = CAUSES[term]
    if chance.random() < 0.5:
        term = chance.choice(list(SEVERITIES))
        _add(element, "Severity", term)
        alert.severity_level = SEVERITIES[term]
    for language in chance.sample(["DE", "en", "tr"], chance.randint(1, 3)):
        text = chance.choice(TEXTS)
        _add(element, "Summary", f"\n  {text} ").set(LANG, language)
        alert.header_text.translation.add(text=text, language=language.lower())
    if chance.random() < 0.5:
        text = chance.choice(TEXTS)
        _add(element, "Description", text)
        alert.description_text.translation.add(text=text)
    _affected(element, alert, tables, chance)
    if progress in ("closed", "draft"):
        if changes:
            feed.entity.add(id=f"SWK:{number}", is_deleted=True)
    else:
        feed.entity.add(id=f"SWK:{number}", alert=alert)


def _affected(element: ET.Element, alert: gtfs.Alert, tables: dict[str, dict[str, str]], chance: random.Random) -> None:
    consequence = _add(_add(element, "Consequences"), "Consequence")
    term = chance.choice(list(EFFECTS))
    _add(consequence, "Condition", term)
    alert.effect = EFFECTS[term]
    affects = _add(consequence, "Affects")
    network = _add(_add(affects, "Networks"), "AffectedNetwork")
    selectors = []
    for line in chance.sample(range(40, 60), chance.randint(0, 3)):
        affected = _add(network, "AffectedLine")
        route = _named(affected, "LineRef", f"de:vrr:SWK-0{line}", f"{line}", tables["linien"], chance)
        stops = chance.sample(range(9), chance.randint(0, 2))
        points = _add(affected, "StopPoints") if stops else affected
        for stop in stops:
            point = _add(points, "AffectedStopPoint")
            named = _named(point, "StopPointRef", f"de:05114:{stop}", f"S{stop}", tables["haltestellen"], chance)
            selectors.append(gtfs.EntitySelector(route_id=route, stop_id=named))
        if not stops:
            selectors.append(gtfs.EntitySelector(route_id=route))
    for stop in chance.sample(range(20, 29), chance.randint(0, 2)):
        place = _add(_add(affects, "StopPlaces"), "AffectedStopPlace")
        named = _named(place, "StopPlaceRef", f"de:05114:{stop}", f"S{stop}", tables["haltestellen"], chance)
        selectors.append(gtfs.EntitySelector(stop_id=named))
    if not selectors:
        selectors.append(gtfs.EntitySelector(agency_id=tables["betreiber"].get("SWK", "SWK")))
    alert.informed_entity.extend(selectors)


def _named(parent: ET.Element, name: str, reference: str, other: str, table: dict[str, str], chance: random.Random) -> str:
    """A reference, which the timetable may know by another name. Once a table has it, it has it for good."""
    _add(parent, name, reference)
    if reference not in table and reference.endswith(("1", "3", "5")):
        table[reference] = other
    return table.get(reference, reference)


def _add(parent: ET.Element, name: str, text: str | None = None) -> ET.Element:
    element = ET.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    element.text = text
    return element


def _written(time: datetime, chance: random.Random) -> str:
    """The same moment, as one producer or another writes it."""
    offset = timezone(timedelta(hours=chance.choice([0, 1, 2, -5])))
    local = time.astimezone(offset).isoformat(timespec=chance.choice(["seconds", "milliseconds"]))
    return local.replace("+00:00", chance.choice(["Z", "+00:00"]))
