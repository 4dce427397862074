//! Taking an order: parsing it, looking everything up, adding it up.

use crate::{BODY_LIMIT_BYTES, ITEMS, Request};
use serde::{Deserialize, Serialize};

/// Most of one item that a line may ask for: no total can overflow.
const QUANTITY_MAX: u32 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requested {
    lines: Vec<AskedLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedLine {
    item: u32,
    quantity: u32,
}

/// An order that was taken.
#[derive(Serialize)]
pub(crate) struct Order {
    lines: Vec<Line>,
    total_cents: u64,
}

#[derive(Serialize)]
struct Line {
    item: u32,
    name: &'static str,
    quantity: u32,
    total_cents: u64,
}

/// The order with its total, or a status and the reason why it was not taken.
pub(crate) fn take(request: &Request<'_>) -> Result<Order, (u16, String)> {
    let content_type = request.content_type.unwrap_or_default();
    if content_type.split(';').next() != Some("application/json") {
        return Err((415, "an order is application/json".to_owned()));
    }
    let body = request
        .body
        .ok_or_else(|| (413, format!("an order has at most {BODY_LIMIT_BYTES} bytes")))?;
    let asked: Requested =
        serde_json::from_slice(body).map_err(|error| (400, error.to_string()))?;
    if asked.lines.is_empty() {
        return Err((422, "an order with no lines".to_owned()));
    }
    let lines = asked.lines.iter().enumerate().map(|(index, asked)| {
        line(asked).map_err(|why| (422, format!("line {}: {why}", index + 1)))
    });
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    let total_cents = lines.iter().map(|line| line.total_cents).sum();
    Ok(Order { lines, total_cents })
}

fn line(asked: &AskedLine) -> Result<Line, String> {
    let item = ITEMS
        .iter()
        .find(|item| item.id == asked.item)
        .ok_or_else(|| format!("there is no item {}", asked.item))?;
    if !(1..=QUANTITY_MAX).contains(&asked.quantity) {
        return Err(format!("quantity must be 1 to {QUANTITY_MAX}"));
    }
    Ok(Line {
        item: item.id,
        name: item.name,
        quantity: asked.quantity,
        total_cents: item.price_cents * u64::from(asked.quantity),
    })
}
