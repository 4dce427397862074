"""Compares summary.json, where nothing is rounded, with what was computed from the raw log."""

from printed import same, same_interval
from quantities import LATENCIES
from raw import Cell


def cell_of(line):
    keys = ("experiment", "workload", "parameter", "architecture", "subject")
    return Cell(*(line[key] for key in keys))


def interval_of(line):
    found = line["interval"]
    return found and (found["low"], found["high"])


def compare(evidence, summary, claims, ledger):
    """All of summary.json."""
    compare_estimates(evidence, summary["summaries"], ledger)
    compare_comparisons(evidence, summary["comparisons"], ledger)
    compare_paces(evidence, summary["paces"], ledger)
    compare_verdicts(evidence, summary["verdicts"], claims, ledger)


def compare_keys(kind, ours, theirs, ledger):
    """What only one of the two has."""
    for key in sorted(ours - theirs, key=str):
        ledger.note(kind, " ".join(map(str, key)), "there", "missing", False)
    for key in sorted(theirs - ours, key=str):
        ledger.note(kind, " ".join(map(str, key)), "not there", "there", False)


def compare_estimates(evidence, lines, ledger):
    generated = {(cell_of(line), line["metric"]): line for line in lines}
    compare_keys("estimates: which", set(evidence.estimates), set(generated), ledger)
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
        is_same = same_interval(ours.interval, found) and ours.exact == line["exact"]
        ledger.note(f"intervals of {group}", where, ours.interval, found, is_same)


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
        if "without_repeats" in line:
            mine, other = ours.without_repeats, line["without_repeats"]
            ledger.note("ratios without repeats", where, mine, other, same(mine, other))
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
        ours = evidence.judged[claim["name"]]
        is_same = ours.verdict == line["verdict"] and same(ours.ratio, line["ratio"])
        is_same = is_same and same_interval(ours.interval, interval_of(line))
        found = line["verdict"], line["ratio"], interval_of(line)
        ledger.note("verdicts", claim["name"], ours, found, is_same)
        corrected = ours.is_confirmatory, ours.corrected
        theirs_corrected = line["is_confirmatory"], line["corrected"]
        is_same = corrected == theirs_corrected
        is_same = is_same and same(ours.p, line["p"])
        is_same = is_same and same(ours.p_adjusted, line["p_adjusted"])
        theirs_all = (*theirs_corrected, line["p"], line["p_adjusted"])
        ledger.note("verdicts after Holm's correction", claim["name"], ours, theirs_all, is_same)
