"""The paper's claims against a run."""

from datetime import datetime, timezone
from typing import NamedTuple

import definitions as by
from quantities import EXACT
from raw import Cell

SIGNIFICANCE = 0.05


class Judged(NamedTuple):
    """How one claim fares; `corrected` and `p_adjusted` are None of a claim that is exploratory on
    this run, and of what is read."""

    verdict: str
    ratio: float | None
    interval: tuple | None
    is_confirmatory: bool
    p: float | None
    p_adjusted: float | None = None
    corrected: str | None = None


def judge(evidence, claims):
    """Every claim by its name, with Holm's correction over those that were fixed before the run."""
    judged = {claim["name"]: judge_one(evidence, claim) for claim in claims}
    names = [name for name, of in judged.items() if of.is_confirmatory and of.p is not None]
    for name, p in zip(names, by.holm([judged[name].p for name in names])):
        of = judged[name]
        is_chance = of.verdict in ("holds", "contradicted") and p > SIGNIFICANCE
        corrected = "undecided" if is_chance else of.verdict
        judged[name] = of._replace(p_adjusted=p, corrected=corrected)
    return judged


def judge_one(evidence, claim):
    cell = claim_cell(claim, evidence.run.local)
    metric, versus = claim["metric"], claim["versus"]
    is_confirmatory = is_fixed_before(claim, evidence.run)
    known = evidence.comparisons.get((cell, metric))
    if known is None or known.versus != versus:
        known = evidence.compare_one(cell, metric, versus)
    if known is None:
        return Judged("not_measured", None, None, is_confirmatory, None)
    verdict = "undecided"
    if known.interval is not None:
        verdict = decide(evidence, claim, cell, known)
    p = None
    if metric not in EXACT:
        machines = evidence.pairs(cell, cell._replace(subject=versus), metric)
        pairs = [pair for pairs in machines for pair in pairs]
        p = by.sign_test([a / b - claim["factor"] for a, b in pairs if b != 0])
    return Judged(verdict, known.ratio, known.interval, is_confirmatory, p)


def is_fixed_before(claim, run):
    """Whether what the claim says was fixed before the run began."""
    fixed = [claim["since"], *claim.get("changed", [])][-1]["at"]
    began_s = run.manifest["started_at_unix_ns"] / 1e9
    began = datetime.fromtimestamp(began_s, timezone.utc)
    return claim["kind"] == "confirmatory" and datetime.fromisoformat(fixed) < began


def decide(evidence, claim, cell, known):
    from estimates import reaches_below

    (low, high), factor = known.interval, claim["factor"]
    is_less = claim["relation"] == "less"
    holds = high < factor if is_less else low > factor
    contradicted = low >= factor if is_less else high <= factor
    if not (holds or contradicted):
        return "undecided"
    floor = evidence.floor(cell, claim["metric"])
    is_small = floor is not None and reaches_below((low / factor, high / factor), floor)
    is_chance = factor == 1 and known.doubt == "chance"
    if is_small or is_chance:
        return "undecided"
    return "holds" if holds else "contradicted"


def claim_cell(claim, architecture):
    """The cell on top of the claim's ratio."""
    workload, parameter = claim.get("workload"), claim.get("parameter", "-")
    return Cell(claim["experiment"], workload, parameter, architecture, claim["subject"])
