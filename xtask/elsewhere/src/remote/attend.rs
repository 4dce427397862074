//! Watching one machine: start it, follow its log over cut connections, fetch its run.

use super::RemotePart;
use super::host::{Ending, ending};
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};
use weighbridge_project::exit::InterruptedError;
use weighbridge_project::files::{make_folder, remove};
use weighbridge_project::process::{check, command, interrupted, lines, shown};
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::record::{Observation, Outcome};

/// The first pause before a cut connection is tried again; each later one is twice as long.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A machine that is away for longer needs a person.
const AWAY_MAX: Duration = Duration::from_secs(3600);
/// `remote.sh follow`: the log is shorter than what is here.
const SHORTER: i32 = 9;
/// `remote.sh manifest`: the runner ended without one.
const NO_MANIFEST: i32 = 4;
/// So often in a row a runner that vanished (the machine was restarted) is started again without an additional trial.
const VANISHED_MAX: u32 = 3;

/// What a watcher has to say.
pub(super) enum News {
    /// The part's plan is known.
    Planned { trials: u64, done: u64 },
    /// A trial was visited.
    Step { label: String, failed: Option<String> },
    /// Something else.
    Note(String),
}

/// Waits for a machine that is away.
struct Patience {
    pause: Duration,
    since: Option<Instant>,
}

impl Patience {
    fn new() -> Self {
        Self { pause: PAUSE, since: None }
    }

    /// The machine has answered.
    fn answered(&mut self) {
        *self = Self::new();
    }

    /// The connection was cut, or could not be made: rests before the next attempt.
    fn rest(&mut self, part: &RemotePart, news: &Sender<News>) -> Result<()> {
        ensure!(!interrupted(), InterruptedError);
        let away = self.since.get_or_insert_with(Instant::now).elapsed();
        ensure!(away < AWAY_MAX, "no connection for {} min", AWAY_MAX.as_secs() / 60);
        let pause = self.pause;
        let host = &part.host;
        say(news, News::Note(format!("no connection to {host}: again in {} s", pause.as_secs())));
        let until = Instant::now() + pause;
        while Instant::now() < until {
            ensure!(!interrupted(), InterruptedError);
            std::thread::sleep(Duration::from_millis(100));
        }
        self.pause = (pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

fn say(news: &Sender<News>, what: News) {
    // The listener ends only after all watchers have.
    let _ = news.send(what);
}

/// Brings the part here whole; gives its folder. What is there already is not done again. A failure
/// is said at once: the other machines may have hours to go.
pub(super) fn attend(part: &RemotePart, folder: &Path, news: &Sender<News>) -> Result<PathBuf> {
    fetch_part(part, folder, news).inspect_err(|error| {
        if !error.is::<InterruptedError>() {
            say(news, News::Note(format!("{}: {error:#}", part.host)));
        }
    })
}

fn fetch_part(part: &RemotePart, folder: &Path, news: &Sender<News>) -> Result<PathBuf> {
    let complete = folder.join("complete").join(&part.name);
    if complete.is_dir() {
        return Ok(complete);
    }
    let here = folder.join(&part.name);
    make_folder(&here)?;
    let log = here.join("observations.jsonl");
    let mut vanished_count = 0;
    let mut is_announced = false;
    loop {
        let before = size_of(&log)?;
        start(part, news)?;
        let (manifest, _) = retry(part, news, &["manifest"])?;
        if let (Ok(manifest), false) = (serde_json::from_str::<Manifest>(&manifest), is_announced) {
            is_announced = true;
            let done = fs::read_to_string(&log).map_or(0, |text| text.lines().count());
            let trials = manifest.plan.len() as u64;
            say(news, News::Planned { trials, done: done as u64 });
        }
        follow(part, &log, news)?;
        let (result, _) = retry(part, news, &["result"])?;
        let (_, ended) = result.split_once("ended ").context("it did not say how it ended")?;
        let (code, messages) = ended.split_once('\n').unwrap_or((ended, ""));
        match code {
            // 1: complete, but trials failed; the log says which.
            "0" | "1" => break,
            "gone" => {
                vanished_count = if size_of(&log)? > before { 1 } else { vanished_count + 1 };
                ensure!(vanished_count <= VANISHED_MAX, "the runner there vanishes: {messages}");
                let host = &part.host;
                say(news, News::Note(format!("{host} was restarted: the run goes on there")));
            }
            "130" => bail!("the run was interrupted there"),
            code => bail!("the runner there ended with exit code {code}: {}", messages.trim_end()),
        }
    }
    fetch(part, &complete, news)?;
    Ok(complete)
}

/// Starts the runner, or finds it at work.
fn start(part: &RemotePart, news: &Sender<News>) -> Result<()> {
    let mut words = vec!["start"];
    words.extend(part.arguments.iter().map(String::as_str));
    let (_, code) = retry(part, news, &words)?;
    ensure!(
        code == 0,
        "{} is not there any more (exit code {code}): begin a new run",
        part.unpacked
    );
    Ok(())
}

/// Calls the script over there with a verb, the part's folder and name, and additional words, until the connection
/// holds; gives what it printed and its exit code.
fn retry(part: &RemotePart, news: &Sender<News>, words: &[&str]) -> Result<(String, i32)> {
    let script = part.script();
    let call = call(&script, part, words);
    let mut patience = Patience::new();
    loop {
        match part.host.try_ask(&call)? {
            (text, Ending::Exited(code)) if code == 0 || words[0] == "start" => {
                return Ok((text, code));
            }
            (text, Ending::Exited(NO_MANIFEST)) if words[0] == "manifest" => return Ok((text, 0)),
            (_, Ending::Exited(code)) => bail!("`{}` ended with exit code {code}", call.join(" ")),
            (_, Ending::Cut) => patience.rest(part, news)?,
        }
    }
}

fn call<'a>(script: &'a str, part: &'a RemotePart, words: &[&'a str]) -> Vec<&'a str> {
    let (verb, rest) = words.split_first().map_or(("", &[][..]), |(verb, rest)| (*verb, rest));
    [&["sh", script, verb, &part.home, &part.name], rest].concat()
}

/// Pulls the log until the runner has ended. Only whole lines are written, so that the file's size
/// is the place to go on from.
fn follow(part: &RemotePart, log: &Path, news: &Sender<News>) -> Result<()> {
    let script = part.script();
    let mut patience = Patience::new();
    loop {
        let offset = size_of(log)?.to_string();
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("open {}", log.display()))?;
        let mut ssh = part.host.command(&call(&script, part, &["follow", &offset]));
        let mut written = Ok(());
        let status = lines(&mut ssh, |line| {
            // A line that the cut tore apart is none.
            if let (Ok(observation), true) = (serde_json::from_str(line), written.is_ok()) {
                written = file.write_all(format!("{line}\n").as_bytes());
                patience.answered();
                say(news, step(&observation));
            }
        })?;
        written.with_context(|| format!("write {}", log.display()))?;
        match ending(status.code()) {
            Ending::Exited(0) => return Ok(()),
            Ending::Exited(SHORTER) => {
                File::create(log).with_context(|| format!("empty {}", log.display()))?;
            }
            Ending::Exited(code) => bail!("`{}` ended with exit code {code}", shown(&ssh)),
            Ending::Cut => patience.rest(part, news)?,
        }
    }
}

fn step(observation: &Observation) -> News {
    let trial = &observation.trial;
    let failed = match &observation.outcome {
        Outcome::Ok => None,
        Outcome::Failed { stage, reason } => Some(format!("{stage}: {reason}")),
    };
    let place = observation.machine.as_deref().unwrap_or("remote");
    News::Step { label: format!("{place}: {} {}", trial.experiment, trial.cell), failed }
}

fn size_of(file: &Path) -> Result<u64> {
    match fs::metadata(file) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error).with_context(|| format!("look at {}", file.display())),
    }
}

/// Brings the complete run here, under a temporary name until all of it has come.
fn fetch(part: &RemotePart, complete: &Path, news: &Sender<News>) -> Result<()> {
    let parent = complete.parent().context("a part lies in a folder")?;
    let arriving = parent.with_file_name(format!("{}.arriving", part.name));
    let script = part.script();
    let mut patience = Patience::new();
    loop {
        remove(&arriving)?;
        make_folder(&arriving)?;
        let mut ssh = part.host.command(&call(&script, part, &["fetch"]));
        let text = shown(&ssh);
        let mut sending =
            ssh.stdout(Stdio::piped()).spawn().with_context(|| format!("run `{text}`"))?;
        let archive = sending.stdout.take().context("ssh has an output")?;
        let mut tar = command("tar");
        tar.arg("-xf").arg("-").arg("-C").arg(&arriving).stdin(archive);
        let unpacked = tar.status().context("run tar")?;
        let sent = sending.wait().with_context(|| format!("wait for `{text}`"))?;
        match ending(sent.code()) {
            Ending::Cut => patience.rest(part, news)?,
            Ending::Exited(_) => {
                check(&text, sent)?;
                check("tar", unpacked)?;
                break;
            }
        }
    }
    make_folder(parent)?;
    fs::rename(arriving.join(&part.name), complete)
        .with_context(|| format!("rename to {}", complete.display()))?;
    fs::remove_dir(&arriving).with_context(|| format!("remove {}", arriving.display()))
}
