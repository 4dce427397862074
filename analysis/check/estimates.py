"""From the raw log to every estimate, comparison and verdict, by the rules of METHODOLOGY.md."""

import math
from collections import defaultdict
from typing import NamedTuple

import definitions as by
import judge
import pace
import twins
from quantities import EXACT, LATENCIES, SLOPES, is_compared, is_reported, unit_of
from raw import Visit, cell_of

SIGNIFICANCE = 0.05
# What makes another machine: a calibration says nothing about another one.
MACHINE = ["architecture", "cores_count", "cpu_model", "virtualised"]


class Estimate(NamedTuple):
    """One quantity of one cell. `interval` is None where there are too few invocations."""

    n: int
    samples_count: int | None
    point: float
    interval: tuple | None
    exact: bool


class Comparison(NamedTuple):
    """One cell beside the baseline's. `without_repeats` is the ratio from the planned visits alone,
    where it is another by more than the interval's half-width."""

    versus: str
    ratio: float | None
    interval: tuple | None
    without_repeats: float | None
    a12: float | None
    p: float | None
    p_adjusted: float | None
    effect: str
    doubt: str | None


class Evidence:
    """Everything that the check knows of a run, from its raw log alone."""

    def __init__(self, run, calibration=None, claims=()):
        self.run = run
        self.paces = paces(run)
        # By cell and quantity: one number per invocation, and every visit's.
        self.numbers = {key: dict(values) for key, values in run.numbers.items()}
        self.visits = {key: dict(visits) for key, visits in run.visits.items()}
        derived = slopes(self.numbers) | exponents(run, self.numbers)
        for key, values in (derived | beside_controls(self.numbers)).items():
            self._add(key, values)
        for cell, found in self.paces.items():
            medians = {i: m for i, (_, _, m) in found.items() if m is not None}
            if medians:
                self._add((cell, "steady_latency"), medians)
        self._add_quantiles()
        self.estimates = {
            (cell, metric): self._estimate(cell, metric)
            for cell, metric in self.numbers
            if is_reported(run.kind(cell.experiment), metric)
        }
        self.twins = twins.Twins(self, floors(run, calibration))
        self.comparisons = self._compare()
        self.limited = limited(run)
        self.judged = judge.judge(self, claims)

    def _add(self, key, values):
        """Numbers that follow from others, one per invocation."""
        self.numbers[key] = values
        self.visits[key] = {(i, 0): Visit(value, False) for i, value in values.items()}

    def _add_quantiles(self):
        """Quantiles of latency, of each visit by itself; where each one that counts has enough
        requests for them."""
        self.requests = {}
        for cell, of_cell in self.run.histograms.items():
            sizes = {place: sum(visit.value.values()) for place, visit in of_cell.items()}
            counted = [place for place in self.run.counts[cell].items() if place in sizes]
            for metric, (share, least) in LATENCIES.items():
                if not counted or min(sizes[place] for place in counted) < least:
                    continue
                visits = {
                    place: visit._replace(value=by.histogram_quantile(visit.value, share))
                    for place, visit in of_cell.items()
                }
                self.visits[cell, metric] = visits
                self.numbers[cell, metric] = {place[0]: visits[place].value for place in counted}
                self.requests[cell, metric] = sum(sizes[place] for place in counted)

    def exact_value(self, cell, metric):
        """The value of an exact quantity on which all invocations agree."""
        values = set(self.numbers.get((cell, metric), {}).values())
        return values.pop() if metric in EXACT and len(values) == 1 else None

    def _estimate(self, cell, metric):
        values = list(self.numbers[cell, metric].values())
        count = self.requests.get((cell, metric))
        exact = self.exact_value(cell, metric)
        interval = by.median_interval(values) if exact is None else (exact, exact)
        return Estimate(len(values), count, by.median(values), interval, exact is not None)

    def pairs(self, cell, other, metric):
        """Values of both cells from the blocks that showed both, apart by machine: beside the one
        that counts that of the other cell's visit of the same repetition, unless that was
        disturbed."""
        a, b = self.numbers[cell, metric], self.numbers[other, metric]
        groups = defaultdict(list)
        for invocation in sorted(a.keys() & b.keys()):
            machine = self.run.machines[cell].get(invocation)
            if machine == self.run.machines[other].get(invocation):
                # A slope has no repetitions.
                is_repeated = (cell, metric) in self.run.visits or metric in LATENCIES
                repeat = self.run.counts[cell][invocation] if is_repeated else 0
                beside = self.visits[other, metric].get((invocation, repeat))
                is_apart = beside is None or beside.is_disturbed
                versus = b[invocation] if is_apart else beside.value
                groups[machine].append((a[invocation], versus))
        return list(groups.values())

    def without_repeats(self, cell, other, metric, ratio, interval):
        """The ratio from the planned visits alone, where repetitions made it another."""
        visits = [self.visits[key, metric] for key in (cell, other)]
        if ratio is None or not any(repeat > 0 for of in visits for _, repeat in of):
            return None
        first = [{i: v.value for (i, repeat), v in of.items() if repeat == 0} for of in visits]
        blocks = sorted(first[0].keys() & first[1].keys())
        if not blocks or any(first[1][block] == 0 for block in blocks):
            return None
        found = by.median([first[0][block] / first[1][block] for block in blocks])
        half_width = (interval[1] - interval[0]) / 2 if interval else 0.0
        return found if abs(found - ratio) > half_width else None

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
        first = self.without_repeats(cell, other, metric, ratio, interval)
        found = Comparison(versus, ratio, interval, first, a12, p, None, "", None)
        return decided(found, metric, None)

    def _compare(self):
        found, families = {}, defaultdict(list)
        for cell, metric in self.estimates:
            baseline = self.run.manifest["experiments"][cell.experiment]["baseline"]
            if cell.subject == baseline or not is_compared(self.run.kind(cell.experiment), metric):
                continue
            if cell.subject in self.twins.originals or is_level(cell):
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
        """The smallest effect, in percent, that counts."""
        return self.twins.floor(cell, metric)


def is_level(cell):
    """A raise of tenants is one measurement, compared by what follows from all of its levels."""
    return cell.parameter.startswith("tenants=")


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
    if floor is not None and reaches_below((low, high), floor):
        return "below_floor"
    if comparison.p_adjusted is not None and comparison.p_adjusted > SIGNIFICANCE:
        return "chance"
    return None


def reaches_below(interval, floor):
    """Whether the near end of an interval beside 1 is as close to it as equal things seem to be."""
    low, high = interval
    return max(low - 1, 1 - high) * 100 < floor


def limited(run):
    """The cells in most of whose visits the generator may have set the pace: it used over 70 % of
    its core, or was late in sending by over 5 % of the latency (p99 of both)."""
    counts = defaultdict(lambda: [0, 0])
    for observation in run.counted:
        of = observation["metrics"]
        if "send_lag_p99_ns" in of and "latency_p99_ns" in of:
            is_suspect = of["send_lag_p99_ns"] > of["latency_p99_ns"] * 0.05
        elif "client_cpu_ns" in of and "measured_ns" in of:
            is_suspect = of["client_cpu_ns"] > of["measured_ns"] * 0.7
        else:
            continue
        counts[cell_of(observation)][0] += is_suspect
        counts[cell_of(observation)][1] += 1
    return {cell for cell, (suspect, of_all) in counts.items() if suspect * 2 > of_all}


def effect_of(interval, metric):
    low, high = interval
    is_time = unit_of(metric) == "ns"
    if high < 1:
        return "faster" if is_time else "lower"
    if low > 1:
        return "slower" if is_time else "higher"
    return "equal"


def slopes(numbers):
    """What each additional instance adds: the slope over the number of instances, within each
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


def exponents(run, numbers):
    """By which power of what grows the CPU time of a request grows: the slope of the logarithms,
    within each block, by subject."""
    points = defaultdict(lambda: defaultdict(list))
    for (cell, metric), values in numbers.items():
        sizes = run.growth_of(cell.experiment)
        if metric != "requests_per_cpu_second" or sizes is None:
            continue
        name, _, connections = cell.parameter.partition("=")
        size = sizes[cell.workload] if sizes else int(connections)
        for block, rate in values.items():
            if rate > 0:
                key = cell._replace(workload=None, parameter="-"), "growth_exponent"
                points[key][block].append((math.log(size), -math.log(rate)))
    of_blocks = {
        key: {block: by.slope(of) for block, of in blocks.items()} for key, blocks in points.items()
    }
    return {
        key: {block: slope for block, slope in blocks.items() if slope is not None}
        for key, blocks in of_blocks.items()
        if any(slope is not None for slope in blocks.values())
    }


def beside_controls(numbers):
    """How many times the control's an attack's p99 is, each as a multiple of that before it, within
    each block."""
    found = {}
    for (cell, metric), values in numbers.items():
        name, _, attack = cell.parameter.partition("=")
        if (name, metric) != ("attack", "p99_times_before") or attack == "none":
            continue
        control = numbers.get((cell._replace(parameter="attack=none"), metric), {})
        of_blocks = {
            block: times / control[block]
            for block, times in values.items()
            if control.get(block, 0) > 0
        }
        if of_blocks:
            found[cell, "p99_times_control"] = of_blocks
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
