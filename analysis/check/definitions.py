"""The statistics of METHODOLOGY.md, from their definitions: scipy's distributions, and counting.

None of it is taken from the analysis; where scipy has the very procedure, scipy's is used.
"""

from collections import Counter
from fractions import Fraction
from functools import cache
from math import comb

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
LEAST_VALUES = 6
LARGEST_EXACT = 20
POWER = 0.8


def median(values):
    return float(np.median(values))


def median_interval(values):
    """The 95 % interval of the median by interpolated order statistics (Hettmansperger and Sheather,
    1986): between the two neighbouring pairs whose confidences are above and below 95 %."""
    n = len(values)
    if n < LEAST_VALUES:
        return None
    depth, weight = place_of_interval(n)
    ordered = sorted(values)
    low = (1 - weight) * ordered[depth - 1] + weight * ordered[depth]
    high = (1 - weight) * ordered[n - depth] + weight * ordered[n - depth - 1]
    return float(low), float(high)


@cache
def place_of_interval(n):
    """How many values from either end the outer pair is, and the inner pair's weight."""
    confidence = {
        depth: 1 - 2 * stats.binom.cdf(depth - 1, n, 0.5) for depth in range(1, n // 2 + 2)
    }
    depth = max(d for d in confidence if confidence[d] >= CONFIDENCE)
    outer, inner = confidence[depth], confidence[depth + 1]
    excess = (outer - CONFIDENCE) / (outer - inner)
    return depth, float((n - depth) * excess / (depth + (n - 2 * depth) * excess))


def a12(a, b):
    """How often a value of `a` is above one of `b`, ties counted half (Vargha and Delaney,
    2000)."""
    above = np.subtract.outer(np.array(a), np.array(b))
    return float((np.sum(above > 0) + 0.5 * np.sum(above == 0)) / above.size)


def mann_whitney(a, b):
    """The two-sided p-value: exact up to 20 values in a sample, else scipy's approximation."""
    ranks = stats.rankdata([*a, *b]).tolist()
    # Nothing but the ranks counts, and many comparisons have the same.
    return of_ranks(tuple(sorted(ranks[: len(a)])), tuple(sorted(ranks[len(a) :])))


@cache
def of_ranks(a, b):
    """The same of ranks."""
    different = set(a) | set(b)
    if len(different) == 1:
        return 1.0
    if max(len(a), len(b)) > LARGEST_EXACT:
        return float(stats.mannwhitneyu(a, b, method="asymptotic").pvalue)
    if len(different) == len(a) + len(b):
        return float(stats.mannwhitneyu(a, b, method="exact").pvalue)
    return exact_with_ties(a, b)


def exact_with_ties(a, b):
    """Twice the smaller tail, over all ways to deal the middle ranks that are there, at most 1.

    With ties and samples of different sizes the distribution is not symmetric, and "as far from its
    mean as what was found, on either side" would be another two-sided value.
    scipy.stats.permutation_test doubles too.
    """
    ranks = [round(2 * rank) for rank in stats.rankdata([*a, *b])]
    ways = Counter({(0, 0): 1})
    for rank in ranks:
        with_it = {
            (size + 1, total + rank): n for (size, total), n in ways.items() if size < len(a)
        }
        ways.update(with_it)
    found = sum(ranks[: len(a)])
    sums = {total: n for (size, total), n in ways.items() if size == len(a)}
    low = sum(n for total, n in sums.items() if total <= found)
    high = sum(n for total, n in sums.items() if total >= found)
    return min(1.0, 2 * min(low, high) / comb(len(ranks), len(a)))


def holm(p_values):
    """Holm's step-down correction of one family, in the order given."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = largest
    return adjusted


def slope(points):
    """Least squares through (x, y), as a fraction of whole numbers until the end: equal slopes stay
    equal, and are ties of the rank test. None with one x only."""
    xs, ys = ([Fraction(value) for value in of] for of in zip(*points, strict=True))
    n = len(xs)
    spread = n * sum(x * x for x in xs) - sum(xs) ** 2
    joint = n * sum(x * y for x, y in zip(xs, ys, strict=True)) - sum(xs) * sum(ys)
    return float(joint / spread) if spread else None


def histogram_quantile(histogram, share):
    """The smallest recorded value at or below which that share of the samples lies."""
    values = sorted(histogram)
    cumulative = np.cumsum([histogram[value] for value in values])
    total = int(cumulative[-1])
    wanted = min(max(int(np.ceil(share * total)), 1), total)
    return float(values[int(np.searchsorted(cumulative, wanted))])


def sign_test(values):
    """The two-sided p-value of as many values above 0 as below; zeros say nothing."""
    above, below = (int(np.sum(sign * np.array(values) > 0)) for sign in (1, -1))
    return float(stats.binomtest(above, above + below).pvalue) if above + below else None


def smallest_difference_percent(pairs):
    """What an interval of 95 % would exclude 1 for with a chance of 80 %, by the variance of the log
    ratios; None where there is none."""
    if len(pairs) < 2 or any(a <= 0 or b <= 0 for a, b in pairs):
        return None
    logs = [np.log(a / b) for a, b in pairs]
    deviations = stats.norm.ppf(1 - (1 - CONFIDENCE) / 2) + stats.norm.ppf(POWER)
    return float(np.expm1(deviations * np.sqrt(np.var(logs, ddof=1) * np.pi / 2 / len(logs))) * 100)
