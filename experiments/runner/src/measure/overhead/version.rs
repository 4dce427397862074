//! What was built, made into what is shipped, and started: one version of a form of a service.

use super::workshop::{LIST_LIMIT, run};
use crate::engine::Engine;
use crate::failure::{Cause, Failure, Phase};
use crate::image::{self, Image};
use crate::kernel::clock::monotonic_ns;
use crate::kernel::interrupt;
use crate::measure::instance::{keep_stderr, start_context};
use crate::measure::isolation::get;
use crate::measure::{Bench, Visit};
use crate::subject::{Instance, way};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use weighbridge_schema::recipe::Call;
use weighbridge_schema::start::Start;
use weighbridge_schema::subject::Technology;
use weighbridge_schema::template::{Piece, Word};

/// The artifact that compiles a component ahead of time.
const HOST_COMPILER: &str = "weighbridge-host-compiler";
/// Longest wait for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Longest wait for the first one.
const FIRST_LIMIT: Duration = Duration::from_secs(60);

/// A form of a service: what runs it, and which artifact of its subject what was built takes the place of.
#[derive(Clone, Copy)]
pub struct Form<'a> {
    /// Whether it is a process, a container or a component.
    pub technology: Technology,
    /// How its subject is started.
    pub start: &'a Start,
    /// The artifact that its subject ships.
    pub shipped: &'a str,
}

impl Form<'_> {
    /// What is done until the service answers, once the tools are there.
    pub fn steps(&self) -> &'static [&'static str] {
        match self.technology {
            Technology::Native => &["build by cargo", "start the program"],
            Technology::Container => &[
                "build by cargo",
                "write the image",
                "load it into the engine",
                "create and start a container",
            ],
            Technology::Wasm => &["build by cargo", "compile ahead of time", "start the host"],
        }
    }

    /// The subject's start with `file` in the place of what it ships.
    fn start_of(&self, file: &Path) -> Start {
        let shipped = Piece::Artifact(self.shipped.to_owned());
        let place = |piece: &Piece| (*piece == shipped).then(|| file.display().to_string());
        let mut start = self.start.clone();
        if let Start::Process { program, arguments, .. } = &mut start {
            *program = program.with(place);
            for word in arguments {
                *word = word.with(place);
            }
        }
        start
    }
}

/// What is shipped of a version. An image that it has brought into the engine goes with it.
pub struct Version<'a> {
    form: Form<'a>,
    /// The file.
    pub file: PathBuf,
    /// By what the subject's start names it; none where no engine is asked.
    images: BTreeMap<Word, Image>,
    /// The engine that this version has brought its image to.
    brought_to: Option<&'a Engine>,
}

impl<'a> Version<'a> {
    /// Makes of what was built what is shipped, in `folder`, and hands it to the engine where one starts it.
    ///
    /// # Errors
    /// A file cannot be written, the compiler fails, or the engine refuses the image.
    pub fn make(
        bench: &Bench<'a>,
        form: Form<'a>,
        (made, options): (&Path, &[String]),
        folder: &Path,
        number: u32,
    ) -> Result<Self, Cause> {
        let file = folder.join(format!("version-{number}"));
        let mut version = Self { form, file, images: BTreeMap::new(), brought_to: None };
        match (form.technology, form.start.container(), bench.job.engine) {
            (Technology::Native, ..) => {
                let failed = |error| Cause::io(format!("copy {}", made.display()), error);
                std::fs::copy(made, &version.file).map_err(failed)?;
            }
            (Technology::Wasm, ..) => {
                let compiler = bench.job.artifacts.path(HOST_COMPILER)?;
                let path = |path: &Path| path.display().to_string();
                let begin = [path(&compiler), "compile".to_owned(), path(made)];
                let end = ["--output".to_owned(), path(&version.file)];
                let words = [&begin[..], options, &end].concat();
                let call = Call { words, environment: BTreeMap::new() };
                run(bench, &call, folder, &[], LIST_LIMIT)?;
            }
            (Technology::Container, Some((_, word)), Some(engine)) => {
                let architecture = std::env::consts::ARCH;
                let image = image::write(made, None, architecture, &version.file)?;
                // One of the same bytes may be the run's, and stays.
                if engine.image_id(&image.reference).is_err() {
                    engine.load(&version.file, &image)?;
                    version.brought_to = Some(engine);
                }
                version.images.insert(word.clone(), image);
            }
            (Technology::Container, ..) => return Err("no engine starts this container".into()),
        }
        Ok(version)
    }

    /// Starts it as instance `number` of the visit.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start<'x>(
        &'x self,
        bench: &Bench<'x>,
        visit: &Visit<'_>,
        number: u32,
    ) -> Result<Live<'x>, Failure> {
        let start = self.form.start_of(&self.file);
        let mut context = start_context(bench, visit, number);
        if !self.images.is_empty() {
            context.images = &self.images;
        }
        let instance = way(&start).start(&context).map_err(Failure::at(Phase::Start))?;
        Ok(Live { instance, stderr_file: context.stderr_file })
    }
}

impl Drop for Version<'_> {
    fn drop(&mut self) {
        for image in self.images.values() {
            if let Some(engine) = self.brought_to {
                // What is left of it harms nobody, and the next run writes another name.
                let _ = engine.remove_image(&image.reference);
            }
        }
    }
}

/// A version that runs.
pub struct Live<'x> {
    /// The instance.
    pub instance: Box<dyn Instance + 'x>,
    stderr_file: PathBuf,
}

impl Live<'_> {
    /// Waits for the first answer, which must be `says`, and tells its moment.
    ///
    /// # Errors
    /// It ends, answers otherwise or not in time; or the run was interrupted.
    pub fn answers(&mut self, path: &str, says: &str) -> Result<u64, Failure> {
        let instance = self.instance.as_mut();
        let answered_ns =
            first_answer(instance, path, says).map_err(Failure::at(Phase::FirstResponse))?;
        instance.answered().map_err(Failure::at(Phase::Limits))?;
        Ok(answered_ns)
    }

    /// Ends it, and gives what it has written to its standard error.
    ///
    /// # Errors
    /// It does not end, or what it has written cannot be kept.
    pub fn end(self) -> Result<String, Failure> {
        let stderr = self.instance.stop().map_err(Failure::at(Phase::Stop))?;
        keep_stderr(&self.stderr_file, &stderr)?;
        Ok(stderr)
    }
}

fn first_answer(instance: &mut dyn Instance, path: &str, says: &str) -> Result<u64, Cause> {
    let begun = Instant::now();
    loop {
        instance.alive()?;
        let asked = get(instance.address(), path, ANSWER_LIMIT);
        let answered_ns = monotonic_ns();
        match asked {
            Ok(answer) if answer.status == 200 && answer.body == says.as_bytes() => {
                return Ok(answered_ns);
            }
            Ok(answer) => {
                let body = String::from_utf8_lossy(&answer.body);
                let status = answer.status;
                return Err(format!("{path} was answered {status} `{body}`, not `{says}`").into());
            }
            Err(why) if begun.elapsed() > FIRST_LIMIT => return Err(why),
            Err(_) if interrupt::requested() => return Err(Cause::Interrupted),
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(text: &str) -> Start {
        #[derive(serde::Deserialize)]
        struct Started {
            start: Start,
        }
        let json = format!("{{\"start\":{text}}}");
        serde_json::from_str::<Started>(&json).unwrap().start
    }

    #[test]
    fn what_was_built_takes_the_place_of_what_is_shipped_and_of_nothing_else() {
        let of = |technology, text: &str, shipped: &str| {
            let form = Form { technology, start: &start(text), shipped };
            form.start_of(Path::new("/s/version-1"))
        };
        let native =
            r#"{"process":{"program":"{artifact:n}","arguments":["--listen","{listen}"]}}"#;
        let expected = native.replace("{artifact:n}", "/s/version-1");
        assert_eq!(of(Technology::Native, native, "n"), start(&expected));
        let wasm = r#"{"process":{"program":"{artifact:h}","arguments":["serve","{artifact:c}"]}}"#;
        let expected = wasm.replace("{artifact:c}", "/s/version-1");
        assert_eq!(of(Technology::Wasm, wasm, "c"), start(&expected));
        // An image is told to the engine under the name that the start has for it.
        let image = r#"{"container":{"image":"image.tar","arguments":[],"network":"host"}}"#;
        assert_eq!(of(Technology::Container, image, "image.tar"), start(image));
    }
}
