//! The form in which a reader asks for a load of their own, and the measured numbers that answer it.

use crate::decide::measured::{Measured, measured};
use crate::decide::prices::PriceList;
use crate::decide::score;
use crate::render::figures::break_even;
use crate::render::html::escape;
use crate::results::Results;
use anyhow::Result;
use std::fmt::Write;

/// Name, label and first value of each field, its least value, and whether it may be empty.
const FIELDS: [(&str, &str, &str, &str, bool); 5] = [
    ("rate", "requests per minute to each tenant", "3", "0.000001", false),
    ("cpu", "CPU time of a request, ms", "12", "0.000001", false),
    ("tenants", "tenants", "200", "1", false),
    ("bound", "bound on p99, ms", "250", "0.000001", true),
    ("tau", "tau: idle seconds before a tenant is ended", "60", "0", false),
];

/// Form and numbers; of a run without them, why there are none.
///
/// # Errors
/// When a number is not finite, which the earlier stations rule out.
pub fn form(results: &Results<'_>) -> Result<String> {
    let mut out = String::from("<h3>What a load of your own would cost</h3>\n");
    let measured = measured(results);
    // A test reads the file: it belongs to this program.
    let prices = PriceList::weights().ok();
    let prices = prices.and_then(|list| list.prices(&results.run.manifest.fingerprint));
    // Writing to a String cannot fail, here and below.
    let Some(prices) = prices.filter(|_| !measured.packings.is_empty()) else {
        let _ = writeln!(out, "<p>{}</p>", escape(&break_even::says(results)));
        return Ok(out);
    };
    let _ = writeln!(
        out,
        "<p>A model of what was measured, as <code>cargo xtask decide</code> has it: averages of \
         CPU time and memory, under requests that come by chance. Nothing waits in it. {} Prices are yours; at \
         first a CPU weighs what the measuring machine has of memory for each core.</p>\n<form id=\"decide\" \
         aria-label=\"Load\" hidden>",
        escape(&score::says(results))
    );
    for (name, label, value, least, may_be_empty) in FIELDS {
        field(&mut out, name, label, value, least, may_be_empty);
    }
    field(&mut out, "vcpu", "price of a vCPU-hour", &prices.vcpu_hour.to_string(), "0", false);
    field(&mut out, "gib", "price of a GiB-hour", &prices.gib_hour.to_string(), "0", false);
    workloads(&mut out, &measured);
    out.push_str("</form>\n<div id=\"decision\" aria-live=\"polite\"></div>\n");
    // Nothing in a script element may look like its end; JSON needs no `<` outside of strings.
    let model = serde_json::to_string(&measured)?.replace('<', "\\u003c");
    let _ = writeln!(out, "<script type=\"application/json\" id=\"cost-model\">{model}</script>");
    Ok(out)
}

fn field(out: &mut String, name: &str, label: &str, value: &str, least: &str, may_be_empty: bool) {
    let required = if may_be_empty { "" } else { " required" };
    let _ = writeln!(
        out,
        "<label>{label} <input type=\"number\" name=\"{name}\" value=\"{value}\" min=\"{least}\" \
         step=\"any\"{required}></label>"
    );
}

fn workloads(out: &mut String, measured: &Measured) {
    out.push_str("<label>CPU time compared by <select name=\"workload\"><option value=\"\">the nearest</option>");
    for workload in &measured.workloads {
        let _ = write!(out, "<option>{}</option>", escape(&workload.name));
    }
    out.push_str("</select></label>\n");
}
