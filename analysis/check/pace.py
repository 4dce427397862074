"""Whether, and from which iteration on, a series is steady: METHODOLOGY.md, "Statistics", warm-up.

The changepoints are those of the best partition of all, found by trying every last segment (n
squared steps, which a few hundred iterations allow); the analysis finds the same one with pruning.
"""

import numpy as np
from scipy import stats

LEAST_ITERATIONS = 50
STEADY_SHARE = 0.2
PENALTY = 15.0
NEIGHBOURS = 5
WINDOW = 100
OUTLIER = 6.0
SAME_SHARE = 0.001
# The median absolute difference of two independent values of the standard normal distribution.
MEDIAN_DIFFERENCE = float(np.sqrt(2) * stats.norm.ppf(0.75))


def classify(durations):
    """(word, first steady iteration or None)."""
    n = len(durations)
    if n < LEAST_ITERATIONS:
        return "no_steady_state", None
    series = without_outliers(np.array(durations, dtype=float))
    segments = [(start, series[start:end]) for start, end in best_partition(series)]
    last = segments[-1][1]
    tolerance = max(float(np.std(last)), abs(float(np.mean(last))) * SAME_SHARE)
    differs = [abs(np.mean(values) - np.mean(last)) > tolerance for _, values in segments]
    if not any(differs):
        return "flat", 0
    changed = max(place for place, it_does in enumerate(differs) if it_does)
    steady_from = segments[changed + 1][0]
    if steady_from > n * (1 - STEADY_SHARE):
        return "no_steady_state", None
    was_faster = any(
        it_does and np.mean(values) < np.mean(last)
        for it_does, (_, values) in zip(differs, segments)
    )
    return ("slow_down" if was_faster else "warm_up"), steady_from


def noise(series):
    """The standard deviation of the noise, from the differences of neighbours."""
    return float(np.median(np.abs(np.diff(series)))) / MEDIAN_DIFFERENCE


def without_outliers(durations):
    """Each value pulled to within six deviations of the median of the eleven around it, except the
    first five."""

    def around(place, reach):
        return durations[max(0, place - reach) : place + reach + 1]

    pulled = durations.copy()
    for place in range(NEIGHBOURS, len(durations)):
        level = np.median(around(place, NEIGHBOURS))
        reach = OUTLIER * noise(around(place, WINDOW))
        pulled[place] = np.clip(durations[place], level - reach, level + reach)
    return pulled


def best_partition(series):
    """The segments (start, end) with the least squared distance from their means plus a penalty for
    each."""
    n = len(series)
    deviation = max(noise(series), abs(float(np.median(series))) * SAME_SHARE)
    penalty = PENALTY * np.log(n) * deviation**2
    # Near 0, sums of squares keep their digits.
    centred = series - np.median(series)
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])
    best, begins = np.zeros(n + 1), [0] * (n + 1)
    for end in range(1, n + 1):
        starts = np.arange(end)
        costs = squares[end] - squares[starts] - (sums[end] - sums[starts]) ** 2 / (end - starts)
        totals = best[starts] + costs + penalty
        begins[end] = int(np.argmin(totals))
        best[end] = totals[begins[end]]
    segments, end = [], n
    while end > 0:
        segments.append((begins[end], end))
        end = begins[end]
    return segments[::-1]
