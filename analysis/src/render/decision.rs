//! What `cargo xtask decide` prints.

use crate::decide::flip::{Flip, Input, WITHIN};
use crate::decide::measured::{Measured, SOURCES};
use crate::decide::model::{Estimate, Load, Policy};
use crate::decide::prices::PriceList;
use crate::decide::{Answer, Asked, Choice, Decision, Fit, Row};
use crate::render::number::show;
use crate::render::table::{Align, Content, Table};
use crate::render::text::grid;
use std::fmt::Write;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Unit;

/// What stands beside the decision.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The run's name.
    pub run: &'a str,
    /// What it measured.
    pub measured: &'a Measured,
    /// What was asked.
    pub asked: Asked<'a>,
    /// The prices as they were given.
    pub list: &'a PriceList,
    /// What would change the answer.
    pub flips: &'a [Flip],
    /// Whether a replay of the run tests the model.
    pub tested: &'a str,
}

/// The text.
#[must_use]
pub fn render(decision: &Decision, shown: &Shown<'_>) -> String {
    let mut out = header(shown);
    if !decision.rows.is_empty() {
        // Writing to a String cannot fail, here and below.
        let _ = write!(out, "\n{}", grid(&table(decision, shown)));
    }
    not_measured(&mut out, decision);
    let _ = writeln!(out, "\n{}", answer(&decision.answer));
    if !shown.flips.is_empty() {
        out.push_str("\nWhat would change the answer\n");
    }
    for flip in shown.flips {
        let _ = writeln!(out, "  {:<18}  {}", input_words(flip.input), flip_words(flip));
    }
    if !decision.rows.is_empty() {
        let _ = write!(out, "{LEFT_OUT}{}\n{FORMULAS}", shown.tested);
    }
    out
}

const LEFT_OUT: &str = "\n\
    Averages of what is used, under requests that come by chance (Poisson). Left out: waiting for one another, bursts,\n\
    memory of requests in flight, machines that are bought whole, network and disk.\n";
const FORMULAS: &str = "METHODOLOGY.md, \"Cost\", has the formulas.\n";

/// What was asked, and by what it is answered.
fn header(shown: &Shown<'_>) -> String {
    let Shown { run, measured, asked, list, .. } = shown;
    let Load { tenants_count, bound_s, idle_timeout_s, rate_per_s, cpu_per_request_s } = asked.load;
    let bound =
        bound_s.map_or_else(|| "no bound on p99".to_owned(), |s| format!("p99 within {}", time(s)));
    let mut out = format!(
        "Run     {run}\nLoad    {tenants_count} tenants, {} to each, {} of CPU time a request on {}; {bound}\n\
         Policy  a tenant that scales to zero is ended after {} without a request\n",
        rate(rate_per_s),
        time(cpu_per_request_s),
        measured.baseline,
        time(idle_timeout_s),
    );
    let of = measured.workloads.iter().find(|workload| workload.name == asked.workload);
    if let Some(workload) = of {
        let _ = writeln!(
            out,
            "CPU     the packings' CPU time is compared by `{}`, {} a request on {}",
            workload.name,
            time(workload.baseline_cpu_s),
            measured.baseline
        );
    }
    let (vcpu, gib) = (plain(asked.prices.vcpu_hour), plain(asked.prices.gib_hour));
    let PriceList { unit, source, date, vcpu_hour, .. } = list;
    let _ =
        writeln!(out, "Prices  in {unit}: {vcpu} a vCPU-hour, {gib} a GiB-hour ({source}; {date})");
    if vcpu_hour.is_none() {
        out.push_str(
            "        No prices were given: a CPU weighs as many GiB as the measuring machine has for each core.\n        \
             --prices FILE takes yours; analysis/prices.toml shows the form.\n",
        );
    }
    out
}

fn table(decision: &Decision, shown: &Shown<'_>) -> Table {
    let cost = format!("{} a month", shown.list.unit);
    let mut table = Table::new(
        "decision",
        "What the load costs",
        &[
            ("packing", Align::Left),
            ("policy", Align::Left),
            (cost.as_str(), Align::Right),
            ("memory", Align::Right),
            ("cores", Align::Right),
            ("meet a start", Align::Right),
            ("p99 at least", Align::Right),
            ("", Align::Left),
        ],
    );
    for row in &decision.rows {
        let number = |estimate: Estimate, scale: f64, unit: Unit| {
            let ends = estimate.interval.map(|mut ends| {
                ends.low *= scale;
                ends.high *= scale;
                ends
            });
            Content::Number(show(estimate.point * scale, ends, unit, false))
        };
        table.push(vec![
            Content::text(&row.packing),
            Content::text(row.policy.words()),
            number(row.cost_per_month, 1.0, Unit::Count),
            number(row.memory_bytes, 1.0, Unit::Bytes),
            number(row.cores, 1.0, Unit::Count),
            Content::text(share(row)),
            number(row.p99_least_s, 1e9, Unit::Nanoseconds),
            Content::text(remark(row)),
        ]);
    }
    table
}

/// Of a policy that starts nothing there is nothing to say.
fn share(row: &Row) -> String {
    match row.policy {
        Policy::AlwaysOn | Policy::InstancePerRequest => "-".to_owned(),
        Policy::ScaleToZero => format!("{} %", plain(row.started_share * 100.0)),
    }
}

fn remark(row: &Row) -> &'static str {
    match row.fit {
        Fit::Above => "above the bound",
        Fit::Open => "open whether above the bound",
        Fit::Possible if row.never_ends() => "as good as never ended",
        Fit::Possible if row.cost_per_month.interval.is_none() => "too few invocations",
        Fit::Possible => "",
    }
}

/// Parameters that several policies of a packing lack stand once.
fn not_measured(out: &mut String, decision: &Decision) {
    if decision.not_measured.is_empty() && !decision.rows.is_empty() {
        return;
    }
    out.push_str("\nNot measured\n");
    if decision.not_measured.is_empty() {
        out.push_str(
            "  this run has no tenants: it raised none, left none idle and started none at once\n",
        );
    }
    let mut told = Vec::new();
    for row in &decision.not_measured {
        let choice = Choice { packing: row.packing.clone(), policy: row.policy };
        let new: Vec<_> = row.lacking.iter().filter(|lacks| !told.contains(lacks)).collect();
        let _ = writeln!(
            out,
            "  {choice}{}",
            if new.is_empty() { ": for the same reason" } else { "" }
        );
        for lacks in &new {
            let _ = writeln!(out, "    {}: {}: {}", lacks.what, lacks.cell, lacks.why);
            let _ = writeln!(out, "      {}", lacks.command);
        }
        told.extend(new);
    }
    let experiments = SOURCES.map(QuestionKind::key).join(" ");
    let _ = writeln!(out, "  One run has to hold all of them: cargo xtask run {experiments}");
}

fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Take(choice) => format!("Take    {choice}"),
        Answer::Open(choices) => format!("Open    {}", open(choices)),
        Answer::AllAbove => "None    every packing that was measured is above the bound".to_owned(),
        Answer::NotMeasured => {
            "None    no packing was measured as far as the model needs it".to_owned()
        }
    }
}

fn open(choices: &[Choice]) -> String {
    let names: Vec<String> = choices.iter().map(Choice::to_string).collect();
    match names.as_slice() {
        [one] => format!("{one}, if it keeps to the bound: the intervals do not tell"),
        several => format!("the intervals do not decide between: {}", several.join("; ")),
    }
}

/// What is to be taken, within a sentence.
fn taken(answer: &Answer) -> String {
    match answer {
        Answer::Take(choice) => format!("take {choice}"),
        Answer::Open(choices) => {
            let names: Vec<String> = choices.iter().map(Choice::to_string).collect();
            format!("open ({})", names.join("; "))
        }
        Answer::AllAbove => "nothing is within the bound".to_owned(),
        Answer::NotMeasured => "nothing was measured".to_owned(),
    }
}

fn input_words(input: Input) -> &'static str {
    match input {
        Input::Rate => "rate",
        Input::CpuPerRequest => "CPU per request",
        Input::Tenants => "tenants",
        Input::Bound => "bound on p99",
        Input::IdleTimeout => "tau",
        Input::VcpuHour => "price of a vCPU",
    }
}

fn flip_words(flip: &Flip) -> String {
    let Some(change) = &flip.change else {
        return format!(
            "nothing within a factor of {}",
            show(WITHIN, None, Unit::Count, true).value
        );
    };
    let value = |value: f64| value_words(flip.input, value);
    let side = if change.value > flip.now { "from" } else { "down from" };
    let mut out = format!("{side} {}: {}", value(change.value), taken(&change.answer));
    if let Some(then) = &flip.then {
        let _ = write!(out, "; {side} {}: {}", value(then.value), taken(&then.answer));
    }
    out
}

fn value_words(input: Input, value: f64) -> String {
    match input {
        Input::Rate => rate(value),
        Input::CpuPerRequest | Input::Bound | Input::IdleTimeout => time(value),
        Input::Tenants => show(value, None, Unit::Count, true).value,
        Input::VcpuHour => plain(value),
    }
}

/// Three digits.
fn plain(value: f64) -> String {
    show(value, None, Unit::Count, false).value
}

fn time(seconds: f64) -> String {
    show(seconds * 1e9, None, Unit::Nanoseconds, false).value_and_unit()
}

/// In the period that gives a number of a usual size.
fn rate(per_s: f64) -> String {
    let periods = [("/s", 1.0), ("/min", 60.0), ("/h", 3600.0)];
    let found = periods.iter().find(|(_, seconds)| per_s * seconds >= 1.0);
    let (period, seconds) = found.unwrap_or(&("/day", 86_400.0));
    format!("{}{period}", plain(per_s * seconds))
}
