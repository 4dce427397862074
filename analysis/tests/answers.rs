//! Published answers and conditions beside a run whose numbers are known.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, analyse};
use std::path::Path;
use weighbridge_analysis::answers::{self, Answer, Factor, Numbers, Pair, Standing};
use weighbridge_analysis::conditions;
use weighbridge_analysis::judge::{Verdict, parse_claims};
use weighbridge_analysis::load::load;
use weighbridge_analysis::pitfalls;
use weighbridge_analysis::reconcile::{self, Reconciled};
use weighbridge_analysis::render::latex;
use weighbridge_analysis::render::tables::{self, published_answers};
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::bootstrap::Interval;

fn answer(published: [f64; 2]) -> Answer {
    Answer { published, ..answers::read().unwrap().remove(0) }
}

fn factor(point: f64, low: f64, high: f64) -> Factor {
    Factor { point, interval: Some(Interval { low, high }) }
}

#[test]
fn a_factor_is_of_one_size_within_one_and_a_half_and_may_have_the_other_sign() {
    for (published, here, expected) in [
        ([8.38, 8.38], factor(8.0, 7.5, 8.6), Standing::OneSize),
        ([8.38, 8.38], factor(12.6, 12.5, 12.7), Standing::OneSize),
        ([8.38, 8.38], factor(16.76, 16.0, 17.0), Standing::OtherSize(2.0)),
        ([1.0, 200.0], factor(60.0, 58.0, 62.0), Standing::OneSize),
        ([8.0, 8.0], factor(2.0, 1.9, 2.1), Standing::OtherSize(0.25)),
        ([8.0, 8.0], factor(0.5, 0.4, 0.6), Standing::OtherSign),
        ([0.5, 0.5], factor(2.0, 1.9, 2.1), Standing::OtherSign),
        ([1.0, 200.0], factor(0.5, 0.45, 0.55), Standing::OtherSign),
        ([0.5, 1.0], factor(2.0, 1.9, 2.1), Standing::OtherSign),
        ([0.5, 0.5], factor(0.1, 0.1, 0.1), Standing::OtherSize(0.2)),
    ] {
        assert_eq!(answer(published).standing(here), expected, "{published:?} {here:?}");
    }
}

/// Whether a key can name a number: five parts, of which the last two are a subject and a quantity.
fn is_key(key: &str) -> bool {
    let parts: Vec<&str> = key.split('/').collect();
    let [_, _, parameter, _, quantity] = parts[..] else { return false };
    parameter.parse::<Parameter>().is_ok() && Quantity::named(quantity).is_ok()
}

/// Every pair of the file is in the published run, but for those whose row says what a run without them shows.
#[test]
fn every_pair_of_the_file_names_numbers_of_the_published_run() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../paper/data");
    let runs = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let published = runs.filter(|path| path.join("manifest.json").is_file()).max().unwrap();
    let run = load(&published).unwrap();
    let results = analyse(&run, &[]);
    let numbers = Numbers::of(&results);
    let rows = answers::read().unwrap();
    assert!(rows.len() >= 15, "{}", rows.len());
    for answer in &rows {
        for pair in &answer.pairs {
            assert!(is_key(&pair.of) && is_key(&pair.versus), "{pair:?}");
            assert!(numbers.factor(pair).is_some() || answer.not_here.is_some(), "{pair:?}");
        }
    }
}

#[test]
fn the_table_shows_the_quotient_of_the_medians_and_how_it_stands_to_what_was_published() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::new(10).write(folder.path());
    let run = load(folder.path()).unwrap();
    let results = analyse(&run, &[]);
    let numbers = Numbers::of(&results);
    let key = |subject: &str| format!("cold-start/healthz/-/{subject}/time_to_first_response");
    let pair =
        |of: &str, versus: &str| Pair { what: String::new(), of: key(of), versus: key(versus) };
    // 180 and 3 times the process, each within 5 %.
    let found = numbers.factor(&pair("docker-scratch", "wasmtime-aot")).unwrap();
    let ends = found.interval.unwrap();
    assert!((54.0..66.0).contains(&found.point), "{found:?}");
    assert!(ends.low < found.point && found.point < ends.high, "{found:?}");
    assert_eq!(numbers.factor(&pair("docker-scratch", "spin")), None, "not measured");
    let tex = latex::table::render(&published_answers::table(&results));
    assert!(tex.contains("100 times faster cold starts"), "{tex}");
    assert!(tex.contains("not measured in this run") && tex.contains("density is not"), "{tex}");
    assert!(tex.contains(" of that") || tex.contains("of one size"), "{tex}");
}

#[test]
fn a_condition_rests_on_a_claim_and_takes_by_its_verdict() {
    let claims = include_str!("../claims.toml");
    let names: Vec<String> = (parse_claims("claims.toml", claims).unwrap().into_iter())
        .map(|claim| claim.name)
        .collect();
    let rows = conditions::read().unwrap();
    for row in &rows {
        assert!(names.contains(&row.claim), "{row:?}");
        assert_ne!(row.holds, row.contradicted, "{row:?}");
        assert_eq!(row.take(Verdict::Holds), Some(row.holds.as_str()));
        assert_eq!(row.take(Verdict::Contradicted), Some(row.contradicted.as_str()));
        assert!(row.take(Verdict::Undecided).unwrap().starts_with("either"));
        assert_eq!(row.take(Verdict::NotMeasured), None);
    }
    Fixture::new(10).analysed(claims, |results| {
        let table = tables::conditions::table(results);
        assert_eq!(table.rows.len(), rows.len());
        let tex = latex::table::render(&table);
        // The fixture's container starts later than its component, and it has no crun.
        assert!(tex.contains("a component, compiled ahead of time"), "{tex}");
        assert!(tex.contains("not measured"), "{tex}");
    });
}

/// Every pair is measured by a definition of the repository, and the factors of the fixture's are known.
#[test]
fn the_tempting_number_stands_beside_the_careful_one() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::new(8).write(folder.path());
    let run = load(folder.path()).unwrap();
    let results = analyse(&run, &[]);
    let numbers = Numbers::of(&results);
    let rows = pitfalls::read().unwrap();
    assert!(rows.len() >= 10, "{}", rows.len());
    for pair in rows.iter().flat_map(|row| [&row.tempting, &row.careful]) {
        assert!(is_key(&pair.of) && is_key(&pair.versus), "{pair:?}");
    }
    // 120 and 3 times native.
    let compiled = rows.iter().find(|row| row.choice.contains("compiled")).unwrap();
    assert!((compiled.off_by(&numbers).unwrap() - 40.0).abs() < 4.0);
    let engine = rows.iter().find(|row| row.choice.contains("engine counted")).unwrap();
    assert_eq!(engine.off_by(&numbers), None, "the fixture has no crun");
    let tex = latex::table::render(&tables::pitfalls::table(&results));
    assert!(tex.contains("not measured in this run") && tex.contains("ahead of time"), "{tex}");
}

/// A row with pairs of the fixture's numbers, whose factors are known: 180, 1.03 and 1.6 times native.
fn row(published: f64, pairs: &[(&str, &str)]) -> Answer {
    let key = |subject: &str| format!("cold-start/healthz/-/{subject}/time_to_first_response");
    let pair = |(of, versus): &(&str, &str)| Pair {
        what: format!("{of} and {versus}"),
        of: key(of),
        versus: key(versus),
    };
    let pairs = pairs.iter().map(pair).collect();
    Answer { pairs, source: "A".to_owned(), not_here: None, ..answer([published, published]) }
}

#[test]
fn an_answer_is_reproduced_on_its_own_boundary_and_explained_by_another_one() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::new(8).write(folder.path());
    let run = load(folder.path()).unwrap();
    let results = analyse(&run, &[]);
    let numbers = Numbers::of(&results);
    let engine = ("docker-scratch", "native");
    let host = ("wasmtime-aot", "native");
    let elsewhere = ("spin", "native");

    let reproduced = row(180.0, &[engine, host]);
    let explained = row(3.0, &[engine, host]);
    let neither = row(20.0, &[host, engine]);
    let unmeasured = row(3.0, &[elsewhere]);
    assert!(matches!(reproduced.reconcile(&numbers), Reconciled::Reproduced(..)));
    match explained.reconcile(&numbers) {
        Reconciled::Explained { by, first: Some(times), .. } => {
            assert_eq!(by.what, "wasmtime-aot and native");
            assert!((times - 60.0).abs() < 3.0, "{times}");
        }
        other => panic!("{other:?}"),
    }
    match neither.reconcile(&numbers) {
        // 3 is 6.7 times off, 180 nine times.
        Reconciled::NotReproduced(pair, _) => assert_eq!(pair.what, "wasmtime-aot and native"),
        other => panic!("{other:?}"),
    }
    assert_eq!(unmeasured.reconcile(&numbers), Reconciled::NotMeasured(None));

    let all = [reproduced, explained, neither, unmeasured];
    let text = reconcile::text(&all, &numbers, None).unwrap();
    for words in [
        "reproduced: docker-scratch and native",
        "explained: wasmtime-aot and native",
        "the nearest boundary has ",
        "not reproduced: the nearest is wasmtime-aot and native",
        "not measured in this run",
        "answers: 4; 1 reproduced, 1 explained by another boundary or setting, 1 not reproduced, 1 not measured",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(reconcile::text(&all, &numbers, Some("nobody")).is_none());
}
