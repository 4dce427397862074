//! The break-even map: a panel for each number of tenants, a row for each CPU time of a request, and at each rate the
//! mark of what to take.

use crate::decide::map::{CPU_PER_REQUEST_S, Place, RATES_PER_MIN, TENANTS, places};
use crate::decide::measured::{Measured, Packing, measured};
use crate::decide::model::{Policy, Prices};
use crate::decide::prices::PriceList;
use crate::decide::{Answer, Choice};
use crate::render::chart::{Axis, Chart, Panel, Point, Series, Style};
use crate::render::number::show;
use crate::results::Results;
use weighbridge_schema::metric::Unit;

/// A grey plus, of the marks that have a number: no packing has it.
const OPEN_MARK: usize = 20;
/// Every so-many-th mark is grey.
const COLOURS_COUNT: usize = 6;

/// One panel for each number of tenants; none where no packing was measured as far as the model needs it.
#[must_use]
pub fn chart(results: &Results<'_>) -> Chart {
    let measured = measured(results);
    let prices = prices(results);
    let panel = |tenants: u32| {
        let found = places(&measured, prices?, tenants);
        (!found.is_empty()).then(|| panel(&measured, tenants, &found))
    };
    Chart {
        name: "break-even",
        title: "Break-even map: the packing that costs the least".to_owned(),
        panels: TENANTS.into_iter().filter_map(panel).collect(),
    }
}

/// Whose weights stand for prices: the map is of no reader's.
fn prices(results: &Results<'_>) -> Option<Prices> {
    // A test reads the file: it belongs to this program.
    PriceList::weights().ok()?.prices(&results.run.manifest.fingerprint)
}

/// What the map was drawn of, or why it was not: the end of its caption.
#[must_use]
pub fn says(results: &Results<'_>) -> String {
    let Some(prices) = prices(results) else {
        return "Not drawn: the run does not say how many cores and how much memory its machine has.".to_owned();
    };
    let measured = measured(results);
    let is_whole = |packing: &&Packing| {
        measured
            .workloads
            .iter()
            .any(|workload| packing.parameters(Policy::AlwaysOn, &workload.name).is_ok())
    };
    let names: Vec<&str> =
        measured.packings.iter().filter(is_whole).map(|packing| packing.subject.as_str()).collect();
    if !names.is_empty() {
        let cpu = show(prices.vcpu_hour / prices.gib_hour, None, Unit::Count, false).value;
        return format!("Of {}; a vCPU-hour counts as {cpu} GiB-hours.", names.join(", "));
    }
    let first = measured.packings.first().and_then(|packing| {
        let workload = measured.workloads.first().map_or("thumbnail", |one| one.name.as_str());
        let lacking = packing.parameters(Policy::AlwaysOn, workload).err()?;
        lacking.first().map(|lacks| format!("{} of {}: {}", lacks.what, packing.subject, lacks.why))
    });
    match first {
        Some(why) => format!("Not drawn: no packing has all parameters; {why}."),
        None => "Not drawn: the run raised no tenants, left none idle and started none at once."
            .to_owned(),
    }
}

fn panel(measured: &Measured, tenants: u32, found: &[Place]) -> Panel {
    let choices = measured.packings.iter().flat_map(|packing| {
        Policy::of(packing.is_shared)
            .map(|policy| Choice { packing: packing.subject.clone(), policy })
    });
    let taken = choices.enumerate().map(|(index, choice)| Series {
        name: Some(choice.to_string()),
        // No grey ones.
        style: Style::Marks(index + index / COLOURS_COUNT),
        points: points(found, |answer| *answer == Answer::Take(choice.clone())),
    });
    let open = Series {
        name: Some("open".to_owned()),
        style: Style::Marks(OPEN_MARK),
        points: points(found, |answer| matches!(answer, Answer::Open(_))),
    };
    let series = taken.chain([open]).filter(|series| !series.points.is_empty());
    let time = |s: f64| show(s * 1e9, None, Unit::Nanoseconds, false).value_and_unit();
    Panel {
        title: format!("{tenants} tenant{}", if tenants == 1 { "" } else { "s" }),
        x: Axis::log("requests per minute to each tenant (log scale)", &RATES_PER_MIN),
        y: Axis::rows(&CPU_PER_REQUEST_S.map(time)),
        series: series.collect(),
    }
}

fn points(found: &[Place], is_of: impl Fn(&Answer) -> bool) -> Vec<Point> {
    let places = found.iter().filter(|place| is_of(&place.answer));
    let point =
        |place: &Place| Point { x: RATES_PER_MIN[place.rate], y: place.cpu as f64, interval: None };
    places.map(point).collect()
}
