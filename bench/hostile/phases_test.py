#!/usr/bin/python3
"""Phases is pure: samples in, figures out. Time is the number of seconds since the client began."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from hostile.phases import BEFORE, DURING, Phases  # noqa: E402

BEGIN, END, LAST = 10, 20, 30  # of the attack, and of the client


def ticks(kind, begin, end, ms, interval=0.1, answered=True):
    count = round((end - begin) / interval)
    return [(kind, begin + number * interval, ms / 1000, answered) for number in range(count)]


def phases(*samples):
    return Phases([sample for some in samples for sample in some], BEGIN, END)


class PhasesTest(unittest.TestCase):
    def test_a_call_counts_for_the_phase_of_its_tick(self):
        found = phases([("search", BEGIN - 0.01, 3, True)], ticks("search", BEGIN, END, 1))
        self.assertEqual(found.quantile("search", BEFORE, 1), 3000)
        self.assertEqual(found.quantile("search", DURING, 1), 1)

    def test_the_ratio_compares_the_same_quantile(self):
        found = phases(ticks("search", 0, BEGIN, 2), ticks("search", BEGIN, END, 6))
        self.assertAlmostEqual(found.ratio("search"), 3)

    def test_a_kind_without_samples_has_no_figures(self):
        found = phases(ticks("search", 0, BEGIN, 2))
        self.assertIsNone(found.ratio("search"))
        self.assertIsNone(found.quantile("get", BEFORE, 0.5))

    def test_a_quick_refusal_counts_as_five_seconds(self):
        found = phases(ticks("search", BEGIN, END, 1, answered=False))
        self.assertEqual(found.quantile("search", DURING, 0.5), 5000)
        self.assertEqual(found.failed("search"), 100)

    def test_all_is_well_at_once_when_no_half_second_is_bad(self):
        found = phases(ticks("search", 0, LAST, 2))
        self.assertEqual(found.seconds_until_well(), 0)

    def test_one_slow_call_makes_no_half_second_bad(self):
        found = phases(ticks("search", 0, LAST, 2), [("search", END + 3, 4, True)])
        self.assertEqual(found.seconds_until_well(), 0)

    def test_all_is_well_after_the_last_bad_half_second(self):
        found = phases(ticks("search", 0, LAST, 2), ticks("get", 0, BEGIN, 50),
                       ticks("get", END, END + 2, 500), ticks("get", END + 2, LAST, 60))
        self.assertEqual(found.seconds_until_well(), 2)

    def test_a_failed_call_makes_its_half_second_bad(self):
        found = phases(ticks("search", 0, LAST, 2), [("get", END + 4.1, 0.001, False)])
        self.assertEqual(found.seconds_until_well(), 4.5)

    def test_all_is_never_well_when_the_last_half_second_is_bad(self):
        found = phases(ticks("search", 0, END, 2), ticks("search", END, LAST, 900))
        self.assertEqual(found.seconds_until_well(), float("inf"))


if __name__ == "__main__":
    unittest.main()
