//! Tests of words: what is read and written back, and what is refused.

use super::*;
use proptest::prelude::*;

fn error(word: &str) -> String {
    word.parse::<Word>().unwrap_err().to_string()
}

#[test]
fn each_placeholder_is_a_piece_wherever_it_stands() {
    let engine = || "engine".parse().unwrap();
    let text = |text: &str| Piece::Text(text.to_owned());
    let linker =
        Piece::Program { name: engine(), version: None, beside: Some("bin/ld".to_owned()) };
    let folder = Piece::Folder { name: engine(), version: Some("1.0".to_owned()) };
    for (word, pieces) in [
        ("", vec![]),
        ("{listen}", vec![Piece::Listen]),
        ("-p{port}", vec![text("-p"), Piece::Port]),
        ("{scratch}/x", vec![Piece::Scratch, text("/x")]),
        ("{iterations}", vec![Piece::Iterations]),
        (
            "{artifact:a.wasm}{file:../b}",
            vec![Piece::Artifact("a.wasm".to_owned()), Piece::File("../b".to_owned())],
        ),
        ("{program:engine/bin/ld}", vec![linker]),
        ("-L{folder:engine@1.0}/lib", vec![text("-L"), folder, text("/lib")]),
        ("{prepared}", vec![Piece::Prepared(None)]),
        ("{prepared:one}", vec![Piece::Prepared(Some("one".parse().unwrap()))]),
        ("{intermediate:x.o}", vec![Piece::Intermediate("x.o".to_owned())]),
        ("{reference:shop@sha256:00}", vec![Piece::Reference("shop@sha256:00".to_owned())]),
    ] {
        assert_eq!(word.parse(), Ok(Word(pieces)), "{word}");
    }
}

#[test]
fn braces_that_are_no_placeholder_are_text() {
    for text in
        ["{", "{}", "}{", "{ listen }", "{\"a\":1}", "[x]\ny = { z = 1 }", "{X}", "{listen-at"]
    {
        assert_eq!(text.parse(), Ok(Word(vec![Piece::Text(text.to_owned())])), "{text}");
    }
    let word: Word = "{address=\"{listen}\"}".parse().unwrap();
    assert_eq!(word.pieces()[1], Piece::Listen);
}

#[test]
fn an_unknown_placeholder_is_refused_with_the_nearest() {
    assert_eq!(error("{listn}"), "`{listn}` is no placeholder; did you mean `{listen}`?");
    assert_eq!(
        error("a{listen}b{artefact:x} c"),
        "`{artefact:x}` is no placeholder; did you mean `{artifact:NAME}`?"
    );
    let unlike = error("{zzz:1}");
    assert!(unlike.contains("there are: `{listen}`, `{port}`, "), "{unlike}");
    assert!(unlike.ends_with("a brace that is text has a space after it"), "{unlike}");
}

#[test]
fn a_placeholder_that_is_not_closed_or_has_another_form_is_refused() {
    for (word, expected) in [
        ("--x={file:a", "`{file:a`: `{file:` without `}`"),
        ("{file:a {listen}", "`{file:a {listen}`: `{file:` without `}`"),
        ("--listen={listen", "`{listen`: `{listen` without `}`"),
        ("{listen:x}", "`{listen:x}` is written `{listen}`"),
        ("{artifact}", "`{artifact}` is written `{artifact:NAME}`"),
        ("{file:}", "`{file:}` is written `{file:PATH}`"),
        ("{program}", "`{program}` is written `{program:NAME}`"),
    ] {
        assert_eq!(error(word), expected);
    }
    let name = error("{program:a b}");
    assert!(name.starts_with("`{program:a b}`: `a b` is not a name"), "{name}");
}

#[test]
fn what_a_field_names_is_told_by_its_one_piece() {
    let word = |text: &str| text.parse::<Word>().unwrap();
    assert_eq!(word("{reference:shop@sha256:00}").reference(), Some("shop@sha256:00"));
    assert_eq!(word("image.tar").reference(), None);
    assert_eq!(word("image.tar").artifact(), Some("image.tar"));
    assert_eq!(word("{artifact:image.tar}").artifact(), Some("image.tar"));
    assert_eq!(word("{artifact:image}.tar").artifact(), None);
}

proptest! {
    #[test]
    fn what_is_read_is_written_back_to_the_byte(
        parts in prop::collection::vec(
            prop_oneof![
                "[ -~]{0,6}",
                "[{}a-z:@/ \n\"]{0,6}",
                "\\{(listen|port|iterations|scratch|prepared|prepared:a-b)\\}",
                "\\{(artifact|file|intermediate|reference):[^{}]{1,8}\\}",
                "\\{(program|folder):[a-z]{1,3}(@[0-9.]{0,3})?\\}",
                "\\{program:[a-z]{1,3}(@[0-9.]{1,3})?/[a-z@/]{0,4}\\}",
            ],
            0..6,
        ),
    ) {
        let text = parts.concat();
        if let Ok(word) = text.parse::<Word>() {
            prop_assert_eq!(word.to_string(), text.as_str());
            let json = serde_json::to_string(&word).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&text).unwrap());
            prop_assert_eq!(serde_json::from_str::<Word>(&json).unwrap(), word);
        }
    }
}
