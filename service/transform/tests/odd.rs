//! Odd images: each of `experiments/corpus/odd` gets the answer that `answers.txt` lists, and no
//! picture is another than the one that an independent decoder found in the file (`reference.txt`,
//! written by `reference.py`). Wrong and the same everywhere would be wrong all the same.
//!
//! `WEIGHBRIDGE_BLESS=1` writes what the library answers into `answers.txt` instead: to be read line
//! by line before it is committed.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weighbridge_transform::{Request, Response, handle};

/// How the reference divides a picture, along each side.
const CELLS: usize = 8;
/// What two decoders' rounding and scaling of chroma may make of a mean colour, of 255.
const CELL_ERROR_MAX: u8 = 4;

/// Answered with a picture although the reference refuses it: the checksum of its zlib stream is wrong,
/// which the decoder does not look at; those of its chunks, which it does look at, are right.
const NOT_REFUSED: &str = "made/png-bad-adler.png";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/corpus/odd")
}

fn table(name: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (file, rest) = line.split_once(' ').unwrap();
            (file.to_owned(), rest.to_owned())
        })
        .collect()
}

/// Every image of the folder, by the name that the tables have.
fn images() -> BTreeMap<String, Vec<u8>> {
    let mut images = BTreeMap::new();
    for within in ["", "made/"] {
        for entry in std::fs::read_dir(folder().join(within)).unwrap() {
            let path = entry.unwrap().path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if extension.is_some_and(|extension| ["jpg", "png", "webp", "bin"].contains(&extension))
            {
                let name = format!("{within}{}", path.file_name().unwrap().to_str().unwrap());
                images.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    images
}

fn post(image: &[u8], operations: &str) -> Response {
    let content_type = match image.first() {
        Some(0xFF) => "image/jpeg",
        Some(b'R') => "image/webp",
        _ => "image/png",
    };
    let request = Request {
        method: "POST",
        path_and_query: &format!("/v1/images/transform?{operations}"),
        content_type: Some(content_type),
        body: image,
    };
    handle(&request, &|| false)
}

/// Status, and the code of an error: `200` or `422 corrupt_image`.
fn summary(response: &Response) -> String {
    if response.status == 200 {
        return "200".to_owned();
    }
    let error: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    format!("{} {}", response.status, error["error"]["code"].as_str().unwrap())
}

/// A picture in the form of the reference: its size, and the mean of each channel in each cell.
fn cells(png: &[u8]) -> (usize, usize, Vec<u8>) {
    let image = image::load_from_memory(png).unwrap().into_rgba8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    let range = |index: usize, side: usize| {
        let start = index * side / CELLS;
        start..((index + 1) * side / CELLS).max(start + 1)
    };
    let mut means = Vec::new();
    for row in 0..CELLS {
        for column in 0..CELLS {
            let mut sums = [0; 4];
            for y in range(row, height) {
                for x in range(column, width) {
                    let pixel = image.get_pixel(x as u32, y as u32).0.map(u64::from);
                    for (sum, channel) in sums.iter_mut().zip(pixel).take(3) {
                        *sum += (channel * pixel[3] + 127) / 255;
                    }
                    sums[3] += pixel[3];
                }
            }
            let count = (range(row, height).len() * range(column, width).len()) as u64;
            means.extend(sums.map(|sum| ((sum + count / 2) / count) as u8));
        }
    }
    (width, height, means)
}

fn parse(reference: &str) -> Option<(usize, usize, Vec<u8>)> {
    let mut words = reference.split(' ');
    let width = words.next().filter(|word| *word != "refused")?.parse().unwrap();
    let height = words.next().unwrap().parse().unwrap();
    let digits = words.next().unwrap().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    Some((width, height, digits.chunks(2).map(byte).collect()))
}

/// What is wrong with a picture, if anything is.
fn complaint(png: &[u8], reference: &str) -> Option<String> {
    let Some(reference) = parse(reference) else {
        return Some("answered with a picture, but the reference refuses it".to_owned());
    };
    let ours = cells(png);
    if (ours.0, ours.1) != (reference.0, reference.1) {
        return Some(format!("{}x{}, not {}x{}", ours.0, ours.1, reference.0, reference.1));
    }
    let errors = ours.2.iter().zip(&reference.2).map(|(one, other)| one.abs_diff(*other));
    let largest = errors.max().unwrap();
    (largest > CELL_ERROR_MAX).then(|| format!("another picture: a mean differs by {largest}"))
}

#[test]
fn every_odd_image_gets_its_answer_and_no_picture_is_wrong() {
    let (images, references) = (images(), table("reference.txt"));
    assert!(images.len() > 200, "{} images", images.len());
    let names = |table: &BTreeMap<String, String>| table.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&references), images.keys().cloned().collect::<Vec<_>>());
    let mut wrong = Vec::new();
    let mut answers = BTreeMap::new();
    for (name, image) in &images {
        let response = post(image, "op=encode:png");
        let problem = match response.status {
            200 if name == NOT_REFUSED => None,
            200 => complaint(&response.body, &references[name]),
            422 | 413 => None,
            status => Some(format!("answered with {status}")),
        };
        wrong.extend(problem.map(|problem| format!("{name}: {problem}")));
        answers.insert(name.clone(), summary(&response));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let path = folder().join("answers.txt");
    if std::env::var_os("WEIGHBRIDGE_BLESS").is_some() {
        let head = "# What `POST /v1/images/transform?op=encode:png` answers to each file: by \
                    WEIGHBRIDGE_BLESS=1 cargo test -p weighbridge-transform --test odd\n";
        let lines = answers.iter().map(|(name, answer)| format!("{name} {answer}\n"));
        std::fs::write(&path, head.to_owned() + &lines.collect::<String>()).unwrap();
    }
    assert_eq!(table("answers.txt"), answers);
}

/// The pipelines under which these were found to panic or to differ between targets.
#[test]
fn the_images_that_were_found_by_fuzzing_are_refused_whatever_is_asked_of_them() {
    let images = images();
    let pipelines = [
        "op=blur:1&op=encode:jpeg:40",
        "op=crop:0,0,1,1",
        "op=blur:2&op=encode:jpeg:1",
        "op=blur:50&op=flip:horizontal",
        "op=rotate:90&op=encode:webp",
    ];
    for (name, image) in images.iter().filter(|(name, _)| name.ends_with(".bin")) {
        for pipeline in pipelines {
            let response = post(image, pipeline);
            let statuses = [422, 413];
            assert!(statuses.contains(&response.status), "{name} {pipeline}: {}", response.status);
        }
    }
}

/// A decoder that panics on one processor and not on another, or where panics cannot be caught,
/// would answer differently: so none may panic at all, caught or not.
#[test]
fn no_decoder_panics_on_any_of_them() {
    let images = images();
    let panicked = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = std::sync::Arc::clone(&panicked);
    let this = std::thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // Other tests of this program may fail at the same time.
        if std::thread::current().id() == this {
            seen.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        before(info);
    }));
    let names: Vec<&String> = images
        .iter()
        .filter(|(_, image)| {
            panicked.store(false, std::sync::atomic::Ordering::Relaxed);
            let _ = post(image, "op=resize:9x0&op=encode:png");
            panicked.load(std::sync::atomic::Ordering::Relaxed)
        })
        .map(|(name, _)| name)
        .collect();
    assert!(names.is_empty(), "a decoder panicked on {names:?}");
}

/// A JPEG with the last `count` bytes before its end marker cut out.
fn with_data_cut(jpeg: &[u8], count: usize) -> Vec<u8> {
    let data = &jpeg[..jpeg.len() - 2 - count];
    // No half of a stuffed 255, which is no data and no marker.
    let data = data.strip_suffix(b"\xFF").unwrap_or(data);
    [data, b"\xFF\xD9"].concat()
}

/// The decoder fills what is missing with gray and says nothing. Only what ends within the last code
/// may pass, and then the picture is the whole one.
#[test]
fn data_that_end_early_are_refused_wherever_they_end() {
    let images = images();
    for name in
        ["jpeg-base", "jpeg-gray", "jpeg-restart-3b", "jpeg-progressive", "jpeg-cmyk-adobe0"]
    {
        let whole = &images[&format!("made/{name}.jpg")];
        let picture = cells(&post(whole, "op=encode:png").body).2;
        for count in (1..40).chain((40..whole.len() / 2).step_by(13)) {
            let response = post(&with_data_cut(whole, count), "op=encode:png");
            if response.status == 200 {
                assert!(count <= 2, "{name}: {count} bytes are missing and nobody minds");
                assert_eq!(cells(&response.body).2, picture, "{name} without {count} bytes");
            }
        }
    }
}
