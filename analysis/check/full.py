"""Compares summary.json, where nothing is rounded, with what was computed from the raw log."""

import definitions as by
import numpy as np
from printed import same, same_interval
from quantities import LATENCIES
from raw import Cell

# The analysis draws 2,000 times and we 4,000 times, from other numbers. The share of resamples
# below an end of the interval so scatters around 2.5 % by binomial chance; beyond this many
# deviations it is another interval.
DRAWN_DEVIATIONS = 5
THEIR_DRAWS = 2000
# The generator's start: a difference can be looked at again.
SEED = 1


def cell_of(line):
    keys = ("experiment", "workload", "parameter", "architecture", "subject")
    return Cell(*(line[key] for key in keys))


def interval_of(line):
    found = line["interval"]
    return found and (found["low"], found["high"])


def compare(evidence, draws, summary, claims, ledger):
    """All of summary.json. Returns the bootstrap's intervals by cell and quantity, which are not
    ours to the digit."""
    drawn = compare_estimates(evidence, draws, summary["summaries"], ledger)
    compare_comparisons(evidence, summary["comparisons"], ledger)
    compare_paces(evidence, summary["paces"], ledger)
    compare_verdicts(evidence, summary["verdicts"], claims, ledger)
    return drawn


def compare_keys(kind, ours, theirs, ledger):
    """What only one of the two has."""
    for key in sorted(ours - theirs, key=str):
        ledger.note(kind, " ".join(map(str, key)), "there", "missing", False)
    for key in sorted(theirs - ours, key=str):
        ledger.note(kind, " ".join(map(str, key)), "not there", "there", False)


def compare_estimates(evidence, draws, lines, ledger):
    generated = {(cell_of(line), line["metric"]): line for line in lines}
    compare_keys("estimates: which", set(evidence.estimates), set(generated), ledger)
    drawn = {}
    for key in sorted(evidence.estimates.keys() & generated.keys(), key=str):
        ours, line = evidence.estimates[key], generated[key]
        (cell, metric), where = key, f"{key[0]} {key[1]}"
        group = "latency quantiles" if metric in LATENCIES else "medians"
        if metric.startswith("marginal_"):
            group = "slopes"
        ledger.note(group, where, ours.point, line["point"], same(ours.point, line["point"]))
        counts = ours.n, ours.samples_count, evidence.run.failed.get(cell, 0)
        theirs = line["n"], line["samples_count"], line["n_failed"]
        ledger.note("counts of invocations and requests", where, counts, theirs, counts == theirs)
        found = interval_of(line)
        if not ours.is_drawn:
            is_same = same_interval(ours.interval, found) and ours.exact == line["exact"]
            ledger.note(f"intervals of {group}", where, ours.interval, found, is_same)
            continue
        bounds = draws.bounds(cell, metric)
        is_same = is_within(bounds, found)
        ledger.note(f"intervals of {group} (bootstrap)", where, bounds, found, is_same)
        drawn[key] = found
    return drawn


class Drawn:
    """The bootstrap's intervals of the quantiles of latency, which take drawing numbers."""

    def __init__(self, run):
        self.run = run
        self.generator = np.random.default_rng(SEED)
        self.draws = {}

    def bounds(self, cell, metric):
        """((low from, to), (high from, to)): where the ends of the analysis's interval must lie."""
        histograms = list(self.run.histograms[cell].values())
        if len(histograms) < 2:
            return None
        if cell not in self.draws:
            shares = [share for share, _ in LATENCIES.values()]
            found = by.pooled_draws(histograms, shares, self.generator)
            self.draws[cell] = dict(zip(LATENCIES, found, strict=True))
        draws = self.draws[cell][metric]
        tail = (1 - by.CONFIDENCE) / 2
        deviation = np.sqrt(tail * (1 - tail) * (1 / THEIR_DRAWS + 1 / by.RESAMPLES))
        reach = DRAWN_DEVIATIONS * deviation
        shares = tail - reach, tail + reach, 1 - tail - reach, 1 - tail + reach
        ends = [float(np.quantile(draws, share, method="nearest")) for share in shares]
        return tuple(ends[:2]), tuple(ends[2:])


def is_within(bounds, found):
    if bounds is None or found is None:
        return bounds is found
    (low_from, low_to), (high_from, high_to) = bounds
    return low_from <= found[0] <= low_to and high_from <= found[1] <= high_to


def doubt_of(line):
    """The doubt's name; where a number belongs to it, it is the adjusted p-value or the floor."""
    doubt = line["doubt"]
    return next(iter(doubt)) if isinstance(doubt, dict) else doubt


def compare_comparisons(evidence, lines, ledger):
    generated = {(cell_of(line), line["metric"]): line for line in lines}
    compare_keys("comparisons: which", set(evidence.comparisons), set(generated), ledger)
    for key in sorted(evidence.comparisons.keys() & generated.keys(), key=str):
        ours, line, where = evidence.comparisons[key], generated[key], f"{key[0]} {key[1]}"
        interval = interval_of(line)
        ledger.note("baselines", where, ours.versus, line["versus"], ours.versus == line["versus"])
        for kind, name in [
            ("ratios within blocks", "ratio"),
            ("A12", "a12"),
            ("Mann-Whitney p", "p"),
            ("Holm's adjusted p", "p_adjusted"),
        ]:
            mine, theirs = getattr(ours, name), line[name]
            ledger.note(kind, where, mine, theirs, same(mine, theirs))
        is_same = same_interval(ours.interval, interval)
        ledger.note("intervals of ratios", where, ours.interval, interval, is_same)
        says = ours.effect, ours.doubt
        theirs = line["effect"], doubt_of(line)
        ledger.note("what comparisons say", where, says, theirs, says == theirs)
        if doubt_of(line) == "below_floor":
            floor = evidence.floor(*key)
            ledger.note(
                "floors", where, floor, line["doubt"], same(floor, line["doubt"]["below_floor"])
            )


def compare_paces(evidence, lines, ledger):
    ours = {(cell, i): found for cell, of in evidence.paces.items() for i, found in of.items()}
    theirs = {(cell_of(line), line["invocation"]): line for line in lines}
    compare_keys("paces: which", set(ours), set(theirs), ledger)
    for key in sorted(ours.keys() & theirs.keys(), key=str):
        (word, steady_from, median), line = ours[key], theirs[key]
        steady = line["steady"]
        if isinstance(steady, dict):
            name = next(iter(steady))
            found = name, steady[name]["steady_from"]
        else:
            found = steady, 0 if steady == "flat" else None
        where = f"{key[0]} invocation {key[1]}"
        ledger.note("paces", where, (word, steady_from), found, (word, steady_from) == found)
        is_same = same(median, line["median_ns"])
        ledger.note("steady medians of invocations", where, median, line["median_ns"], is_same)


def compare_verdicts(evidence, lines, claims, ledger):
    theirs = {line["claim"]["name"]: line for line in lines}
    for claim in claims:
        line = theirs.get(claim["name"])
        if line is None:
            ledger.note("verdicts", claim["name"], "judged", "missing", False)
            continue
        verdict, ratio, interval = evidence.judge(claim)
        is_same = verdict == line["verdict"] and same(ratio, line["ratio"])
        is_same = is_same and same_interval(interval, interval_of(line))
        ours = verdict, ratio, interval
        found = line["verdict"], line["ratio"], interval_of(line)
        ledger.note("verdicts", claim["name"], ours, found, is_same)
