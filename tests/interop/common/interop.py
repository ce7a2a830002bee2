"""Plays one SDK against a real bus and judges: `interop.py SDK FOLDER-OF-KNOWN -- WITNESS …`.

Two halves, so that a fault has one owner. *Sent*: the SDK publishes, and what the bus then has is read without any SDK.
*Carried*: the events are published without any SDK, and the SDK takes them on every way the bus delivers.
"""

import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from bus import Client, Seen
from cases import COUNT, Case, cases
from stage import Stage
from verdict import CARRIED, SENT, Fault, Known, Verdict, compare
from witness import Witness, seen

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "interop.md"
BATCH = 50
WITHIN_S = 120.0


def main() -> int:
    sdk, known_in, separator, *command = sys.argv[1:]
    if separator != "--" or not command:
        sys.exit("interop.py SDK FILE-OF-KNOWN -- WITNESS …")
    verdict = Verdict(_known(Path(known_in), sdk))
    folder = Path(os.environ["INTEROP_DIR"]) / f"stage-{sdk}"
    with Stage(folder) as stage, Witness(command, folder / "witness.log") as witness:
        stage.apply(f"127.0.0.1:{witness.ask('listen')['port']}")
        for mode in SENT:
            _sent(verdict, stage, witness, mode)
        _carried(verdict, stage, witness)
    print("\n".join(verdict.table(sdk)))
    complaints = verdict.complaints(DOCUMENT.read_text(encoding="utf-8"))
    for line in complaints[: int(os.environ.get("INTEROP_LINES_MAX", "40"))]:
        print(f"  ! {line}")
    if len(complaints) > 0:
        print(f"  {len(complaints)} complaints; logs in {folder}")
    return 1 if complaints else 0


def _known(file: Path, sdk: str) -> list[Known]:
    spec = importlib.util.spec_from_file_location("known", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: list[Known] = module.KNOWN[sdk]
    return found


def _sent(verdict: Verdict, stage: Stage, witness: Witness, mode: str) -> None:
    """The SDK publishes; the control reads what the bus has."""
    all_cases = [case for case in cases("sent") if not case.refused or mode in case.refused_in]
    for case in all_cases:
        # The bus recognises a repeat by id: each mode has events of its own.
        case.attributes["id"] = case.attributes["id"] and f"{mode}-{case.attributes['id']}"
    token = stage.token("pub", "sender", "publish")
    results: list[dict[str, Any]] = []
    for start in range(0, len(all_cases), BATCH):
        events = [case.wire() for case in all_cases[start : start + BATCH]]
        answer = witness.ask("publish", mode=mode, url=f"{stage.base}/v1/events", token=token, events=events)
        if answer.get("absent"):
            return
        results += answer["results"]
    control = Client(stage.base, stage.token("sub", "empfang", "subscribe"))
    taken = _all(control, sum(1 for result in results if result.get("status") == 202))
    for case, result in zip(all_cases, results, strict=True):
        verdict.judge(mode, case, _sent_faults(case, result, taken.get(case.name()), mode))


def _all(control: Client, count: int) -> dict[Any, Seen]:
    """Everything that was accepted, by its number."""
    taken: dict[Any, Seen] = {}
    deadline = time.monotonic() + WITHIN_S
    got = 0
    while got < count:
        for one in control.take("kontrolle"):
            taken[one.attributes.get("zeugennr")] = one
            got += 1
        if time.monotonic() > deadline:
            raise AssertionError(f"only {got} of {count} accepted events could be fetched")
    return taken


def _sent_faults(case: Case, result: dict[str, Any], taken: Seen | None, mode: str) -> list[Fault]:
    if "error" in result:
        return [] if case.refused else [Fault("error", str(result["error"])[:200])]
    if result["status"] != 202:
        code = _code(result["body"])
        # Whatever is wrong with an event is one of the codes for malformed events; a header that is no header is refused
        # by HTTP itself, which has no codes.
        if case.refused:
            no_http = mode == "binary" and result["status"] == 400 and result["body"] == ""
            return [] if code.startswith("SB-11") or no_http else [Fault("refused", code)]
        return [Fault("refused", code)]
    if case.refused:
        return [Fault("accepted", case.refused)]
    if taken is None:
        return [Fault("lost")]
    taken.sha256 = json.loads(result["body"])["receipt"]["sha256"]
    return compare(case, taken, mode)


def _code(body: str) -> str:
    try:
        problem = json.loads(body)
    except ValueError:
        return f"no problem document: {body[:80]!r}"
    problem = problem.get("error", problem)
    return str(problem.get("code", "no code"))


def _carried(verdict: Verdict, stage: Stage, witness: Witness) -> None:
    """Published by the specification, half in each mode; the SDK takes them on every way."""
    all_cases = cases("carried")
    publisher = Client(stage.base, stage.token("pub", "sender", "publish"))
    for case in all_cases:
        # Binary mode would turn integers into strings, and say JSON where that is left unsaid.
        typed = any(not isinstance(value, str) for value in case.attributes.values())
        if case.number % 2 and not typed and not case.implied_json and case.data != b"":
            publisher.publish_binary(case)
        else:
            publisher.publish(case)
    ask = {"token": stage.token("sub", "empfang", "subscribe"), "count": COUNT}
    at = f"{stage.base}/v1/subscriptions"
    told = {
        "pull": witness.ask("pull", url=f"{at}/zeuge-pull", **ask),
        "sse": witness.ask("stream", url=f"{at}/zeuge-sse/stream", **ask),
    }
    hooks: list[dict[str, Any]] = []
    deadline = time.monotonic() + WITHIN_S
    while len({(one["way"], one["key"]) for one in hooks}) < 2 * COUNT and time.monotonic() < deadline:
        hooks += witness.ask("received")["seen"]
        time.sleep(0.05)
    told["webhook-binary"] = {"seen": [one for one in hooks if one["way"] == "binary"]}
    told["webhook-structured"] = {"seen": [one for one in hooks if one["way"] == "structured"]}
    for way in CARRIED:
        by_key = {one["key"]: one for one in told[way]["seen"]}
        for case in all_cases:
            verdict.judge(way, case, _carried_faults(case, by_key.get(case.name()), way))


def _carried_faults(case: Case, told: dict[str, Any] | None, way: str) -> list[Fault]:
    if told is None:
        return [Fault("lost")]
    if "error" in told:
        return [Fault("error", str(told["error"])[:200])]
    return compare(case, seen(told["event"]), way)


if __name__ == "__main__":
    sys.exit(main())
