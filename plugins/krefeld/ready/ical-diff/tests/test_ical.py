import unittest

import ical
import plugin  # noqa: F401 - marks its function
from stadtbus_plugin.testing import call


class Reading(unittest.TestCase):
    def test_a_fold_may_lie_within_a_character(self) -> None:
        whole = "BEGIN:VCALENDAR\r\nX-WR-CALNAME:Hüls\r\nEND:VCALENDAR\r\n".encode()
        at = whole.index("ü".encode()) + 1
        self.assertEqual(ical.read(whole[:at] + b"\r\n " + whole[at:]).name, "Hüls")

    def test_escapes_are_undone(self) -> None:
        entry = "BEGIN:VEVENT\nUID:1\nDTSTART:20260101\nSUMMARY:a\\, b\\; c\\\\d\\ne\nEND:VEVENT\n"
        calendar = ical.read(f"BEGIN:VCALENDAR\n{entry}END:VCALENDAR\n".encode())
        self.assertEqual(calendar.entries["1"].summary, "a, b; c\\d\ne")

    def test_what_has_no_day_or_recurs_is_counted(self) -> None:
        entries = "BEGIN:VEVENT\nUID:1\nDTSTART:2026\nEND:VEVENT\n" + "BEGIN:VEVENT\nUID:2\nDTSTART:20260101\nRRULE:FREQ=DAILY\nEND:VEVENT\n"
        answer = call(raw=f"BEGIN:VCALENDAR\n{entries}END:VCALENDAR\n")
        self.assertEqual((answer.dropped, len(answer.logs)), ("no-change", 1))


if __name__ == "__main__":
    unittest.main()
