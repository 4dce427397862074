//! What is sent: an image of the seeds, mutated, and a pipeline.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rand::prelude::*;
use rand_chacha::ChaCha8Rng;

/// Images over this are left out: they cost the time of hundreds of small ones.
const SEED_BYTES_MAX: usize = 40 * 1024;
/// Numbers at which decoders go wrong.
const NUMBERS: [u32; 16] =
    [0, 1, 2, 3, 7, 8, 15, 16, 127, 128, 255, 256, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF];

/// One request.
pub(crate) struct Input {
    pub(crate) target: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    /// The image that it was made from.
    pub(crate) origin: String,
}

/// The images to begin with.
pub(crate) struct Seeds {
    images: Vec<(String, Vec<u8>)>,
}

impl Seeds {
    /// Reads the images of the folders, by name.
    pub(crate) fn read(folders: &[PathBuf]) -> Result<Self> {
        let mut images = Vec::new();
        for folder in folders {
            let entries =
                std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
            for entry in entries {
                let path = entry?.path();
                if !path.is_file() {
                    continue;
                }
                let bytes =
                    std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if bytes.len() <= SEED_BYTES_MAX && content_type(&bytes).is_some() {
                    images.push((name, bytes));
                }
            }
        }
        // The order of a folder is the file system's.
        images.sort();
        anyhow::ensure!(!images.is_empty(), "there are no images in {folders:?}");
        Ok(Self { images })
    }

    pub(crate) fn count(&self) -> usize {
        self.images.len()
    }

    /// The input of one execution: always the same for the same seed, number and images.
    pub(crate) fn input(&self, seed: u64, number: u64) -> Input {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number);
        let index = rng.random_range(0..self.images.len());
        let (name, image) = &self.images[index];
        let mut body = image.clone();
        // A few images as they are, too: the pipeline is new each time.
        for _ in 0..rng.random_range(0..6) {
            self.mutate(&mut body, &mut rng);
        }
        let content_type = content_type(&body).or(content_type(image)).unwrap_or("image/png");
        Input { target: target(&mut rng), content_type, body, origin: name.clone() }
    }

    fn mutate(&self, body: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
        if body.is_empty() {
            body.push(rng.random());
            return;
        }
        let at = place(body.len(), rng);
        match rng.random_range(0..10) {
            0..=2 => body[at] ^= 1 << rng.random_range(0..8),
            3 => body[at] = rng.random(),
            4 => {
                let number = NUMBERS[rng.random_range(0..NUMBERS.len())];
                let width = [1, 2, 4][rng.random_range(0..3)];
                let number = if rng.random() { number } else { number.swap_bytes() };
                for (target, byte) in body[at..].iter_mut().zip(&number.to_le_bytes()[..width]) {
                    *target = *byte;
                }
            }
            5 => {
                let end = body.len().min(at + rng.random_range(1..64));
                body.drain(at..end);
            }
            6 => {
                let end = body.len().min(at + rng.random_range(1..64));
                let piece = body[at..end].to_vec();
                let to = place(body.len(), rng);
                body.splice(to..to, piece);
            }
            7 => body.truncate(at),
            8 => {
                let other = &self.images[rng.random_range(0..self.images.len())].1;
                let from = place(other.len(), rng);
                let end = other.len().min(from + rng.random_range(1..400));
                let to = body.len().min(at + end - from);
                body.splice(at..to, other[from..end].iter().copied());
            }
            _ => {
                // The same value twice: sizes that stand in two places may stay in step.
                let (one, other) = (body[at], place(body.len(), rng));
                body[other] = one;
            }
        }
    }
}

/// A place in an image: as often in its first quarter, where the headers are, as behind.
fn place(length: usize, rng: &mut ChaCha8Rng) -> usize {
    let part: f64 = rng.random();
    ((part * part * length as f64) as usize).min(length.saturating_sub(1))
}

fn content_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\xFF\xD8\xFF") {
        Some("image/jpeg")
    } else if bytes.starts_with(b"\x89PNG") {
        Some("image/png")
    } else if bytes.starts_with(b"RIFF") {
        Some("image/webp")
    } else {
        None
    }
}

/// One to four operations. Blurs are small: a large one takes its time whatever the image holds.
fn target(rng: &mut ChaCha8Rng) -> String {
    let mut target = String::from("/v1/images/transform?");
    for index in 0..rng.random_range(1..4) {
        if index > 0 {
            target.push('&');
        }
        target += "op=";
        target += &operation(rng);
    }
    if rng.random_bool(0.8) {
        let quality = rng.random_range(1..101);
        let jpeg = format!("&op=encode:jpeg:{quality}");
        target += [jpeg.as_str(), "&op=encode:png", "&op=encode:webp"][rng.random_range(0..3)];
    }
    target
}

fn operation(rng: &mut ChaCha8Rng) -> String {
    let mut side = |max: u32| rng.random_range(0..max);
    let (x, y, width, height) = (side(40), side(40), side(90), side(90));
    match rng.random_range(0..11) {
        0..=3 => {
            let filter = ["", ":nearest", ":bilinear", ":catmullrom", ":lanczos3"];
            format!("resize:{width}x{height}{}", filter[rng.random_range(0..filter.len())])
        }
        4 => format!("crop:{},{},{},{}", x % 4, y % 4, width / 2, height / 2),
        5 => format!("rotate:{}", 90 * rng.random_range(0..5)),
        6 => ["flip:horizontal", "flip:vertical"][rng.random_range(0..2)].to_owned(),
        7 => "grayscale".to_owned(),
        8 => format!("blur:{}.{}", x % 3, y % 10),
        9 => format!("sharpen:{}.{}", x % 3, y % 10),
        _ => ["sepia", "resize", "blur:x", "rotate:45", "crop:1,1,0,0", ""][rng.random_range(0..6)]
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds() -> Seeds {
        let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../corpus");
        Seeds::read(&[corpus.clone(), corpus.join("odd"), corpus.join("odd/made")]).unwrap()
    }

    #[test]
    fn an_input_is_made_from_the_seed_and_its_number() {
        let seeds = seeds();
        let made = |seed, number| {
            let input = seeds.input(seed, number);
            (input.target, input.body, input.origin)
        };
        for number in 0..50 {
            assert_eq!(made(1, number), made(1, number));
            assert_ne!(made(1, number), made(2, number));
            assert_ne!(made(1, number), made(1, number + 1));
        }
    }

    #[test]
    fn all_formats_and_some_whole_images_are_among_the_inputs() {
        let seeds = seeds();
        let inputs: Vec<Input> = (0..300).map(|number| seeds.input(3, number)).collect();
        for format in ["image/jpeg", "image/png", "image/webp"] {
            assert!(inputs.iter().any(|input| input.content_type == format), "{format}");
        }
        let is_whole = |input: &&Input| {
            seeds.images.iter().any(|(name, image)| *name == input.origin && *image == input.body)
        };
        assert!((10..200).contains(&inputs.iter().filter(is_whole).count()));
    }
}
