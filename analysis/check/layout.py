"""How the generated tables are laid out: which quantity stands in which column.

A table that is not named here makes the check fail, and so does a column: what is printed is
compared, or said not to be a result.
"""

from typing import NamedTuple


class Column(NamedTuple):
    """`how` is value, point (a value without its interval), ratio, n, or something that one table
    has alone."""

    how: str
    metric: str | None = None


def value(metric):
    return Column("value", metric)


def point(metric):
    return Column("point", metric)


def ratio(metric):
    return Column("ratio", metric)


def n(metric):
    return Column("n", metric)


# Tables by kind of experiment: a heading names the setting, a row the subject in its first column.
BY_SETTING = {
    "cold-start": (
        "cold-start",
        [
            value("time_to_first_response"),
            ratio("time_to_first_response"),
            n("time_to_first_response"),
        ],
    ),
    "instantiation": (
        "instantiation",
        [value("instantiation"), ratio("instantiation"), value("instance_uss"), n("instantiation")],
    ),
    "warm-up": (
        "warm-up",
        [
            Column("development"),
            Column("steady_from"),
            value("steady_latency"),
            ratio("steady_latency"),
            n("steady_latency"),
        ],
    ),
    "throughput": (
        "throughput",
        [
            value("requests_per_second"),
            Column("ratio by the clock", "requests_per_second"),
            value("requests_per_cpu_second"),
            ratio("requests_per_cpu_second"),
            Column("answers"),
            n("requests_per_second"),
        ],
    ),
    "growth": (
        "growth",
        [
            value("requests_per_cpu_second"),
            ratio("requests_per_cpu_second"),
            value("latency_p50"),
            value("latency_p99"),
            n("requests_per_cpu_second"),
        ],
    ),
    "latency": (
        "latency",
        [
            value("latency_p50"),
            ratio("latency_p50"),
            point("latency_p90"),
            value("latency_p99"),
            point("latency_p999"),
            n("latency_p50"),
        ],
    ),
    "highest-rate": (
        "highest-rate",
        [
            value("highest_rate_per_second"),
            ratio("highest_rate_per_second"),
            n("highest_rate_per_second"),
        ],
    ),
    "memory": (
        "memory",
        [
            value("pss"),
            ratio("pss"),
            value("uss"),
            value("cgroup_peak"),
            value("shim_pss"),
            n("pss"),
        ],
    ),
    "idle": (
        "idle",
        [
            value("idle_cpu_per_hour"),
            value("idle_wakeups_per_hour"),
            value("idle_shim_cpu_per_hour"),
            value("idle_shim_wakeups_per_hour"),
            value("pss"),
            n("idle_cpu_per_hour"),
        ],
    ),
    "density": (
        "density",
        [
            value("tenant_pss"),
            ratio("tenant_pss"),
            value("tenant_available"),
            value("tenants_per_gib"),
            value("tenants_raised"),
            Column("wall"),
            n("tenant_pss"),
        ],
    ),
    "storm": (
        "storm",
        [
            value("storm_last_answer"),
            ratio("storm_last_answer"),
            value("storm_first_answer"),
            value("storm_median_answer"),
            value("starts_per_second"),
            value("start_cpu"),
            ratio("start_cpu"),
            Column("failed starts"),
            n("storm_last_answer"),
        ],
    ),
    "neighbour": (
        "neighbour",
        [
            value("before_latency_p99"),
            value("invocation_latency_p99"),
            value("p99_times_before"),
            ratio("p99_times_before"),
            value("p99_times_control"),
            value("p50_times_before"),
            Column("failed requests"),
            n("p99_times_before"),
        ],
    ),
    "waiting": (
        "waiting",
        [
            value("requests_per_second"),
            Column("ratio by the clock", "requests_per_second"),
            value("waiting_percent"),
            value("requests_per_cpu_second"),
            ratio("requests_per_cpu_second"),
            value("latency_p99"),
            value("waiting_pss"),
            n("requests_per_second"),
        ],
    ),
    "replay": (
        "replay",
        [
            Column("foretold", "cpu"),
            value("packing_cpu"),
            Column("times", "cpu"),
            Column("foretold", "p99"),
            value("invocation_latency_p99"),
            Column("times", "p99"),
            Column("foretold", "starts"),
            value("starts_met"),
            value("requests_failed"),
            n("packing_cpu"),
        ],
    ),
    "replay-memory": (
        "replay",
        [
            Column("foretold", "memory"),
            value("packing_pss"),
            Column("times", "memory"),
            Column("foretold", "peak"),
            value("packing_pss_peak"),
            Column("times", "peak"),
            n("packing_pss"),
        ],
    ),
    "artifact-size": (
        "artifact-size",
        [
            value("shipped_bytes"),
            ratio("shipped_bytes"),
            value("shipped_gzip_bytes"),
            value("shipped_zstd_bytes"),
            value("base_layers"),
            value("own_layer"),
            value("runtime_bytes"),
            value("with_runtime_bytes"),
        ],
    ),
    "instructions": (
        "instructions",
        [
            value("instructions_to_ready"),
            value("instructions_first_call"),
            value("instructions_per_call"),
            ratio("instructions_per_call"),
        ],
    ),
    "operations": (
        "operations",
        [value("operation_cpu"), ratio("operation_cpu"), n("operation_cpu")],
    ),
    "overhead": (
        "overhead",
        [
            value("tools"),
            value("tools_fetched"),
            value("steps"),
            value("crates"),
            value("crates_fetched"),
            value("shared_lines"),
            value("form_lines"),
        ],
    ),
    "overhead-times": (
        "overhead",
        [
            value("clean_build"),
            value("rebuild"),
            value("edit_to_answer"),
            value("upgrade"),
            value("roll_back"),
            value("pushed"),
            n("clean_build"),
        ],
    ),
    "equivalence": (
        "equivalence",
        [value("cases_sent"), value("cases_equal"), Column("words"), n("cases_equal")],
    ),
}
# Tables whose rows are found in another way; tables.py has a function for each.
OTHERS = {
    "comparisons",
    "ladder",
    "memory-marginal",
    "density-levels",
    "guest-languages",
    "growth-exponents",
    "architectures",
    "architectures-instructions",
    "claims",
    "conditions",
    "equal-things",
    "published-answers",
    "pitfalls",
    "operations-factor",
    "replay-choices",
    "replay-score",
}
# What the cost model says of a replayed load, and what was measured of it.
FORETOLD = {
    "cpu": "packing_cpu",
    "memory": "packing_pss",
    "peak": "packing_pss_peak",
    "p99": "invocation_latency_p99",
}
# Words and what the manifest says, and no result.
NO_RESULTS = {
    "subjects",
    "provenance",
    "not-measured",
    "portability",
    "maturity",
    "maturity-seen",
    "isolation",
    "isolation-seen",
    "overhead-tools",
    "overhead-seen",
}
# The quantity that answers each kind's question.
HEADLINES = {
    "equivalence": "cases_equal",
    "cold-start": "time_to_first_response",
    "guest-languages": "time_to_first_response",
    "instantiation": "instantiation",
    "warm-up": "steady_latency",
    "highest-rate": "highest_rate_per_second",
    "throughput": "requests_per_second",
    "growth": "requests_per_cpu_second",
    "latency": "latency_p50",
    "memory": "pss",
    "idle": "idle_cpu_per_hour",
    "density": "tenant_pss",
    "storm": "storm_last_answer",
    "neighbour": "p99_times_before",
    "replay": "packing_cpu",
    "artifact-size": "shipped_bytes",
    "instructions": "instructions_per_call",
    "operations": "operation_cpu",
    "maturity": "works",
    "isolation": "attempts_possible",
    "waiting": "requests_per_second",
    "overhead": "steps",
}
# What ended a raise of tenants, in the words of the table.
WALLS = {
    "no-more-asked": "none met",
    "memory": "memory budget",
    "latency": "latency of the probe",
    "start": "start of one more",
}
# Capabilities, in the words of headings.
CAPABILITIES = {
    "wasi-http": "wasi:http",
    "sockets": "sockets",
    "threads": "threads",
    "simd": "SIMD",
    "aot": "ahead of time",
    "pooling": "pooling",
    "reuse": "reuse",
    "memory-limit": "memory limit",
    "deadline": "deadline",
}
# Operations, in the words of headings.
OPERATIONS = {
    "decode-jpeg": "decode JPEG",
    "decode-png": "decode PNG",
    "decode-webp": "decode WebP",
    "decode-webp-lossy": "decode WebP, lossy",
    "resize": "resize down and up",
    "blur": "blur",
    "grayscale": "grayscale",
    "encode-jpeg": "encode JPEG",
    "encode-png": "encode PNG",
    "encode-webp": "encode WebP",
    "thumbnail": "thumbnail, whole",
    "pipeline": "pipeline, whole",
    "fib-40": "fib(40)",
}
# Attacks, in the words of headings.
ATTACKS = {
    "none": "no attack",
    "spin": "the neighbour spins",
    "allocate": "the neighbour allocates",
    "connections": "the neighbour is flooded with connections",
    "disk": "the neighbour fills a disk",
}

# Services, in the words of headings.
SERVICES = {"image": "image service", "json-api": "JSON API"}
# The stages of a start, in the ladder's words.
STAGES = {
    "bundle on disk": "bundled",
    "container created": "created",
    "start call answered": "started",
    "process spawned": "spawned",
    "main entered": "main",
    "Wasm engine configured": "engine",
    "module loaded": "load",
    "imports resolved": "pre_instantiate",
    "tenants' imports linked": "link",
    "listening": "listening",
    "connected": "connected",
    "first byte": "first_byte",
    "first correct response": "response",
}


def parameter_words(parameter):
    """A parameter as headings say it."""
    name, _, number = parameter.partition("=")
    plural = "" if number == "1" else "s"
    match name:
        case "concurrency":
            return f"{number} connection{plural}"
        case "rate":
            return f"{number} requests/s offered"
        case "copies":
            return f"{number} instance{plural}"
        case "page-cache":
            return "page cache dropped"
        case "capability":
            return CAPABILITIES.get(number, number)
        case "operation":
            return OPERATIONS.get(number, number)
        case "attack":
            return ATTACKS.get(number, number)
        case "service":
            return SERVICES.get(number, number)
        case "tenants":
            return f"{number} tenant{plural}"
        case "starts":
            return "1 start" if number == "1" else f"{number} starts at once"
        case "replay":
            return f"load {number}"
        case "ready":
            return f"{number} that stand ready"
        case "delay-us":
            delay = "at once" if number == "0" else f"after {int(number) / 1000:g} ms"
            return f"backend answers {delay}"
        case "-":
            return ""
        case _:
            return parameter


def setting_words(workload, parameter):
    return ", ".join(word for word in (workload, parameter_words(parameter)) if word)
