//! `cargo xtask test --report`: the published run's report in headless Chromium, used as its
//! readers would, at two widths, and with a fault here and there, which must be found.

use crate::independent::analyse;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use weighbridge_project::exit::{Exit, LackingError};
use weighbridge_project::files;
use weighbridge_project::process::command;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::runs;
use weighbridge_schema::line;

const BROWSER: &str = "chromium";
const HOOK: &str = "analysis/check/report_hook.js";
const SCRIPT: &str = "analysis/check/report_test.js";
/// A window on a desk, and a telephone.
const WIDTHS: [u32; 2] = [1400, 390];
/// A browser that hangs is ended: the test takes a few seconds.
const LONGEST: &str = "180";

/// What is broken in a page, and what the test must say then. The first text is replaced by the
/// second one.
struct Fault {
    what: &'static str,
    from: &'static str,
    to: &'static str,
    said: &'static str,
}

const FAULTS: [Fault; 5] = [
    Fault {
        what: "the filter hides nothing",
        from: "row.hidden = misses(row);",
        to: "row.hidden = false;",
        said: "the filter by subject",
    },
    Fault {
        what: "the order is always ascending",
        from: "(next === \"ascending\" ? 1 : -1)",
        to: "1",
        said: "the rows are not descending",
    },
    Fault {
        what: "a row leads to the line after its own",
        from: "onChoose(row, line)",
        to: "onChoose(row, line + 1)",
        said: "the row leads to",
    },
    Fault {
        what: "something is loaded",
        from: "<main>",
        to: "<main><img src=\"x.png\" alt=\"\">",
        said: "loads",
    },
    Fault {
        what: "a table is wider than the window",
        from: "<main>",
        to: "<main><div style=\"width:3000px\">.</div>",
        said: "px wide",
    },
];

/// What the page's own script found.
#[derive(Debug, Deserialize)]
struct Found {
    failures: Vec<String>,
    /// The number that was opened; `None` where none was.
    number: Option<Opened>,
    /// Height of the page as it opens, in pixels.
    folded: Option<f64>,
    /// The same with every section open.
    height: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Opened {
    key: String,
    line: usize,
    value: f64,
}

/// # Errors
/// There is no published run, no Chromium (exit code 3), or the page does not do what it must.
pub fn run(project: &Project, progress: &Progress) -> Result<Exit> {
    require(BROWSER)?;
    let published = runs::published(project)?.context("paper/data holds no run to show")?;
    let folder = project.state.join("report-test");
    analyse(project, &published, &folder, &folder.join("generated"), progress)?;
    let page = folder.join("report/index.html");
    let text =
        std::fs::read_to_string(&page).with_context(|| format!("read {}", page.display()))?;
    for width in WIDTHS {
        let found = drive(project, &folder, &text, width)?;
        ensure!(found.failures.is_empty(), "at {width} px: {}", found.failures.join("; "));
        let opened = found.number.context("the test has opened no number")?;
        leads_back(&published, &opened)?;
        let pixels = |height: Option<f64>| height.map_or("?".to_owned(), |h| format!("{h:.0}"));
        println!(
            "{width} px: opened, filtered, sorted; {} leads to its line; {} px high, {} unfolded",
            opened.key,
            pixels(found.folded),
            pixels(found.height)
        );
    }
    for Fault { what, from, to, said } in FAULTS {
        progress.note(&format!("  {what}: it must be found"));
        ensure!(text.contains(from), "the page does not hold `{from}`");
        let found = drive(project, &folder, &text.replacen(from, to, 1), WIDTHS[0])?;
        let is_found = found.failures.iter().any(|failure| failure.contains(said));
        ensure!(is_found, "{what}, and the test says only: {:?}", found.failures);
    }
    println!("the report does what it must, and {} faults in it are found", FAULTS.len());
    Ok(Exit::Done)
}

fn require(browser: &str) -> Result<()> {
    let probed = command(browser).arg("--version").stdout(Stdio::null()).status();
    match probed {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(LackingError {
            what: format!("{browser}, which the report is tested in"),
            remedy: format!("apt-get install {browser}"),
        }
        .into()),
        other => other.map(|_| ()).with_context(|| format!("run {browser}")),
    }
}

/// Opens a page in a frame of that width, because no window of the browser is as narrow as a
/// telephone's, and gives what its script found.
fn drive(project: &Project, folder: &Path, text: &str, width: u32) -> Result<Found> {
    let script = |name: &str| -> Result<String> {
        let path = project.path(name);
        let text = std::fs::read_to_string(&path);
        Ok(format!("<script>\n{}</script>", text.with_context(|| format!("read {name}"))?))
    };
    let page = text.replacen("<head>", &format!("<head>{}", script(HOOK)?), 1).replacen(
        "</body>",
        &format!("{}</body>", script(SCRIPT)?),
        1,
    );
    files::write(&folder.join("report/page.html"), page.as_bytes())?;
    let frame = folder.join("report/frame.html");
    let height = 900;
    let around = format!(
        "<!doctype html><body style=\"margin:0\"><pre id=\"found\"></pre><script>\n\
         addEventListener(\"message\", (event) => {{\n\
         document.getElementById(\"found\").textContent = JSON.stringify(event.data); }});\n\
         </script><iframe src=\"page.html\" width=\"{width}\" height=\"{height}\"></iframe>"
    );
    files::write(&frame, around.as_bytes())?;
    let dom = dump(folder, &frame)?;
    let between = |text: &'_ str| -> Option<String> {
        let (_, after) = text.split_once("<pre id=\"found\">")?;
        Some(after.split_once("</pre>")?.0.to_owned())
    };
    let found = between(&dom).filter(|found| !found.is_empty());
    let found = found.context("the page's test did not end")?;
    let plain = found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&plain).with_context(|| format!("read what the page found: {plain}"))
}

/// The page's elements after its scripts have run.
fn dump(folder: &Path, page: &Path) -> Result<String> {
    let profile: PathBuf = folder.join("browser");
    let url = format!("file://{}", page.display());
    let mut browser = command("timeout");
    // Root's browser refuses its sandbox; the page is ours and loads nothing.
    browser.args([LONGEST, BROWSER, "--headless", "--no-sandbox", "--disable-gpu"]);
    browser.args(["--no-first-run", "--window-size=1500,1000", "--virtual-time-budget=60000"]);
    browser.arg(format!("--user-data-dir={}", profile.display())).args(["--dump-dom", &url]);
    let output = browser.output().with_context(|| format!("run {BROWSER}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{BROWSER} ended with {}: {errors}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether the line that the page names is of the number's subject and holds its value.
fn leads_back(run: &Path, opened: &Opened) -> Result<()> {
    let path = run.join("observations.jsonl");
    let log = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let text = opened.line.checked_sub(1).and_then(|index| log.lines().nth(index));
    let text = text.with_context(|| format!("the raw log has no line {}", opened.line))?;
    let observation = line::read(text.as_bytes()).context("read the line")?.observation;
    let cell = &observation.trial.cell;
    let is_of = opened.key.split('/').any(|part| part == cell.subject.as_str());
    #[expect(clippy::cast_precision_loss, reason = "no reading has 2^53 nanoseconds")]
    let holds = observation.metrics.values().any(|&value| value as f64 == opened.value);
    ensure!(
        is_of && holds,
        "line {} of the raw log does not show {} = {}",
        opened.line,
        opened.key,
        opened.value
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_browser_is_named_with_the_line_that_gets_it() {
        let error = require("no-such-browser").unwrap_err();
        assert!(error.is::<LackingError>(), "{error:#}");
        assert!(error.to_string().ends_with("apt-get install no-such-browser"), "{error}");
    }
}
