//! Programs that time the operations, run by turns, and a table of what each took.

use std::process::Command;

/// The share of samples whose interval may miss the true median.
const ERROR: f64 = 0.05;

/// One program and what it found: for each operation, in order, nanoseconds by round.
struct Arm {
    name: String,
    words: Vec<String>,
    rounds: Vec<Vec<f64>>,
}

/// Runs every arm once a round, and prints the table. The first arm divides the others.
pub(crate) fn compare(rounds: &str, arms: &[String]) -> Result<(), String> {
    let count: usize = rounds.parse().map_err(|_| format!("{rounds}: not a number of rounds"))?;
    let mut arms = arms.iter().map(|arm| parse(arm)).collect::<Result<Vec<_>, _>>()?;
    if arms.is_empty() || interval_rank(count).is_none() {
        return Err("at least one arm, and at least 6 rounds for an interval".to_owned());
    }
    let mut names = Vec::new();
    for _ in 0..count {
        for arm in &mut arms {
            let (operations, times): (Vec<_>, Vec<_>) = measure(arm)?.into_iter().unzip();
            if !names.is_empty() && names != operations {
                return Err(format!("{}: times other operations than the arms before", arm.name));
            }
            names = operations;
            arm.rounds.push(times);
        }
    }
    print(&names, &arms, count);
    Ok(())
}

fn parse(arm: &str) -> Result<Arm, String> {
    let (name, command) =
        arm.split_once('=').ok_or_else(|| format!("{arm}: expected NAME=COMMAND"))?;
    let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() {
        return Err(format!("{arm}: the command is empty"));
    }
    Ok(Arm { name: name.to_owned(), words, rounds: Vec::new() })
}

/// Runs a program and reads its lines.
fn measure(arm: &Arm) -> Result<Vec<(String, f64)>, String> {
    let failed = |problem: &dyn std::fmt::Display| format!("{}: {problem}", arm.words.join(" "));
    let output = Command::new(&arm.words[0])
        .args(&arm.words[1..])
        .output()
        .map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |line: &str| {
        let (name, time) = line.split_once('\t')?;
        Some((name.to_owned(), time.parse().ok()?))
    };
    text.lines().map(|text| line(text).ok_or_else(|| failed(&text))).collect()
}

fn print(names: &[String], arms: &[Arm], count: usize) {
    let width = names.iter().map(String::len).max().unwrap_or(0);
    println!("milliseconds: shortest, median of {count} rounds; factor: median, interval");
    print!("{:width$}", "");
    arms.iter().for_each(|arm| print!("  {:>17}", arm.name));
    arms.iter().skip(1).for_each(|arm| print!("  {:>20}", format!("{} / first", arm.name)));
    println!();
    for (index, name) in names.iter().enumerate() {
        print!("{name:width$}");
        let of = |arm: &Arm| -> Vec<f64> { arm.rounds.iter().map(|times| times[index]).collect() };
        for arm in arms {
            let (shortest, median) = (sorted(of(arm))[0] / 1e6, median(of(arm)) / 1e6);
            print!("  {shortest:>8.3} {median:>8.3}");
        }
        let base = of(&arms[0]);
        for arm in &arms[1..] {
            let factors = of(arm).iter().zip(&base).map(|(time, base)| time / base).collect();
            print!("  {:>20}", described(factors));
        }
        println!();
    }
}

fn described(factors: Vec<f64>) -> String {
    let (middle, factors) = (median(factors.clone()), sorted(factors));
    match interval_rank(factors.len()) {
        Some(rank) => {
            let (low, high) = (factors[rank], factors[factors.len() - 1 - rank]);
            format!("{middle:.2} [{low:.2}, {high:.2}]")
        }
        None => format!("{middle:.2}"),
    }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: Vec<f64>) -> f64 {
    let values = sorted(values);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

/// How many values on either side lie outside the interval of the median: by the sign test, which
/// supposes nothing about how times are distributed. `None` if there are too few values for any.
fn interval_rank(count: usize) -> Option<usize> {
    let mut probability = 0.5_f64.powi(i32::try_from(count).ok()?);
    let mut below = 0.0;
    let mut outside = None;
    for rank in 0..count / 2 {
        below += probability;
        if 2.0 * below > ERROR {
            break;
        }
        outside = Some(rank);
        probability *= (count - rank) as f64 / (rank + 1) as f64;
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_median_leaves_out_what_the_sign_test_allows() {
        // Both tails together: 2 x 0.5^5 is over 0.05, 2 x 0.5^6 is not; of twelve, 2 x 79 / 4096.
        assert_eq!([5, 6, 12].map(interval_rank), [None, Some(0), Some(2)]);
    }

    #[test]
    fn a_median_is_the_middle_of_the_sorted_values() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(described(vec![2.0; 6]), "2.00 [2.00, 2.00]");
    }

    #[test]
    fn an_arm_is_a_name_and_a_command() {
        let arm = parse("wasm=wasmtime run a.wasm").unwrap();
        assert_eq!((arm.name.as_str(), arm.words.len()), ("wasm", 3));
        assert!(parse("wasmtime run").is_err());
        assert!(parse("wasm= ").is_err());
    }

    #[test]
    fn a_program_that_fails_is_named() {
        let error = compare("6", &["wasm=/nonexistent/operations".to_owned()]).unwrap_err();
        assert!(error.contains("/nonexistent/operations"), "{error}");
    }
}
