"""From the raw log to every estimate, comparison and verdict, by the rules of METHODOLOGY.md."""

from collections import defaultdict
from typing import NamedTuple

import definitions as by
import pace
from quantities import EXACT, LATENCIES, SLOPES, is_compared, unit_of

SIGNIFICANCE = 0.05
# What makes another machine: a calibration says nothing beyond its own.
MACHINE = ["architecture", "cores_count", "cpu_model", "virtualised"]


class Estimate(NamedTuple):
    """One quantity of one cell. `interval` is None where there are too few invocations; `is_drawn`
    says that it is a bootstrap's, which draws numbers."""

    n: int
    samples_count: int | None
    point: float
    interval: tuple | None
    exact: bool
    is_drawn: bool = False


class Comparison(NamedTuple):
    """One cell beside the baseline's."""

    versus: str
    ratio: float | None
    interval: tuple | None
    a12: float | None
    p: float | None
    p_adjusted: float | None
    effect: str
    doubt: str | None


class Evidence:
    """Everything that the check knows of a run, from its raw log alone."""

    def __init__(self, run, calibration=None):
        self.run = run
        self.floors = floors(run, calibration)
        self.paces = paces(run)
        # By cell and quantity, one number per invocation.
        self.numbers = {key: dict(values) for key, values in run.numbers.items()}
        self.numbers.update(slopes(self.numbers))
        for cell, found in self.paces.items():
            medians = {i: m for i, (_, _, m) in found.items() if m is not None}
            if medians:
                self.numbers[cell, "steady_latency"] = medians
        self._add_quantiles()
        self.estimates = {key: self._estimate(*key) for key in self.numbers}
        self.comparisons = self._compare()

    def _add_quantiles(self):
        """Quantiles of latency, of each invocation by itself; where all requests together are
        enough for them."""
        self.requests = {}
        for cell, of_cell in self.run.histograms.items():
            total = sum(sum(histogram.values()) for histogram in of_cell.values())
            for metric, (share, least) in LATENCIES.items():
                if total >= least:
                    self.requests[cell, metric] = total
                    self.numbers[cell, metric] = {
                        i: by.histogram_quantile(h, share) for i, h in of_cell.items()
                    }

    def exact_value(self, cell, metric):
        """The value of an exact quantity on which all invocations agree."""
        values = set(self.numbers.get((cell, metric), {}).values())
        return values.pop() if metric in EXACT and len(values) == 1 else None

    def _estimate(self, cell, metric):
        values = list(self.numbers[cell, metric].values())
        count = self.requests.get((cell, metric))
        if metric in LATENCIES:
            pooled = by.pooled(self.run.histograms[cell].values())
            point = by.histogram_quantile(pooled, LATENCIES[metric][0])
            return Estimate(len(values), count, point, None, False, is_drawn=True)
        exact = self.exact_value(cell, metric)
        interval = by.median_interval(values) if exact is None else (exact, exact)
        return Estimate(len(values), count, by.median(values), interval, exact is not None)

    def pairs(self, cell, other, metric):
        """Values of both cells from the blocks that showed both, apart by machine."""
        a, b = self.numbers[cell, metric], self.numbers[other, metric]
        groups = defaultdict(list)
        for invocation in sorted(a.keys() & b.keys()):
            machine = self.run.machines[cell].get(invocation)
            if machine == self.run.machines[other].get(invocation):
                groups[machine].append((a[invocation], b[invocation]))
        return list(groups.values())

    def ratio(self, cell, other, metric):
        """(ratio, interval): the median of the ratios within the blocks."""
        exact = self.exact_value(cell, metric), self.exact_value(other, metric)
        if None not in exact:
            return (exact[0] / exact[1], (exact[0] / exact[1],) * 2) if exact[1] else (None, None)
        machines = self.pairs(cell, other, metric)
        if len(machines) > 1:
            raise SystemExit("this check knows runs of one machine only")
        pairs = machines[0] if machines else []
        if not pairs or any(b == 0 for _, b in pairs):
            return None, None
        ratios = [a / b for a, b in pairs]
        return by.median(ratios), by.median_interval(ratios)

    def compare_one(self, cell, metric, versus):
        """The comparison before any correction; None where a side was not measured."""
        other = cell._replace(subject=versus)
        if (cell, metric) not in self.numbers or (other, metric) not in self.numbers:
            return None
        ratio, interval = self.ratio(cell, other, metric)
        sampled = None in (self.exact_value(cell, metric), self.exact_value(other, metric))
        values = [list(self.numbers[key, metric].values()) for key in (cell, other)]
        a12, p = (by.a12(*values), by.mann_whitney(*values)) if sampled else (None, None)
        return decided(Comparison(versus, ratio, interval, a12, p, None, "", None), metric, None)

    def _compare(self):
        found, families = {}, defaultdict(list)
        for cell, metric in self.estimates:
            baseline = self.run.manifest["experiments"][cell.experiment]["baseline"]
            if cell.subject == baseline or not is_compared(self.run.kind(cell.experiment), metric):
                continue
            comparison = self.compare_one(cell, metric, baseline)
            if comparison:
                found[cell, metric] = comparison
                if comparison.p is not None:
                    families[cell.experiment, metric].append((cell, metric))
        for keys in families.values():
            for key, p in zip(keys, by.holm([found[key].p for key in keys])):
                found[key] = found[key]._replace(p_adjusted=p)
        return {key: decided(of, key[1], self.floor(*key)) for key, of in found.items()}

    def floor(self, cell, metric):
        """The smallest effect, in percent, that this machine can tell from none."""
        return self.floors.get((cell.experiment, metric))

    def judge(self, claim):
        """(verdict, ratio, interval) of one claim."""
        cell = claim_cell(claim, self.run.own)
        metric = claim["metric"]
        known = self.comparisons.get((cell, metric))
        if known is None or known.versus != claim["versus"]:
            known = self.compare_one(cell, metric, claim["versus"])
        if known is None:
            return "not_measured", None, None
        verdict = "undecided"
        if known.interval is not None:
            verdict = self._decide(claim, cell, metric, known)
        return verdict, known.ratio, known.interval

    def _decide(self, claim, cell, metric, known):
        (low, high), factor = known.interval, claim["factor"]
        is_less = claim["relation"] == "less"
        holds = high < factor if is_less else low > factor
        contradicted = low >= factor if is_less else high <= factor
        floor = None if metric in EXACT else self.floor(cell, metric)
        is_small = floor is not None and abs(known.ratio / factor - 1) * 100 < floor
        is_chance = factor == 1 and (known.doubt or "").startswith("chance")
        if is_small or is_chance or not (holds or contradicted):
            return "undecided"
        return "holds" if holds else "contradicted"


def claim_cell(claim, architecture):
    """The cell on top of the claim's ratio."""
    from raw import Cell

    workload, parameter = claim.get("workload"), claim.get("parameter", "-")
    return Cell(claim["experiment"], workload, parameter, architecture, claim["subject"])


def decided(comparison, metric, floor):
    """With its effect and its doubt."""
    doubt = doubt_of(comparison, metric, floor)
    effect = "undecided" if doubt else effect_of(comparison.interval, metric)
    return comparison._replace(effect=effect, doubt=doubt)


def doubt_of(comparison, metric, floor):
    """Why a comparison says nothing; the first reason that there is."""
    if comparison.ratio is None:
        return "undefined"
    if comparison.interval is None:
        return "too_few"
    low, high = comparison.interval
    is_equal = metric in EXACT and (low, high) == (1, 1)
    if low <= 1 <= high and not is_equal:
        return "spans_one"
    is_sampled = comparison.a12 is not None
    if floor is not None and is_sampled and abs(comparison.ratio - 1) * 100 < floor:
        return "below_floor"
    if comparison.p_adjusted is not None and comparison.p_adjusted > SIGNIFICANCE:
        return "chance"
    return None


def effect_of(interval, metric):
    low, high = interval
    is_time = unit_of(metric) == "ns"
    if high < 1:
        return "faster" if is_time else "lower"
    if low > 1:
        return "slower" if is_time else "higher"
    return "equal"


def slopes(numbers):
    """What each further instance adds: the slope over the number of instances, within each
    block."""
    points = defaultdict(lambda: defaultdict(list))
    for (cell, metric), values in numbers.items():
        name, _, copies = cell.parameter.partition("=")
        if name != "copies" or metric not in SLOPES:
            continue
        derived, least = SLOPES[metric]
        for block, value in values.items():
            if int(copies) >= least:
                points[cell._replace(parameter="-"), derived][block].append((int(copies), value))
    found = {}
    for key, blocks in points.items():
        of_blocks = {block: by.slope(of) for block, of in blocks.items()}
        of_blocks = {block: slope for block, slope in of_blocks.items() if slope is not None}
        if of_blocks:
            found[key] = of_blocks
    return found


def paces(run):
    """By cell and invocation: (word, first steady iteration, median of the steady ones)."""
    found = {}
    for cell, of_cell in run.series.items():
        found[cell] = {}
        for invocation, durations in of_cell.items():
            word, steady_from = pace.classify(durations)
            steady = None if steady_from is None else by.median(durations[steady_from:])
            found[cell][invocation] = (word, steady_from, steady)
    return found


def floors(run, calibration):
    """By experiment and quantity: the largest of the settings' smallest effects, where it is this
    machine's."""
    if calibration is None:
        return {}
    here, there = run.manifest["fingerprint"], calibration["fingerprint"]
    if any(here.get(what) != there.get(what) for what in MACHINE):
        return {}
    found = {}
    for effect in calibration["effects"]:
        key = effect["experiment"], effect["quantity"]
        found[key] = max(found.get(key, 0.0), effect["smallest_effect_percent"])
    return found
