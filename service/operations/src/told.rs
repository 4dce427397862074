//! One operation, done whenever a line on standard input says so: another process, which reads the
//! CPU time of this one before and after, tells how long it took, for native code and for every Wasm
//! runtime by the same clock. WASI has none for CPU time that all runtimes offer.

use std::hint::black_box;
use std::io::{BufRead, Write};

use crate::{OPERATIONS, Operation};

/// The operation that is no request: the number of calls that articles on runtimes time.
const FIB: &str = "fib-40";

/// What can be done.
enum Work {
    Request(&'static Operation),
    Fib,
}

/// Says in a line of JSON how often `key` is done within an iteration, and whether one without
/// it is to be taken off; then does an iteration for each line it reads: `with` it, or `without` it, and says
/// `done`. Ends with its input.
///
/// # Errors
/// There is no operation of that name, a line says something else, or a request was refused.
pub(crate) fn serve(
    key: &str,
    commands: impl BufRead,
    mut answers: impl Write,
) -> Result<(), String> {
    let work = find(key)?;
    let (count, is_difference) = match work {
        Work::Request(operation) => (operation.count, operation.is_difference),
        Work::Fib => (1, false),
    };
    let mut say = |line: &str| {
        writeln!(answers, "{line}").and_then(|()| answers.flush()).map_err(|e| e.to_string())
    };
    say(&format!("{{\"count\":{count},\"is_difference\":{is_difference}}}"))?;
    for command in commands.lines() {
        match (command.map_err(|e| e.to_string())?.as_str(), &work) {
            ("with", Work::Request(operation)) => operation.answer(&operation.query())?,
            ("with", Work::Fib) => {
                black_box(fib(black_box(40)));
            }
            ("without", Work::Request(operation)) if is_difference => {
                operation.answer(&operation.query_without())?;
            }
            (other, _) => return Err(format!("`{other}`: expected `with` or `without`")),
        }
        say("done")?;
    }
    Ok(())
}

fn find(key: &str) -> Result<Work, String> {
    if key == FIB {
        return Ok(Work::Fib);
    }
    let of_key = |operation: &&Operation| operation.key == Some(key);
    OPERATIONS.iter().find(of_key).map(Work::Request).ok_or_else(|| {
        let known: Vec<&str> = OPERATIONS.iter().filter_map(|operation| operation.key).collect();
        format!("no operation `{key}`; there are: {}, {FIB}", known.join(", "))
    })
}

/// As every article writes it: two calls for each number that is not the first or the second.
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(key: &str, commands: &str) -> Result<String, String> {
        let mut answers = Vec::new();
        serve(key, commands.as_bytes(), &mut answers)?;
        Ok(String::from_utf8(answers).unwrap())
    }

    #[test]
    fn each_line_is_an_iteration_and_its_end_is_said() {
        let answers = served("encode-jpeg", "with\nwithout\n").unwrap();
        assert_eq!(answers, "{\"count\":1,\"is_difference\":true}\ndone\ndone\n");
        let answers = served("thumbnail", "with\n").unwrap();
        assert_eq!(answers, "{\"count\":1,\"is_difference\":false}\ndone\n");
    }

    #[test]
    fn what_is_not_known_is_named() {
        let error = served("blurr", "").unwrap_err();
        assert!(error.contains("`blurr`") && error.contains("blur, "), "{error}");
        assert!(served("thumbnail", "without\n").is_err(), "there is nothing to take off");
        assert!(served("blur", "once\n").unwrap_err().contains("`once`"));
    }

    #[test]
    fn the_numbers_are_those_of_fibonacci() {
        assert_eq!((0..10).map(fib).collect::<Vec<_>>(), [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]);
    }
}
