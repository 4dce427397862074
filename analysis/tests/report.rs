//! The report: one page that needs nothing from outside, and whose numbers lead back.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::Fixture;
use crate::support::rendered::{eventful, rendered};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::record::Outcome;

#[test]
fn the_report_needs_nothing_from_outside() {
    let files = rendered(&eventful());
    let page = &files["report/index.html"];
    // The library names its home in a comment, and asks for nothing; the policy forbids the rest.
    let library = include_str!("../src/render/html/vendor/uplot-1.6.32.min.js");
    assert!(page.contains(library));
    let ours = page.replace(library, "").replace("http://www.w3.org/2000/svg", "");
    let loading = ["http:", "https:", "src=", "@import", "<link", "url(", "fetch(", "import("];
    for outside in loading {
        assert!(!ours.contains(outside), "{outside}");
    }
    for loads in ["fetch(", "XMLHttpRequest", "import(", "new Image"] {
        assert!(!library.contains(loads), "{loads}");
    }
    assert!(page.contains("content=\"default-src 'none'; "));
    assert!(page.contains("href=\"../results/fixture/observations.jsonl\""));
    assert!(page.contains("href=\"../paper/summary.json\""));
    assert!(page.contains("latexmk is &lt;missing&gt;"));
    assert!(!page.contains("weighbridge.pdf"), "there is none");
    assert!(page.contains("cargo xtask setup --only spin_cli"));
    assert!(page.contains("prefers-color-scheme: dark"));
}

/// The data of a page: what stands in its script element.
fn data_of(page: &str) -> serde_json::Value {
    let (_, after) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(after.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_number_of_the_report_leads_to_its_lines_of_the_raw_log() {
    let fixture = eventful();
    let files = rendered(&fixture);
    let data = data_of(&files["report/index.html"]);
    let numbers = data["numbers"].as_array().unwrap();
    let key = "throughput/healthz/concurrency=8/native/requests_per_second";
    let number = numbers.iter().find(|number| number["key"] == key).unwrap();
    let visits = number["visits"].as_array().unwrap();
    assert_eq!(number["n"], 8);
    assert!(visits.len() >= 8, "{visits:?}");
    for visit in numbers.iter().flat_map(|number| number["visits"].as_array().unwrap()) {
        let Some(line) = visit[0].as_u64() else { continue };
        let seen = &fixture.observations[line as usize - 1];
        assert_eq!(visit[1], seen.trial.invocation, "{visit}");
        assert_eq!(visit[2], seen.repeat, "{visit}");
        assert_eq!(seen.outcome, Outcome::Ok, "{visit}");
    }
    let other = numbers.iter().find(|number| number["key"] == key.replace("native", "spin"));
    assert!(other.is_none(), "what has no number does not open");
}

#[test]
fn what_the_generator_limited_is_marked_and_nothing_else() {
    let mark = "class=\"limited\"";
    let before = rendered(&Fixture::new(8)).remove("report/index.html").unwrap();
    let mut fixture = Fixture::new(8);
    for observation in fixture.of("throughput", "native") {
        let window = observation.metrics[&Metric::Measured];
        observation.metrics.insert(Metric::ClientCpu, window);
    }
    let after = rendered(&fixture).remove("report/index.html").unwrap();
    let count = |page: &str| page.matches(mark).count();
    assert!(count(&after) > count(&before), "{} and {}", count(&before), count(&after));
}

#[test]
fn every_caption_names_the_revision_and_the_lines_that_make_it_again() {
    let files = rendered(&eventful());
    let numbers = &files["paper/numbers.tex"];
    for name in files.keys().filter_map(|name| name.strip_prefix("paper/")) {
        let Some(name) = name.strip_suffix(".tex").filter(|name| *name != "numbers") else {
            continue;
        };
        let begin = format!("\\wb@set{{origin}}{{{name}}}{{At revision \\texttt{{0123456789ab}}");
        assert!(numbers.contains(&begin), "{name}");
    }
    let of = numbers.lines().find(|line| line.contains("{origin}{figure-cold-start-stages}"));
    let of = of.unwrap().replace("\\allowbreak{}", "");
    assert!(of.contains("cargo xtask paper fixture"), "{of}");
    assert!(of.contains("cargo xtask run cold-start"), "{of}");
}
