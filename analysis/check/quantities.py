"""What the raw log's numbers are called, in which unit they are, and which of them are compared.

The names are those of summary.json and numbers.tex: a metric of the raw log without its unit;
`stage_` and a stage of a start; `latency_p50` and the like, quantiles over requests;
`invocation_latency_p50` and the like, the raw log's own.
"""

# Sizes keep their unit: `shipped` alone would be no quantity.
KEEP_THEIR_NAME = {
    "shipped_bytes",
    "shipped_gzip_bytes",
    "shipped_zstd_bytes",
    "runtime_bytes",
    "with_runtime_bytes",
}
# Readings that explain others and are not compared.
NEUTRAL = {
    "requests_completed",
    "completions_span",
    "measured",
    "client_cpu",
    "harness_share",
    "cases_sent",
    "works",
    "available",
    "tenants_raised",
    "storm_asked",
    "before_latency_p50",
    "before_latency_p99",
    "before_failed",
    "attack_acts",
    "growth_exponent",
    "starts_answered",
    "starts_failed",
    "starts_met",
    "attempts_answered",
    "attempts_possible",
    "backend_delay",
    "waiting_percent",
    "shared_lines",
}
# Read, not sampled: one reading is the value, and as long as all agree nothing is estimated.
EXACT = {
    "shipped_bytes",
    "shipped_gzip_bytes",
    "shipped_zstd_bytes",
    "base_layers",
    "own_layer",
    "runtime_bytes",
    "with_runtime_bytes",
    "cases_sent",
    "cases_equal",
    "works",
    "attempts_answered",
    "attempts_possible",
    "tools",
    "tools_fetched",
    "steps",
    "crates",
    "crates_fetched",
    "shared_lines",
    "form_lines",
    "instructions_to_ready",
    "instructions_first_call",
    "instructions_per_call",
}
RATES = {
    "requests_per_second",
    "requests_per_cpu_second",
    "highest_rate_per_second",
    "starts_per_second",
}
SIZES = KEEP_THEIR_NAME | {
    "base_layers",
    "own_layer",
    "pss",
    "uss",
    "cgroup_peak",
    "shim_pss",
    "engine_pss",
    "marginal_pss",
    "marginal_uss",
    "instance_uss",
    "packing_pss",
    "packing_pss_peak",
    "available",
    "tenant_pss",
    "tenant_available",
    "waiting_pss",
    "tools_fetched",
    "crates_fetched",
    "pushed",
}
# The share of requests at or below each quantile of latency, and the fewest requests of each
# invocation that support it.
LATENCIES = {
    "latency_p50": (0.5, 1),
    "latency_p90": (0.9, 1),
    "latency_p99": (0.99, 1_000),
    "latency_p999": (0.999, 10_000),
}
# Which slope over the number of instances is which quantity, and with how many instances it begins:
# the pages of a file are private to a single process, and shared from the second on.
SLOPES = {"pss": ("marginal_pss", 1), "uss": ("marginal_uss", 2)}


def name_of(raw_key):
    """The quantity's name of a key in the raw log."""
    if raw_key in KEEP_THEIR_NAME:
        return raw_key
    if raw_key in {"latency_p50_ns", "latency_p90_ns", "latency_p99_ns"}:
        return "invocation_" + raw_key.removesuffix("_ns")
    for unit in ("_ns", "_bytes", "_count"):
        if raw_key.endswith(unit):
            return raw_key.removesuffix(unit)
    return raw_key


def unit_of(metric):
    """`ns`, `bytes`, `count` or `per_second`."""
    counts = {
        "requests_completed",
        "requests_failed",
        "backlog_peak",
        "reconnects",
        "idle_wakeups_per_hour",
        "idle_shim_wakeups_per_hour",
        "tenants_raised",
        "tenants_per_gib",
        "growth_exponent",
        "starts_answered",
        "starts_failed",
        "before_failed",
        "attack_acts",
        "p50_times_before",
        "p99_times_before",
        "p99_times_control",
        "waiting_percent",
        "starts_met",
    }
    if metric in RATES:
        return "per_second"
    if metric in SIZES:
        return "bytes"
    if metric in counts or metric in EXACT:
        return "count"
    return "ns"


def is_reported(kind, metric):
    """Whether a quantity says anything in a kind of experiment: a start is a by-product of most of
    them, under a page cache that nobody warmed."""
    of_start = ("time_to_first_response", "harness_share")
    is_of_start = metric in of_start or metric.startswith("stage_")
    return not is_of_start or kind in ("cold-start", "guest-languages")


def is_compared(kind, metric):
    """Whether a quantity is compared with the baseline's; the latencies of a closed loop hide every
    stall."""
    is_hidden = metric in NEUTRAL or (
        kind in ("throughput", "growth", "waiting") and metric in LATENCIES
    )
    return is_reported(kind, metric) and not is_hidden
