//! No input may end the service: arbitrary bytes, arbitrary queries, broken photographs. Whatever
//! comes, the answer is one of those that the service is known to give, and within the limits.

use std::cell::Cell;

use proptest::prelude::*;
use weighbridge_transform::{MAX_PIXELS, Request, Response, handle};

/// Small photographs of every decoder: baseline and progressive JPEG, PNG, lossy and lossless WebP.
const PHOTOGRAPHS: [(&str, &[u8]); 5] = [
    ("image/jpeg", include_bytes!("../../../experiments/corpus/rocket.jpg")),
    ("image/jpeg", include_bytes!("../../../experiments/corpus/coffee-progressive.jpg")),
    ("image/png", include_bytes!("../../../experiments/corpus/silhouette-alpha.png")),
    ("image/webp", include_bytes!("../../../experiments/corpus/chelsea-lossy.webp")),
    ("image/webp", include_bytes!("../../../experiments/corpus/chelsea.webp")),
];

const SMALL: &str = "/v1/images/transform?op=resize:16x0&op=encode:png";

fn post(path_and_query: &str, content_type: &str, body: &[u8]) -> Response {
    let request =
        Request { method: "POST", path_and_query, content_type: Some(content_type), body };
    handle(&request, &|| false)
}

/// One `op=`, valid or nearly so, on small images.
fn operation() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u32..300, 0_u32..300, "(|:nearest|:bilinear|:catmullrom|:lanczos3|:x)")
            .prop_map(|(width, height, filter)| format!("resize:{width}x{height}{filter}")),
        (0_u32..200, 0_u32..200, 0_u32..200, 0_u32..200)
            .prop_map(|(x, y, width, height)| format!("crop:{x},{y},{width},{height}")),
        Just("rotate:90".to_owned()),
        Just("rotate:270".to_owned()),
        Just("flip:horizontal".to_owned()),
        Just("grayscale".to_owned()),
        (0_u32..4_000).prop_map(|milli| format!("blur:{}.{:03}", milli / 1000, milli % 1000)),
        (0_u32..11_000).prop_map(|milli| format!("sharpen:{}.{:03}", milli / 1000, milli % 1000)),
        "[a-z]{0,8}:[0-9x,.:-]{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn arbitrary_requests_are_answered(
        method in "(GET|POST|PUT|[A-Z]{0,5})",
        target in "(/healthz|/v1/info|/v1/images/transform|/[a-z]{0,9})(\\?.{0,60})?",
        content_type in proptest::option::of("(image/(png|jpeg|webp)|.{0,20})"),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let content_type = content_type.as_deref();
        let request = Request { method: &method, path_and_query: &target, content_type, body: &body };
        let response = handle(&request, &|| false);
        prop_assert!([200, 400, 404, 405, 415, 422].contains(&response.status), "{response:?}");
        prop_assert_eq!(response.allow.is_some(), response.status == 405);
    }

    #[test]
    fn bytes_behind_a_signature_are_answered(
        format in 0_usize..3,
        rest in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let signatures: [(&str, &[u8]); 3] = [
            ("image/png", b"\x89PNG\r\n\x1a\n"),
            ("image/jpeg", b"\xff\xd8\xff"),
            ("image/webp", b"RIFF\x00\x01\x00\x00WEBP"),
        ];
        let (content_type, signature) = signatures[format];
        let response = post(SMALL, content_type, &[signature, &rest].concat());
        prop_assert!([413, 422].contains(&response.status), "{response:?}");
    }

    #[test]
    fn truncated_photographs_are_corrupt(photograph in 0_usize..5, part in 0.0_f64..0.98) {
        let (content_type, bytes) = PHOTOGRAPHS[photograph];
        let length = (bytes.len() as f64 * part) as usize;
        let response = post(SMALL, content_type, &bytes[..length]);
        let expected = match length {
            0 => 400,
            1..=11 => 415,
            _ => 422,
        };
        // A signature may be complete before twelve bytes are.
        let known = response.status == expected || (length < 12 && response.status == 422);
        prop_assert!(known, "{length} bytes of {content_type}: {}", response.status);
    }

    #[test]
    fn flipped_bits_are_answered(
        photograph in 0_usize..5,
        flips in proptest::collection::vec((0.0_f64..1.0, 0_u8..8), 1..6),
    ) {
        let (content_type, bytes) = PHOTOGRAPHS[photograph];
        let mut broken = bytes.to_vec();
        for (place, bit) in flips {
            // Squared: half of the flips hit the first quarter, where the headers are.
            broken[(place * place * bytes.len() as f64) as usize] ^= 1 << bit;
        }
        let response = post(SMALL, content_type, &broken);
        prop_assert!([200, 400, 413, 415, 422].contains(&response.status), "{response:?}");
    }

    #[test]
    fn pipelines_answer_an_image_of_allowed_size_or_an_error(
        photograph in 0_usize..5,
        operations in proptest::collection::vec(operation(), 1..5),
    ) {
        let (content_type, bytes) = PHOTOGRAPHS[photograph];
        let query: String = operations.iter().map(|text| format!("&op={text}")).collect();
        let target = format!("/v1/images/transform?op=resize:150x0:nearest{query}&op=encode:png");
        let response = post(&target, content_type, bytes);
        if response.status == 200 {
            // A PNG's size is in its first chunk.
            let side = |at: usize| u32::from_be_bytes(response.body[at..at + 4].try_into().unwrap());
            let pixels = u64::from(side(16)) * u64::from(side(20));
            prop_assert!((1..=MAX_PIXELS).contains(&pixels), "{pixels}");
        } else {
            prop_assert!([400, 413].contains(&response.status), "{target}: {response:?}");
        }
    }

    #[test]
    fn a_deadline_may_pass_at_any_moment(photograph in 0_usize..5, polls in 0_u32..60) {
        let (content_type, body) = PHOTOGRAPHS[photograph];
        let path_and_query = "/v1/images/transform?op=blur:1&op=sharpen:1&op=encode:webp";
        let content_type = Some(content_type);
        let request = Request { method: "POST", path_and_query, content_type, body };
        let left = Cell::new(polls);
        let should_stop = || {
            left.set(left.get().saturating_sub(1));
            left.get() == 0
        };
        let response = handle(&request, &should_stop);
        if left.get() == 0 {
            prop_assert_eq!(response, weighbridge_transform::deadline_exceeded());
        } else {
            prop_assert_eq!(response.status, 200);
        }
    }
}
