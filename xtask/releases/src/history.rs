//! `cargo xtask history`: one cell over many releases of the program that runs its subject.

use crate::bisect::{self, Found, bisect};
use crate::lab::Lab;
use crate::metric::{Metric, unknown};
use crate::question::{Question, Variant, definition, program_of, with_twins};
use crate::version::{Choice, Span, Version, choose, needs_index, releases};
use anyhow::{Context as _, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use weighbridge_project::exit::Exit;
use weighbridge_project::failures;
use weighbridge_project::files;
use weighbridge_project::questions::{Experiment, Questions};
use weighbridge_schema::definition::Profile;
use weighbridge_schema::name::{ProgramName, SubjectName};
use weighbridge_schema::request::RunRequest;
use weighbridge_setup::{Context, programs};

/// The name of the verb, and of the folder of its questions.
const NAME: &str = "history";

/// The run whose figure the paper shows.
const PUBLISHED: &str = "paper/history";

/// What is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct Requested {
    /// The subject whose program has releases.
    #[arg(value_name = "SUBJECT")]
    subject: String,
    /// The cell: experiment and workload (`-` where there is none); a parameter and a quantity may
    /// follow, as in cold-start/healthz/-/time_to_first_response.
    #[arg(long, value_name = "EXPERIMENT/WORKLOAD")]
    metric: Metric,
    /// The releases, separated by commas: 42..49 is the newest patch of each, 48 the newest of it.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "VERSIONS",
        required_unless_present_any = ["bisect", "run"]
    )]
    versions: Vec<Choice>,
    /// Find the first release between these that differs from the oldest, in a few runs of two
    /// releases each.
    #[arg(long, value_name = "A..B", conflicts_with_all = ["versions", "run"])]
    bisect: Option<Span>,
    /// How much is measured.
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// Seed of the order of the visits.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Measure nothing: show this run, which is in results/releases/ or elsewhere.
    #[arg(long, value_name = "RUN", conflicts_with = "versions")]
    run: Option<PathBuf>,
    /// Put the run, its figure and its table into paper/history, which the paper shows.
    #[arg(long, conflicts_with = "bisect")]
    paper: bool,
}

/// What is asked for, as far as the checkout knows it.
struct Asked<'a> {
    lab: &'a Lab<'a>,
    requested: &'a Requested,
    questions: &'a Questions,
    experiment: &'a Experiment,
    subject: SubjectName,
    program: ProgramName,
}

/// The verb.
///
/// # Errors
/// A name or a release does not exist, a release cannot be installed, or the build or the run
/// failed.
pub fn run(lab: &Lab<'_>, requested: &Requested) -> Result<Exit> {
    let questions = Questions::read(lab.project)?;
    let subject = subject_of(&questions, &requested.subject)?;
    let asked = Asked {
        program: program_of(&questions.file, &subject)?,
        experiment: requested.metric.experiment(&questions)?,
        lab,
        requested,
        questions: &questions,
        subject,
    };
    if let Some(run) = &requested.run {
        return asked.show(&lab.find(run)?);
    }
    match &requested.bisect {
        Some(span) => asked.bisect(&span.every(&asked.released()?)?),
        None => {
            let index = needs_index(&requested.versions);
            let known = if index { asked.released()? } else { Vec::new() };
            let versions = choose(&requested.versions, &known)?;
            let folder = asked.measure(&versions)?;
            asked.show(&folder)
        }
    }
}

/// The subject of that name; a variant's releases are those of its original.
fn subject_of(questions: &Questions, name: &str) -> Result<SubjectName> {
    let subjects = &questions.file.subjects;
    let is_original = |name: &&SubjectName| {
        let subject = &subjects[*name];
        subject.variant_of.is_none() && subject.twin_of.is_none()
    };
    let with_program = || {
        let is_run_by_one = |name: &&SubjectName| !subjects[*name].programs().is_empty();
        subjects.keys().filter(is_original).filter(is_run_by_one)
    };
    match subjects.keys().filter(is_original).find(|known| known.as_str() == name) {
        Some(found) => Ok(found.clone()),
        None => match subjects.iter().find(|(known, _)| known.as_str() == name) {
            Some((_, subject)) => {
                let original = subject.variant_of.as_ref().or(subject.twin_of.as_ref());
                let original = original.map_or("its original", SubjectName::as_str);
                bail!("{name} is another subject with one thing changed: name {original}")
            }
            None => Err(unknown("subject", name, with_program().map(SubjectName::as_str))),
        },
    }
}

impl Asked<'_> {
    /// The releases that the program's registry has, oldest first.
    fn released(&self) -> Result<Vec<Version>> {
        let program = self.questions.file.programs.get(&self.program);
        let program = program.with_context(|| format!("no program {}", self.program))?;
        let reporter = |line: &str| self.lab.progress.note(&format!("  {line}"));
        let context = Context::of(self.lab.project, &reporter);
        Ok(releases(&programs::released(&context, &self.program, program)?))
    }

    /// Measures the cell of each version, interleaved in one run.
    fn measure(&self, versions: &[Version]) -> Result<PathBuf> {
        let versions: Vec<String> = versions.iter().map(Version::to_string).collect();
        let variant = |version: &String| Variant::new(&self.subject, &self.program, version);
        let variants = versions.iter().map(variant).collect::<Result<Vec<_>>>()?;
        let name = self.experiment.definition.experiment.to_string();
        let workload = self.requested.metric.workload.as_deref();
        let twins = with_twins(&variants);
        let text = definition(self.experiment, workload, &variants)?;
        let question = Question {
            name: NAME,
            variants: &variants,
            twins_of: &twins,
            definitions: vec![(name.clone(), text)],
        };
        // Before anything is installed: what is no question is refused at once.
        let folder = question.write(self.lab.project)?;
        self.lab.progress.note(&format!("releases: {}", versions.join(", ")));
        self.lab.install(&self.questions.file, (&self.subject, &self.program), &versions)?;
        let request = RunRequest {
            experiments: vec![name],
            profile: self.requested.profile,
            seed: self.requested.seed,
            ..RunRequest::default()
        };
        (self.lab.measure)(&folder, &self.lab.results(), &request)
    }

    fn analyse(&self, folder: &Path, good: &[i32]) -> Result<(i32, String)> {
        let output = folder.join("report");
        let mut words: Vec<OsString> = vec![NAME.into(), "--run".into(), folder.into()];
        words.extend(["--output".into(), output.into()]);
        if let Some(parameter) = self.requested.metric.parameter {
            // One word, because the parameter `-` would be taken for an option otherwise.
            words.push(format!("--parameter={parameter}").into());
        }
        if let Some(quantity) = self.requested.metric.quantity {
            words.extend(["--quantity".into(), quantity.key().into()]);
        }
        if good.contains(&MOVED_NOT) {
            words.push("--moved".into());
        }
        self.lab.analyse(&words, good)
    }

    fn show(&self, folder: &Path) -> Result<Exit> {
        let (_, text) = self.analyse(folder, &[0])?;
        print!("{text}");
        let shown = |path: &Path| self.lab.project.shown(path);
        println!("raw logs: {}", shown(folder));
        println!("figure and table: {}", shown(&folder.join("report")));
        if let Some(failed) = failures::of(folder)? {
            println!("{failed}: the raw log says why");
            return Ok(Exit::DoesNotHold);
        }
        if self.requested.paper {
            let published = self.lab.project.path(PUBLISHED);
            // Its own run, shown again, lies there already.
            if folder.canonicalize().ok() != published.canonicalize().ok() {
                files::remove(&published)?;
                files::make_whole(&published, |whole| files::copy(folder, whole))?;
            }
            println!("{PUBLISHED} holds it; the PDF is made again by: cargo xtask paper");
        }
        Ok(Exit::Done)
    }

    /// Measures releases beside the oldest one until two neighbours are left.
    fn bisect(&self, every: &[Version]) -> Result<Exit> {
        let most = bisect::steps_most(every.len());
        println!("{} releases, {most} runs at most", every.len());
        let found = bisect(every, |oldest, release| {
            let folder = self.measure(&[oldest.clone(), release.clone()])?;
            let (code, text) = self.analyse(&folder, &[0, MOVED_NOT])?;
            print!("{text}");
            let has_moved = code == 0;
            let words = if has_moved { "differs from" } else { "does not differ from" };
            println!("{release} {words} {oldest} ({})", self.lab.project.shown(&folder));
            Ok(has_moved)
        })?;
        Ok(match found {
            Found::First { like, moved } => {
                println!("first release that moved it: {} {moved} (after {like})", self.program);
                Exit::Done
            }
            Found::Nothing => {
                println!("no release moved it beyond the floor, from the oldest to the newest");
                Exit::Undecided
            }
        })
    }
}

/// The analysis' exit code where the last release does not differ from the first, or nobody can
/// tell.
const MOVED_NOT: i32 = 4;
