"""What came out, held against what went in; and what of it is known."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Callable, Iterable

from bus import Seen, canonical, digest
from cases import Case

SENT = ("binary", "structured", "batch")
CARRIED = ("pull", "webhook-binary", "webhook-structured", "sse")
# Ways on which an attribute is a string whatever it was, and an empty payload is none.
UNTYPED = ("binary", "webhook-binary")


@dataclass(frozen=True)
class Fault:
    """One difference. `kind`: error, refused, accepted, lost, value, type, missing, extra, data."""

    kind: str
    name: str = ""
    """The attribute, the bus's code, or the SDK's sentence."""
    expected: str = ""
    seen: str = ""

    def __str__(self) -> str:
        words = f"{self.kind} {self.name}".strip()
        return f"{words}: expected {self.expected!r}, saw {self.seen!r}" if self.expected or self.seen else words


@dataclass(frozen=True)
class Known:
    """A disagreement that is known: where, by which predicate, and under which name in docs/interop.md."""

    id: str
    ways: tuple[str, ...]
    explains: Callable[[Case, Fault, str], bool]


@dataclass
class Cell:
    """One way with one SDK."""

    way: str
    green: int = 0
    explained: int = 0
    unexplained: list[tuple[Case, Fault]] | None = None


def compare(case: Case, seen: Seen, way: str) -> list[Fault]:
    """All differences between a case and how it was seen after this way."""
    untyped = way in UNTYPED
    expected = dict(case.attributes)
    if untyped and case.implied_json:
        # Where nothing says JSON by itself, it is said (JSON format, 3.1.2).
        expected["datacontenttype"] = "application/json"
    faults = []
    for name in sorted(expected.keys() | seen.attributes.keys()):
        if name not in seen.attributes:
            faults.append(Fault("missing", name, canonical(expected[name])))
        elif name not in expected:
            faults.append(Fault("extra", name, seen=canonical(seen.attributes[name])))
        elif canonical(expected[name]) != canonical(seen.attributes[name]):
            faults.append(Fault("value", name, canonical(expected[name]), canonical(seen.attributes[name])))
        elif not untyped and type(expected[name]) is not type(seen.attributes[name]):
            faults.append(Fault("type", name, type(expected[name]).__name__, type(seen.attributes[name]).__name__))
    return faults + _data(case, seen, untyped)


def _data(case: Case, seen: Seen, untyped: bool) -> list[Fault]:
    data, given = case.data, seen.data
    if seen.sha256 and seen.sha256 != digest(given):
        # Whatever the SDK made of it: what the bus acknowledged is what it hands out.
        return [Fault("data", "sha256", seen.sha256, digest(given))]
    if untyped:
        data, given = data or None, given or None
    if seen.json is not None and not (given and given == data):
        same = case.kind == "json" and data is not None and same_json(data.decode(), seen.json)
        return [] if same else [Fault("data", "json", _shown(data), seen.json)]
    if data == given:
        return []
    by_value = case.kind == "json" and case.given == "value" and data is not None and given is not None
    if by_value and seen.sha256 and _is_json(given) and same_json(data.decode(), given.decode()):
        return []
    return [Fault("data", case.kind, _shown(data), _shown(given))]


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def same_json(one: str, other: str) -> bool:
    """Equal as JSON: numbers by their value to the last digit, members in any order."""
    return _tree(one) == _tree(other)


def _tree(text: str) -> Any:
    # A tagged number is equal to no string and to no boolean.
    number = lambda digits: ("number", Decimal(digits))  # noqa: E731
    return _tagged(json.loads(text, parse_int=number, parse_float=number))


def _tagged(tree: Any) -> Any:
    if isinstance(tree, list):
        return ("list", [_tagged(item) for item in tree])
    if isinstance(tree, dict):
        return ("object", {name: _tagged(value) for name, value in tree.items()})
    return tree


def _shown(data: bytes | None) -> str:
    return "no data" if data is None else data[:120].decode(errors="backslashreplace")


class Verdict:
    """The table of one SDK, and whether it is what is known."""

    def __init__(self, known: Iterable[Known]) -> None:
        self._known = list(known)
        self._hits: dict[tuple[str, str], int] = {}
        self._cells: dict[str, Cell] = {}

    def judge(self, way: str, case: Case, faults: list[Fault]) -> None:
        """Counts one case."""
        cell = self._cells.setdefault(way, Cell(way, unexplained=[]))
        if not faults:
            cell.green += 1
            return
        unknown = [fault for fault in faults if not self._explained(way, case, fault)]
        if unknown and cell.unexplained is not None:
            cell.unexplained.extend((case, fault) for fault in unknown)
        else:
            cell.explained += 1

    def _explained(self, way: str, case: Case, fault: Fault) -> bool:
        for known in self._known:
            if way in known.ways and known.explains(case, fault, way):
                self._hits[known.id, way] = self._hits.get((known.id, way), 0) + 1
                return True
        return False

    def table(self, sdk: str) -> list[str]:
        """Rows: way, green, explained, unexplained, and which disagreements were met how often."""
        lines = [f"{sdk}", f"  {'':<20}{'green':>7}{'explained':>11}{'unexplained':>13}"]
        for way in (*SENT, *CARRIED):
            cell = self._cells.get(way)
            if cell is None:
                lines.append(f"  {_direction(way):<20}{'-':>7}{'-':>11}{'-':>13}  the SDK has no such mode")
                continue
            met = [f"{known.id}×{self._hits[known.id, way]}" for known in self._known if (known.id, way) in self._hits]
            bad = len({case.number for case, _ in cell.unexplained or []})
            lines.append(f"  {_direction(way):<20}{cell.green:>7}{cell.explained:>11}{bad:>13}  {' '.join(met)}")
        return lines

    def complaints(self, document: str) -> list[str]:
        """Why the run fails: what is not known, what is known and has vanished, what is not written down."""
        lines = []
        for way, cell in self._cells.items():
            for case, fault in cell.unexplained or []:
                lines.append(f"{_direction(way)} {case.name()}: {fault}")
        for known in self._known:
            vanished = [way for way in known.ways if (known.id, way) not in self._hits]
            lines.extend(f"{known.id} was not met on {way}: take it out" for way in vanished)
            if f"| {known.id} |" not in document:
                lines.append(f"{known.id} has no row in docs/interop.md")
        return lines


def _direction(way: str) -> str:
    return f"{'→ bus' if way in SENT else '← bus'}  {way}"
