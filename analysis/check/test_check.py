"""The check itself: its definitions against scipy and against all arrangements, and that it finds a
changed number.

`cargo xtask test --independent` runs this; by hand the variables WEIGHBRIDGE_RUN,
WEIGHBRIDGE_GENERATED, WEIGHBRIDGE_CLAIMS and WEIGHBRIDGE_CALIBRATION name the files that check.py
takes.
"""

import itertools
import json
import math
import os
import re
import shutil
import tempfile
import tomllib
import unittest
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from scipy import stats

import check
import definitions as by
import model
import pace
from estimates import Evidence, beside_controls, reaches_below
from printed import THIN, Expected
from raw import Cell, Run, own_readings, per_tenant


class Named(str):
    """A cell that is known by its subject alone."""

    @property
    def subject(self):
        return str(self)


def all_arrangements(a, b):
    """The two-sided p-value by dealing the values in every possible way."""
    values, n = [*a, *b], len(a)
    ranks = stats.rankdata(values)
    found = sum(ranks[:n])
    sums = [sum(of) for of in itertools.combinations(ranks, n)]
    low, high = sum(s <= found for s in sums), sum(s >= found for s in sums)
    return min(1, 2 * min(low, high) / len(sums))


class Definitions(unittest.TestCase):
    def test_the_rank_test_with_ties_is_that_of_all_arrangements(self):
        generator = np.random.default_rng(1)
        for sizes in [(6, 8), (7, 8), (5, 5), (3, 9)] * 5:
            a, b = (generator.integers(0, 6, size).astype(float) for size in sizes)
            self.assertAlmostEqual(by.mann_whitney(a, b), all_arrangements(a, b), places=12)

    def test_scipys_permutations_double_the_smaller_tail_too(self):
        a, b = [2.5, 2.5, 5.0, 5.0, 7.5, 7.5], [2.5, 5.0, 5.0, 7.5, 7.5, 7.5, 10.0, 10.0]

        def rank_sum(a, b):
            return sum(stats.rankdata([*a, *b])[: len(a)])

        scipys = stats.permutation_test((a, b), rank_sum, n_resamples=np.inf).pvalue
        self.assertAlmostEqual(by.mann_whitney(a, b), scipys, places=12)

    def test_an_interval_of_eight_values(self):
        # 1 - 2 * 0.5^8 * (1 + 8) = 92.97 %, 1 - 2 * 0.5^8 = 99.22 %: between the first and the
        # second value.
        low, high = by.median_interval([3, 1, 4, 1.5, 9, 2.6, 5, 3.5])
        self.assertTrue(1 < low < 1.5 and 5 < high < 9, (low, high))
        self.assertIsNone(by.median_interval([1, 2, 3, 4, 5]))

    def test_a_quantile_of_a_histogram(self):
        self.assertEqual(by.histogram_quantile({1: 2, 3: 1, 5: 1}, 0.5), 1)
        self.assertEqual(by.histogram_quantile({1: 2, 3: 1, 5: 1}, 0.75), 3)

    def test_a_rate_is_taken_between_the_answers(self):
        observation = {
            "metrics": {"requests_completed": 11, "measured_ns": 4 * 10**9},
            "stages_ns": {},
        }
        self.assertEqual(dict(own_readings(observation))["requests_per_second"], 2.75)
        observation["metrics"]["completions_span_ns"] = 2 * 10**9
        self.assertEqual(dict(own_readings(observation))["requests_per_second"], 5.0)

    def test_starts_per_second_are_of_the_last_answer_and_unknown_without_one(self):
        metrics = {"starts_answered_count": 16, "storm_last_answer_ns": 2 * 10**9}
        observation = {"metrics": metrics, "stages_ns": {}}
        self.assertEqual(dict(own_readings(observation))["starts_per_second"], 8.0)
        del metrics["storm_last_answer_ns"]
        self.assertNotIn("starts_per_second", dict(own_readings(observation)))

    def test_an_attack_is_a_multiple_of_what_was_before_and_of_the_control(self):
        metrics = {"before_latency_p99_ns": 100, "latency_p99_ns": 600, "latency_p50_ns": 7}
        observation = {"metrics": metrics, "stages_ns": {}}
        readings = dict(own_readings(observation))
        self.assertEqual(readings["p99_times_before"], 6.0)
        self.assertNotIn("p50_times_before", readings, "nothing was known before")
        spin = Cell("e", "w", "attack=spin", "a", "s")
        control, times = spin._replace(parameter="attack=none"), "p99_times_before"
        numbers = {(spin, times): {0: 6.0, 1: 5.0, 2: 4.0}, (control, times): {0: 2.0, 1: 1.0}}
        found = beside_controls(numbers)
        self.assertEqual(found, {(spin, "p99_times_control"): {0: 3.0, 1: 5.0}})

    def test_what_a_tenant_takes_is_the_slope_of_its_raise(self):
        cell = {"workload": "w", "parameter": "-", "architecture": "a", "subject": "s"}
        levels = [
            {
                "tenants_count": n,
                "metrics": {"packing_pss_bytes": (100 + 8 * n) << 20, "available_bytes": -3 * n},
            }
            for n in (1, 2, 4)
        ]
        observation = {"trial": {"experiment": "e", "cell": cell}, "raise": {"levels": levels}}
        expected = {"tenant_pss": 8.0 * 2**20, "tenants_per_gib": 128.0, "tenant_available": 3.0}
        self.assertEqual(dict(per_tenant(observation)), expected)
        del levels[1:]
        self.assertEqual(dict(per_tenant(observation)), {}, "one level has no slope")

    def test_the_cost_model_is_computed_by_hand(self):
        # 200 tenants of 0.01 GiB beside 1 GiB; 0.05 requests a second of 10 ms, starts of 60 ms.
        corner = (2**30, 0.01 * 2**30, 0.0001, 0.01, 0.06, 0.2)
        used = model.Model._used(corner, {"tenants": 200}, (0.05, 10.0))
        for name, expected in [("cpu", 1.2e9), ("memory", 3 * 2**30), ("p99", 0.01e9)]:
            self.assertAlmostEqual(used[name] / expected, 1.0)
        started = math.exp(-1)
        up = 1 - started + started * 0.05 * 0.21
        load = {"tenants": 200, "idle_timeout_ms": 20_000}
        used = model.Model._used(corner, load, (0.05, 10.0))
        cores = 200 * (0.0005 + 0.003 * started + 0.0001 * up)
        for name, expected in [
            ("cpu", cores * 10e9),
            ("memory", (1 + 2 * up) * 2**30),
            ("peak", 3 * 2**30),
            ("p99", 0.21e9),
        ]:
            self.assertAlmostEqual(used[name] / expected, 1.0)
        self.assertIsNone(model.Model._used((None, *corner[1:]), load, (0.05, 10.0)))

    def test_a_choice_is_open_where_intervals_overlap_and_else_right_or_wrong(self):
        def choose(first, second, measured):
            costs = {"a": first, "b": second}

            class Stub:
                evidence = SimpleNamespace(
                    estimates={
                        (subject, "packing_cpu"): SimpleNamespace(point=point)
                        for subject, point in measured.items()
                    }
                )

                def load(self, _cell):
                    return {}

                def foretell(self, cell):
                    cost = model.Estimate(*costs[cell.subject])
                    return SimpleNamespace(cpu=cost, memory=cost, started_share=0.0)

            return model.choose(Stub(), [Named("a"), Named("b")], by_memory=False)

        low, high = (1.0, (0.9, 1.1)), (2.0, (1.8, 2.2))
        self.assertEqual(choose(low, high, {"a": 3, "b": 4}).says, "right")
        wrong = choose(low, high, {"a": 6, "b": 4})
        self.assertEqual((wrong.says, wrong.least, wrong.times), ("wrong", "b", 1.5))
        wide = (1.5, (1.05, 2.0))
        self.assertEqual(choose(low, wide, {"a": 3, "b": 4})[:1], (["a", "b"],))
        self.assertEqual(choose(low, (2.0, None), {"a": 3, "b": 4}).says, "open")
        self.assertEqual(choose(low, high, {"a": 3}), model.NOT_JUDGED)

    def test_the_near_end_counts(self):
        self.assertTrue(reaches_below((1.01, 1.2), 2.0))
        self.assertFalse(reaches_below((1.03, 1.2), 2.0))
        self.assertTrue(reaches_below((0.7, 0.99), 2.0))

    def test_signs(self):
        self.assertEqual(by.sign_test([1, 2, 3, 4, 5, 6, 0]), 0.03125)
        self.assertIsNone(by.sign_test([0]))

    def test_paces(self):
        generator = np.random.default_rng(2)
        noise = generator.normal(0, 1, 300)
        self.assertEqual(pace.classify(100 + noise), ("flat", 0))
        late = np.where(np.arange(300) < 280, 100, 150)
        self.assertEqual(pace.classify(late + noise), ("no_steady_state", None))
        for start, word in [(150, "warm_up"), (50, "slow_down")]:
            series = np.where(np.arange(300) < 120, start, 100) + noise
            found, steady_from = pace.classify(series)
            self.assertEqual(found, word)
            self.assertAlmostEqual(steady_from, 120, delta=2)

    def test_a_slope_is_scipys_and_the_level_changes_no_digit(self):
        points = [(1, 4.0), (2, 5.0), (4, 11.0)]
        self.assertAlmostEqual(by.slope(points), stats.linregress(*zip(*points, strict=True)).slope)
        level = [(x, y + 5_836_800) for x, y in points]
        self.assertEqual(by.slope(level), by.slope(points))

    def test_holm(self):
        found = by.holm([0.01, 0.04, 0.03, 0.005])
        np.testing.assert_allclose(found, [0.03, 0.06, 0.06, 0.02])


class Printed(unittest.TestCase):
    def test_rounding_is_allowed_and_nothing_else(self):
        milliseconds = Expected(1_234_567.0, (1_204_000.0, 1_293_000.0), "ns")
        self.assertTrue(milliseconds.is_printed_as(f"1.235{THIN}ms [1.204, 1.293]"))
        for wrong in [
            "1.236{}ms [1.204, 1.293]",
            "1.235{}ms [1.203, 1.293]",
            "1.235{}µs [1.204, 1.293]",
            "1.235{}ms",
        ]:
            self.assertFalse(milliseconds.is_printed_as(wrong.format(THIN)), wrong)
        rate = Expected(42_135.0, (41_513.0, 42_702.0), "per_second")
        self.assertTrue(rate.is_printed_as(f"42{THIN}100/s [41{THIN}500, 42{THIN}700]"))
        for wrong in ["200", "101"]:
            self.assertFalse(rate.is_printed_as(f"42{THIN}{wrong}/s [41{THIN}500, 42{THIN}700]"))


def required(name):
    if name not in os.environ:
        raise AssertionError(f"{name} is not set: `cargo xtask test --independent` sets it")
    return Path(os.environ[name])


class Changed(unittest.TestCase):
    """One generated number is changed, as a fault of the analysis would."""

    @classmethod
    def setUpClass(cls):
        cls.generated = required("WEIGHBRIDGE_GENERATED")
        cls.claims = tomllib.loads(required("WEIGHBRIDGE_CLAIMS").read_text())["claim"]
        calibration = json.loads(required("WEIGHBRIDGE_CALIBRATION").read_text())
        cls.evidence = Evidence(Run(required("WEIGHBRIDGE_RUN")), calibration, cls.claims)
        cls.before = cls.differences(cls.generated)

    @classmethod
    def differences(cls, folder):
        ledger = check.compare(cls.evidence, folder, cls.claims)
        return {(kind, *place) for kind, places in ledger.differing.items() for place in places}

    def found_after(self, name, change):
        """What differs when `change` has been at one file, and did not before."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "generated"
            shutil.copytree(self.generated, copy)
            text = (copy / name).read_text()
            changed = change(text)
            self.assertNotEqual(text, changed)
            (copy / name).write_text(changed)
            return self.differences(copy) - self.before

    def check_summary(self, change, kind):
        """`change` gets the document and says which place it changed."""
        place = None

        def at(text):
            nonlocal place
            document = json.loads(text)
            place = change(document)
            return json.dumps(document)

        found = self.found_after("summary.json", at)
        self.assertEqual([(k, where) for k, where, _, _ in found], [(kind, place)])

    def test_a_p_value_off_in_the_third_digit(self):
        def change(document):
            line = next(line for line in document["comparisons"] if line["p"] and line["p"] > 0.01)
            line["p"] *= 1.003
            return where(line)

        self.check_summary(change, "Mann-Whitney p")

    def test_a_median_one_part_in_a_million_too_large(self):
        def change(document):
            lines = document["summaries"]
            line = next(line for line in lines if line["metric"] == "requests_per_second")
            line["point"] *= 1.000001
            return where(line)

        self.check_summary(change, "medians")

    def test_the_end_of_an_interval(self):
        def change(document):
            lines = document["comparisons"]
            line = next(line for line in lines if line["interval"] and line["a12"] is not None)
            line["interval"]["high"] *= 1.0001
            return where(line)

        self.check_summary(change, "intervals of ratios")

    def test_a_verdict(self):
        def change(document):
            line = document["verdicts"][0]
            line["verdict"] = "undecided" if line["verdict"] == "holds" else "holds"
            return line["claim"]["name"]

        self.check_summary(change, "verdicts")

    def check_last_digit(self, name, pattern):
        """The last digit of the first number after `pattern`."""

        def other(found):
            return found[1] + str((int(found[2]) + 1) % 10)

        one = re.compile(pattern)
        found = self.found_after(name, lambda text: one.sub(other, text, count=1))
        self.assertEqual(len(found), 1, found)
        return next(iter(found))

    def test_the_last_digit_of_a_sentences_number(self):
        kind, *_ = self.check_last_digit(
            "numbers.tex", r"(requests_per_second/ratio\}\{[\d.]*)(\d)"
        )
        self.assertEqual(kind, "numbers.tex: ratio")

    def test_the_last_digit_in_a_table(self):
        kind, *_ = self.check_last_digit(
            "table-throughput.tex", r"(?m)(^docker-scratch & [\d.\\,]*)(\d)"
        )
        self.assertEqual(kind, "table throughput")

    def test_the_last_digit_on_the_terminal(self):
        pattern = r"(?m)(^throughput .*\| docker-scratch +\| +[\d.\u202f]*)(\d)"
        kind, *_ = self.check_last_digit("summary.txt", pattern)
        self.assertEqual(kind, "summary.txt")


def where(line):
    keys = ("experiment", "workload", "parameter", "architecture", "subject")
    return "/".join(line[key] or "-" for key in keys) + " " + line["metric"]


if __name__ == "__main__":
    unittest.main()
