//! The JPEG decoder's vector kernels give the bytes that its plain code gives: otherwise the service would answer
//! differently from one processor to the next. Those of the resizer are tested in `src/resize.rs`.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use proptest::prelude::*;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

const JPEGS: [&[u8]; 3] = [
    include_bytes!("../../../experiments/corpus/rocket.jpg"),
    include_bytes!("../../../experiments/corpus/coffee-progressive.jpg"),
    include_bytes!("../../../experiments/corpus/hubble-deep-field.jpg"),
];

/// Decodes as the service does, with or without vector kernels; `None` for a refused image.
fn decoded(bytes: &[u8], vector: bool) -> Option<Vec<u8>> {
    let options = DecoderOptions::default().set_strict_mode(true).set_use_unsafe(vector);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode().ok()
}

#[test]
fn photographs_decode_the_same_with_and_without_vectors() {
    for bytes in JPEGS {
        let plain = decoded(bytes, false).unwrap();
        assert!(decoded(bytes, true) == Some(plain));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn broken_photographs_decode_the_same_with_and_without_vectors(
        photograph in 0_usize..2,
        flips in proptest::collection::vec((0.0_f64..1.0, 0_u8..8), 1..6),
    ) {
        let mut bytes = JPEGS[photograph].to_vec();
        for (place, bit) in flips {
            let index = (place * place * bytes.len() as f64) as usize;
            bytes[index] ^= 1 << bit;
        }
        prop_assert!(decoded(&bytes, false) == decoded(&bytes, true));
    }
}
