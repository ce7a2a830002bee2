"""Foreign readers and writers against the plugins: messages are made, `icalendar` and `pydifact` read them, `gtfs-realtime-bindings`
writes what is to be sent of them, and that is written down as `*_test.yaml` (JSON is YAML), which the components then have to
pass in the sandbox."""

import json
import os
import random
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from icalendar import Calendar, Event
from pydifact.segmentcollection import Interchange
from pydifact.segments import Segment

from siri import deliveries

READY = Path(__file__).resolve().parents[3] / "plugins/krefeld/ready"
COUNT = 200
# Characters of a difference that are shown.
FAILURE_SHOWN = 600
TODAY = date(2026, 11, 23)
WORDS = ["Restmüll", "Papier, blau", "Bio; braun", "Rück\\wärts", "Zeile eins\nZeile zwei", "Gelbe Tonne – " + "lang " * 30]

# pydifact brings no descriptions of service segments along, and says so each time.
warnings.filterwarnings("ignore", module="pydifact")

Case = dict[str, Any]


def calendars(chance: random.Random) -> Case:
    """Two editions of a calendar, written and read by icalendar; the difference is ours to find."""
    before = {f"{number}@gsak.example": _entry(chance) for number in range(chance.randint(1, 12))}
    after = {}
    for uid, (day, sequence, summary) in before.items():
        fate = chance.choice(["stays", "moves", "goes"])
        if fate == "stays":
            after[uid] = (day, sequence, summary)
        elif fate == "moves":
            after[uid] = (day + timedelta(days=chance.choice([-1, 1, 3])), sequence + 1, summary)
    steps = [_step(_written(before)), _step(_written(after))]
    first, second = (_read(step["raw"]["text"]) for step in steps)
    steps[0]["expect"] = {"dropped": "no-change"}
    events = []
    for uid, (sequence, day, _) in first.items():
        if uid in second and second[uid][1] != day:
            data = {"uid": uid, "sequence": second[uid][0], "calendar": "Hüls, 3", "from": day, "to": second[uid][1], "summary": second[uid][2]}
            events.append({"type": "de.krefeld.gsak.collection.rescheduled.v1", "subject": uid, "data": data})
    for uid, (sequence, day, _) in first.items():
        if uid not in second:
            data = {"uid": uid, "sequence": sequence, "calendar": "Hüls, 3", "day": day}
            events.append({"type": "de.krefeld.gsak.collection.cancelled.v1", "subject": uid, "data": data})
    steps[1]["expect"] = {"events": events} if events else {"dropped": "no-change"}
    return {"steps": steps}


def _entry(chance: random.Random) -> tuple[date, int, str]:
    return TODAY + timedelta(days=chance.randint(5, 300)), chance.randint(0, 3), chance.choice(WORDS)


def _written(entries: dict[str, tuple[date, int, str]]) -> str:
    calendar = Calendar()
    calendar.add("prodid", "-//witness//DE")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "Hüls, 3")
    for uid, (day, sequence, summary) in entries.items():
        event = Event()
        event.add("uid", uid)
        event.add("dtstamp", datetime(2026, 11, 23, tzinfo=UTC))
        event.add("sequence", sequence)
        event.add("dtstart", day)
        event.add("summary", summary)
        calendar.add_component(event)
    return calendar.to_ical().decode()


def _read(text: str) -> dict[str, tuple[int, str, str]]:
    found = {}
    for event in Calendar.from_ical(text).walk("VEVENT"):
        found[str(event["uid"])] = (int(event["sequence"]), event["dtstart"].dt.isoformat(), str(event["summary"]))
    return found


def _step(text: str) -> Case:
    return {"raw": {"content_type": "text/calendar", "received": "2026-11-23T06:00:00Z", "text": text}}


def interchanges(chance: random.Random) -> Case:
    """An interchange, written and read by pydifact."""
    interchange = Interchange(
        syntax_identifier=("UNOC", "3"),
        sender="99+1",
        recipient="992",
        control_reference=f"KR{chance.randint(1, 10**9)}",
        timestamp=datetime(2026, 11, 23, 8, 15),
    )
    own = {}
    for number in range(1, chance.randint(2, 4)):
        segments = []
        for _ in range(chance.randint(0, 4)):
            place = f"DE{chance.randint(1, 9):031}"
            if chance.random() < 0.7:
                own[place] = {"buildingId": f"KR-{place[-1]}", "medium": "electricity", "unit": "kWh"}
            value = f"{chance.randint(0, 10**6)}.{chance.randint(0, 999):03}"
            segments += [
                Segment("LOC", "172", place),
                Segment("LIN", "1"),
                Segment("PIA", "5", ["1-1:1.8.0", "SRW"]),
                Segment("QTY", [chance.choice(["220", "67"]), value]),
                Segment("DTM", ["9", f"202611{chance.randint(1, 30):02}{chance.randint(0, 23):02}{chance.randint(0, 59):02}+00", "303"]),
            ]
        interchange.add_segment(Segment("UNH", str(number), ["MSCONS", "D", "04B", "UN", "2.5"]))
        for segment in segments:
            interchange.add_segment(segment)
        interchange.add_segment(Segment("UNT", str(len(segments) + 2), str(number)))
    text = interchange.serialize()
    readings, foreign = _readings(text, own)
    expect: Case = {"events": readings}
    if not readings:
        expect = {"dropped": "foreign-metering-point" if foreign else "no-reading"}
    return {"tables": {"messlokationen": own}, "raw": {"content_type": "application/edifact", "text": text}, "expect": expect}


def _readings(text: str, own: dict[str, Any]) -> tuple[list[Case], int]:
    found, foreign, place, register, value = [], 0, "", "", ("", "")
    for segment in Interchange.from_str(text).segments:
        elements = segment.elements
        match segment.tag:
            case "LOC":
                place = elements[1]
            case "PIA":
                register = elements[1][0]
            case "QTY":
                value = (elements[0][0], elements[0][1])
            case "DTM":
                stamp = datetime.strptime(f"{elements[0][1]}00", "%Y%m%d%H%M%z")
                if place not in own:
                    foreign += 1
                    continue
                at = stamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
                quality = {"220": "measured", "67": "substitute"}[value[0]]
                data = own[place] | {"value": float(value[1]), "at": at, "register": register, "quality": quality}
                found.append({"subject": own[place]["buildingId"], "time": at, "data": data})
    return found, foreign


def judge(plugin: str, reader: str, make: Callable[[random.Random], Case], seed: int) -> bool:
    """Writes cases and lets the component answer them."""
    folder = Path(os.environ["INTEROP_DIR"]) / plugin
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "build").mkdir(parents=True)
    shutil.copy(READY / plugin / "plugin.yaml", folder)
    component = f"build/{plugin}.wasm"
    build = [os.environ["STADTBUS_BIN"], "plugin", "build", str(READY / plugin)]
    subprocess.run(build, check=True, stdout=sys.stderr)
    shutil.copy(READY / plugin / component, folder / component)
    chance = random.Random(seed)
    cases = [{"name": f"{reader} {number}"} | make(chance) for number in range(COUNT)]
    (folder / f"{plugin}_test.yaml").write_text(json.dumps(cases, ensure_ascii=False), encoding="utf-8")
    command = [os.environ["STADTBUS_BIN"], "test", str(folder), "--output", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answer = json.loads(ran.stdout)
    except ValueError:
        print(ran.stdout + ran.stderr, file=sys.stderr)
        return False
    print(f"{plugin:18} {reader:22} {answer['passed']:5} {answer['failed']:6}")
    for case in [case for case in answer["cases"] if case.get("failure")][:5]:
        print(f"  ! {case['name']}: {case['failure'][:FAILURE_SHOWN]}")
    return answer["failed"] == 0


def main() -> int:
    seed = int(os.environ.get("INTEROP_SEED", "1"))
    print(f"{'plugin':18} {'witness':22} {'same':>5} {'other':>6}   (seed {seed})")
    agreed = [
        judge("ical-diff", "icalendar", calendars, seed),
        judge("mscons-reading", "pydifact", interchanges, seed),
        judge("siri-sx-to-gtfsrt", "gtfs-realtime-bindings", deliveries, seed),
    ]
    return 0 if all(agreed) else 1


if __name__ == "__main__":
    sys.exit(main())
