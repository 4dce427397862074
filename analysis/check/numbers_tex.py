"""Compares numbers.tex, which every number in the paper's sentences comes from, with what was
computed."""

import re

from printed import Expected, is_p_printed_as, is_two_decimals, plain
from quantities import unit_of
from raw import Cell

SET = re.compile(r"^\\wb@set\{(meta|verdict|claim|num)\}\{([^{}]*)\}\{(.*)\}$")
# `flat 5, warm-up 1`, in this order.
PACES = [
    ("flat", "flat"),
    ("warm_up", "warm-up"),
    ("slow_down", "slow-down"),
    ("no_steady_state", "no steady state"),
]


def expected_estimate(evidence, cell, metric):
    """What a printed estimate must say; None where there is none."""
    estimate = evidence.estimates.get((cell, metric))
    if estimate is None:
        return None
    return Expected(estimate.point, estimate.interval, unit_of(metric), estimate.exact)


def expected_ratio(evidence, cell, metric):
    comparison = evidence.comparisons.get((cell, metric))
    if comparison is None or comparison.ratio is None:
        return None
    return Expected(comparison.ratio, comparison.interval, "ratio")


def development(paces):
    """The words for how the paces of a cell's invocations developed."""
    words = [word for word, _, _ in paces.values()]
    counts = [(name, words.count(word)) for word, name in PACES]
    return ", ".join(f"{name} {count}" for name, count in counts if count)


def compare(evidence, text, claims, ledger):
    """All of numbers.tex."""
    seen = set()
    for line in text.splitlines():
        found = SET.match(line)
        if not found:
            continue
        kind, key, latex = found.groups()
        content = plain(latex)
        if kind == "num":
            seen.add(key)
            compare_number(evidence, key, content, ledger)
        elif kind == "verdict":
            compare_verdict(evidence, key, content, claims, ledger)
        elif kind == "claim":
            judged = evidence.judged[key]
            expected = Expected(judged.ratio, judged.interval, "ratio")
            ledger.note(
                "numbers.tex: claims", key, expected, content, expected.is_printed_as(content)
            )
        else:
            compare_meta(evidence, key, content, ledger)
    local = evidence.run.local
    for cell, metric in evidence.estimates:
        key = f"{stem(cell, local)}/{metric}/text"
        ledger.note(
            "numbers.tex: which", key, "there", "there" if key in seen else "missing", key in seen
        )


def stem(cell, local):
    subject = cell.subject if cell.architecture == local else f"{cell.subject}@{cell.architecture}"
    return f"{cell.experiment}/{cell.workload or '-'}/{cell.parameter}/{subject}"


def compare_number(evidence, key, content, ledger):
    experiment, workload, parameter, subject, *rest = key.split("/")
    subject, _, architecture = subject.partition("@")
    workload = None if workload == "-" else workload
    cell = Cell(experiment, workload, parameter, architecture or evidence.run.local, subject)
    if rest == ["pace"]:
        ours = development(evidence.paces.get(cell, {}))
        ledger.note("numbers.tex: paces", key, ours, content, ours == content)
        return
    metric, form = rest
    ours, is_same = number(evidence, cell, metric, form, content)
    ledger.note(f"numbers.tex: {form}", key, ours, content, is_same)


def number(evidence, cell, metric, form, content):
    """(what it must say, whether it does) of one form of one quantity."""
    estimate = evidence.estimates.get((cell, metric))
    comparison = evidence.comparisons.get((cell, metric))
    if estimate is None or (
        comparison is None and form not in ("text", "median", "low", "high", "n")
    ):
        return "nothing", False
    of = expected_ratio if form.startswith("ratio") else None
    expected = (
        of(evidence, cell, metric) if of else expected_estimate(evidence, cell, metric)
    )
    match form.removeprefix("ratio"):
        case "n":
            return estimate.n, content == str(estimate.n)
        case "effect":
            return comparison.effect, content == comparison.effect
        case "a12":
            return comparison.a12, is_two_decimals(content, comparison.a12)
        case "p":
            return comparison.p_adjusted, is_p_printed_as(content, comparison.p_adjusted)
        case "text":
            return expected, expected is not None and expected.is_printed_as(content)
        case "median" | "":
            return expected, expected is not None and expected.is_value_printed_as(content)
        case "low" | "high" as end:
            place = int(end == "high")
            return expected, expected is not None and expected.is_end_printed_as(content, place)
        case _:
            return "a form that this check does not know", False


def compare_verdict(evidence, name, content, claims, ledger):
    claim = next((claim for claim in claims if claim["name"] == name), None)
    ours = evidence.judged[name].verdict.replace("_", " ") if claim else "no such claim"
    ledger.note("numbers.tex: verdicts", name, ours, content, ours == content)


def compare_meta(evidence, key, content, ledger):
    """The counts; the rest is text from the manifest."""
    run = evidence.run
    counts = {
        "observations": len(run.observations),
        "failed": sum(run.failed.values()),
        "disturbed": sum(bool(observation["disturbed"]) for observation in run.observations),
        "repeated": sum(observation["repeat"] > 0 for observation in run.observations),
    }
    if key in counts:
        ours = counts[key]
        ledger.note("numbers.tex: counts of visits", key, ours, content, content == str(ours))
    elif key.startswith("smallest-effect/"):
        floor = evidence.twins.of_calibration.get(tuple(key.split("/")[1:]))
        is_same = floor is not None and content.replace("\u202f", "") == f"{floor:.1f}%"
        ledger.note("numbers.tex: floors", key, floor, content, is_same)
