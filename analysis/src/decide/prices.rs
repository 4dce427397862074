//! What a vCPU-hour and a GiB-hour cost: a file of the reader's, or weights by the machine that measured.

use super::model::Prices;
use serde::Deserialize;
use weighbridge_schema::manifest::Fingerprint;
use weighbridge_schema::parse::{ParseError, parse};

/// Where the weights stand.
const WEIGHTS_FILE: &str = "analysis/prices.toml";
const WEIGHTS: &str = include_str!("../../prices.toml");
const GIB_BYTES: f64 = (1u64 << 30) as f64;

/// A file of prices.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceList {
    /// What the figures count: a currency, or what a weight is a weight of.
    pub unit: String,
    /// Where they were read.
    pub source: String,
    /// When they were read.
    pub date: String,
    /// A CPU for an hour. Without it a CPU weighs what the measuring machine has of memory for each of its own.
    pub vcpu_hour: Option<f64>,
    /// A GiB for an hour.
    pub gib_hour: f64,
}

impl PriceList {
    /// Reads `text`, the content of `file`.
    ///
    /// # Errors
    /// It is no such file, or a price is not above 0; the message names the file and the key.
    pub fn read(file: &str, text: &str) -> Result<Self, ParseError> {
        let list: Self = parse(file, text)?;
        for (key, price) in [("vcpu_hour", list.vcpu_hour), ("gib_hour", Some(list.gib_hour))] {
            if price.is_some_and(|price| !(price > 0.0 && price.is_finite())) {
                let message = format!("{key} must be above 0");
                return Err(ParseError { file: file.to_owned(), line: None, message });
            }
        }
        Ok(list)
    }

    /// The weights that stand for prices where the reader gives none.
    ///
    /// # Errors
    /// The file that belongs to this program is none; a test reads it.
    pub fn weights() -> Result<Self, ParseError> {
        Self::read(WEIGHTS_FILE, WEIGHTS)
    }

    /// The prices; `None` where that of a CPU is by the machine and the machine is unknown.
    #[must_use]
    pub fn prices(&self, machine: &Fingerprint) -> Option<Prices> {
        let gib_hour = self.gib_hour;
        let vcpu_hour = match self.vcpu_hour {
            Some(vcpu_hour) => vcpu_hour,
            None => gib_for_each_core(machine)? * gib_hour,
        };
        Some(Prices { vcpu_hour, gib_hour })
    }
}

fn gib_for_each_core(machine: &Fingerprint) -> Option<f64> {
    let (memory_bytes, cores_count) = (machine.memory_bytes?, machine.cores_count?);
    (memory_bytes > 0 && cores_count > 0)
        .then(|| memory_bytes as f64 / GIB_BYTES / f64::from(cores_count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(cores_count: Option<u32>) -> Fingerprint {
        Fingerprint { cores_count, memory_bytes: Some(24 << 30), ..Fingerprint::default() }
    }

    #[test]
    fn without_prices_a_cpu_weighs_its_share_of_the_machines_memory() {
        let weights = PriceList::weights().unwrap();
        let prices = weights.prices(&machine(Some(2))).unwrap();
        assert_eq!(prices, Prices { vcpu_hour: 12.0, gib_hour: 1.0 });
        assert_eq!(weights.prices(&machine(None)), None, "nothing is made up");
        assert_eq!(weights.prices(&machine(Some(0))), None);
    }

    #[test]
    fn a_file_of_prices_is_read_and_a_bad_one_named() {
        let good = "unit = \"EUR\"\nsource = \"a bill\"\ndate = \"2026-01-31\"\nvcpu_hour = 0.04\ngib_hour = 0.005\n";
        let list = PriceList::read("mine.toml", good).unwrap();
        let prices = list.prices(&Fingerprint::default()).unwrap();
        assert_eq!(prices, Prices { vcpu_hour: 0.04, gib_hour: 0.005 });
        for (from, to, expected) in [
            ("vcpu_hour", "vcpu_hours", "mine.toml:4: unknown field `vcpu_hours`"),
            ("0.005", "0.0", "mine.toml: gib_hour must be above 0"),
            ("0.04", "-1.0", "mine.toml: vcpu_hour must be above 0"),
            ("0.04", "nan", "mine.toml: vcpu_hour must be above 0"),
            ("date = \"2026-01-31\"\n", "", "missing field `date`"),
        ] {
            let error = PriceList::read("mine.toml", &good.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
