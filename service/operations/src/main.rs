//! What each operation of the service takes, on any target that runs a program.
//!
//! `operations` times each operation once and prints a line for each: its name, a tab, nanoseconds.
//! `operations OPERATION` does one of them whenever it is told to, for whoever reads the CPU time of
//! this process: the experiment `operations`. `operations compare ROUNDS NAME=COMMAND...` runs such
//! programs by turns (native, in a Wasm runtime, before and after a change) and prints them side by
//! side. CONTRIBUTING.md shows how.

#[cfg(not(target_family = "wasm"))]
mod compare;
mod told;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use weighbridge_transform::{Request, handle};

/// The native service has this allocator; musl's would fault every image's pages in anew.
#[cfg(not(target_family = "wasm"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Of so many runs in a round the shortest counts: what a busy machine adds is never negative.
const RUNS: usize = 5;

/// Ends a pipeline whose encoding is not to be measured: one pixel.
const NOTHING: &str = "op=crop:0,0,1,1&op=encode:png";

struct Image {
    content_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! image {
    ($content_type:literal, $file:literal) => {
        Image {
            content_type: $content_type,
            bytes: include_bytes!(concat!("../../../experiments/corpus/", $file)),
        }
    };
}

const COFFEE: Image = image!("image/png", "coffee.png");
const PHOTOGRAPH: Image = image!("image/jpeg", "retina.jpg");
const FULL_CHROMA: Image = image!("image/jpeg", "hubble-deep-field.jpg");
const PROGRESSIVE: Image = image!("image/jpeg", "coffee-progressive.jpg");
const LOSSLESS: Image = image!("image/webp", "chelsea.webp");
const LOSSY: Image = image!("image/webp", "chelsea-lossy.webp");
const ALPHA: Image = image!("image/png", "silhouette-alpha.png");

/// A request, and what is taken off its time.
struct Operation {
    /// What the experiment calls it; `None` of what is timed by hand only.
    key: Option<&'static str>,
    name: &'static str,
    image: Image,
    /// Comes before what is measured, and alone before the end of what is taken off.
    before: &'static str,
    /// What is measured, so often that its time stands out from the decoder's.
    measured: &'static str,
    count: u32,
    /// Comes behind it.
    end: &'static str,
    /// Whether the time of the request without it is taken off.
    is_difference: bool,
}

impl Operation {
    /// A whole request.
    const fn whole(name: &'static str, image: Image, query: &'static str) -> Self {
        let (before, end) = ("", "");
        let (key, measured) = (None, query);
        Self { key, name, image, before, measured, count: 1, end, is_difference: false }
    }

    /// A decoder.
    const fn decode(name: &'static str, image: Image) -> Self {
        Self::whole(name, image, NOTHING)
    }

    /// An operation on pixels.
    const fn pixels(name: &'static str, measured: &'static str, count: u32) -> Self {
        let (key, image, before, end) = (None, COFFEE, "", NOTHING);
        Self { key, name, image, before, measured, count, end, is_difference: true }
    }

    /// An encoder, as what comes in the place of encoding one pixel.
    const fn encode(name: &'static str, measured: &'static str) -> Self {
        let (key, image, before, end) = (None, COFFEE, "", "");
        Self { key, name, image, before, measured, count: 1, end, is_difference: true }
    }

    /// The same, in the experiment too.
    const fn called(self, key: &'static str) -> Self {
        Self { key: Some(key), ..self }
    }

    fn query(&self) -> String {
        let measured = std::iter::repeat_n(self.measured, self.count as usize);
        let parts = [self.before].into_iter().chain(measured).chain([self.end]);
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&")
    }

    fn query_without(&self) -> String {
        let parts = [self.before, NOTHING].into_iter();
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&")
    }

    /// The time of one; the message names the operation whose request was refused.
    fn time(&self) -> Result<Duration, String> {
        let with = self.shortest(&self.query())?;
        if !self.is_difference {
            return Ok(with);
        }
        Ok(with.saturating_sub(self.shortest(&self.query_without())?) / self.count)
    }

    fn shortest(&self, query: &str) -> Result<Duration, String> {
        let mut shortest = Duration::MAX;
        for _ in 0..RUNS {
            let start = Instant::now();
            self.answer(query)?;
            shortest = shortest.min(start.elapsed());
        }
        Ok(shortest)
    }

    /// Handles the request once; the message names the operation when it was refused.
    fn answer(&self, query: &str) -> Result<(), String> {
        let request = Request {
            method: "POST",
            path_and_query: &format!("/v1/images/transform?{query}"),
            content_type: Some(self.image.content_type),
            body: self.image.bytes,
        };
        let response = handle(&request, &|| false);
        if response.status == 200 {
            return Ok(());
        }
        let answer = String::from_utf8_lossy(&response.body);
        Err(format!("{}: {query}: {answer}", self.name))
    }
}

static OPERATIONS: [Operation; 18] = [
    Operation::decode("decode JPEG, 4:2:0", PHOTOGRAPH).called("decode-jpeg"),
    Operation::decode("decode JPEG, 4:4:4", FULL_CHROMA),
    Operation::decode("decode JPEG, progressive", PROGRESSIVE),
    Operation::decode("decode PNG", COFFEE).called("decode-png"),
    Operation::decode("decode WebP, lossless", LOSSLESS).called("decode-webp"),
    Operation::decode("decode WebP, lossy", LOSSY).called("decode-webp-lossy"),
    Operation::pixels("blur 2.5", "op=blur:2.5", 8).called("blur"),
    Operation::pixels("sharpen", "op=sharpen:1", 8),
    Operation { image: ALPHA, ..Operation::pixels("blur 2.5, with alpha", "op=blur:2.5", 8) },
    Operation::pixels(
        "resize down and up",
        "op=resize:256x0:lanczos3&op=resize:600x400:lanczos3",
        6,
    )
    .called("resize"),
    Operation::pixels("rotate 90", "op=rotate:90", 12),
    Operation::pixels("flip", "op=flip:horizontal", 12),
    // Once gray, an image stays as it is: so a large one, once.
    Operation {
        before: "op=resize:2400x1600:nearest",
        ..Operation::pixels("grayscale, 3.8 megapixels", "op=grayscale", 1).called("grayscale")
    },
    Operation::encode("encode PNG", "op=encode:png").called("encode-png"),
    Operation::encode("encode JPEG", "op=encode:jpeg:85").called("encode-jpeg"),
    Operation::encode("encode WebP", "op=encode:webp").called("encode-webp"),
    // The experiments' two workloads.
    Operation::whole("thumbnail", PHOTOGRAPH, "op=resize:256x0:lanczos3&op=encode:jpeg:85")
        .called("thumbnail"),
    Operation::whole(
        "pipeline",
        FULL_CHROMA,
        "op=resize:640x0&op=blur:2.5&op=grayscale&op=encode:png",
    )
    .called("pipeline"),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("operations: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<(), String> {
    match words {
        [] => time_all(),
        #[cfg(not(target_family = "wasm"))]
        [verb, rounds, arms @ ..] if verb == "compare" => compare::compare(rounds, arms),
        [flag] if flag == "--version" => {
            println!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        [key] => told::serve(key, std::io::stdin().lock(), std::io::stdout().lock()),
        _ => Err("usage: operations [OPERATION | compare ROUNDS NAME=COMMAND...]".to_owned()),
    }
}

fn time_all() -> Result<(), String> {
    for operation in &OPERATIONS {
        println!("{}\t{}", operation.name, operation.time()?.as_nanos());
    }
    Ok(())
}
