"""Compares summary.txt, which a terminal shows at the end of a run, with what was computed."""

import layout
from numbers_tex import expected_estimate, expected_ratio
from printed import SHOWN
from raw import Cell


def compare(evidence, text, ledger):
    """The overview's rows: experiment | workload | subject | median | ratio | n."""
    # Thin spaces join digits; they are no separators of columns.
    for line in text.splitlines():
        cells = [cell.strip(" ") for cell in line.split(" | ")]
        if len(cells) != 6 or cells[0] == "experiment":
            continue
        experiment, words, subject, shown, ratio, n = cells
        cell, metric = place(evidence, experiment, words, subject)
        where = f"{cell} {metric}"
        note = lambda ours, theirs, is_same: ledger.note(
            "summary.txt", where, ours, theirs, is_same
        )
        ours = expected_estimate(evidence, cell, metric)
        if ours is None:
            note("no number", f"{shown} {ratio}", not SHOWN.match(shown) and not SHOWN.match(ratio))
            continue
        note(ours, shown, ours.is_printed_as(shown))
        count = evidence.estimates[cell, metric].n
        note(count, n, n.split(",")[0].split(" ")[0] == str(count))
        compared = expected_ratio(evidence, cell, metric)
        if compared is not None and SHOWN.match(ratio) and ratio != "1":
            note(compared, ratio, compared.is_printed_as(ratio))
        else:
            note(compared or "no ratio", ratio, ratio in ("1", "-", "undefined"))


def place(evidence, experiment, words, subject):
    """The cell and the quantity of a row."""
    run = evidence.run
    architecture = run.local
    # An instruction set stands in brackets of its own; `fib(40)` does not.
    if words.endswith(")") and " (" in words:
        words, _, architecture = words.removesuffix(")").rpartition(" (")
    metric = layout.HEADLINES[run.kind(experiment)]
    if words.endswith(", per CPU second"):
        words, metric = words.removesuffix(", per CPU second"), "requests_per_cpu_second"
    workload, _, parameter = words.partition(" ")
    workload = None if workload == "-" else workload
    if parameter == "per further instance":
        return Cell(experiment, workload, "-", architecture, subject), "marginal_pss"
    for trial in run.manifest["plan"]:
        of = trial["cell"]["parameter"]
        if trial["experiment"] == experiment and layout.parameter_words(of) == parameter:
            return Cell(experiment, workload, of, architecture, subject), metric
    # A capability, which is printed by its title; its verdict is no number of this check.
    return Cell(experiment, workload, parameter, architecture, subject), metric
