//! Tests of the table of methods: keys, and columns that agree.

use super::*;
use std::collections::BTreeSet;

#[test]
fn every_method_is_read_by_the_key_of_its_row() {
    let tables = [QuestionKind::GuestLanguages, QuestionKind::Growth];
    for kind in QuestionKind::ALL.iter().filter(|kind| !tables.contains(kind)) {
        let json = format!(r#"{{"{}":{{"nothing":1}}}}"#, kind.key());
        let error = serde_json::from_str::<Method>(&json).unwrap_err().to_string();
        assert!(error.starts_with("unknown field `nothing`"), "{kind:?}: {error}");
    }
    let method: Method = serde_json::from_str(r#"{"warm-up":{"iterations":3}}"#).unwrap();
    assert_eq!(
        (method.kind(), QuestionKind::of(&method, None)),
        (QuestionKind::WarmUp, QuestionKind::WarmUp)
    );
    for kind in tables {
        let table: SeparateTable = serde_json::from_str(&format!("\"{}\"", kind.key())).unwrap();
        assert_eq!(QuestionKind::of(&method, Some(table)), kind);
    }
    let error = serde_json::from_str::<Method>(r#"{"warm-up":{"iteration":3}}"#).unwrap_err();
    assert!(error.to_string().contains("`iteration`"), "{error}");
}

#[test]
fn the_columns_of_a_row_agree_with_each_other() {
    for &kind in QuestionKind::ALL {
        let facts = kind.facts();
        assert!(facts.told_apart.contains(&facts.headline), "{kind:?}");
        let is_exact = facts.headline.is_exact();
        assert_eq!(is_exact, facts.stops_by.is_none(), "{kind:?}: what is sampled has a noise");
        assert!(!facts.survives_emulation || is_exact, "{kind:?}");
        let is_loaded = facts.warmed_by == WarmedBy::Load;
        assert!(!is_loaded || facts.window != Window::None, "{kind:?}");
        assert!(facts.takes_ms == 0 || facts.window == Window::None, "{kind:?}");
    }
}

#[test]
fn no_two_kinds_have_one_place_in_the_brief() {
    let places: Vec<u8> = QuestionKind::ALL.iter().filter_map(|kind| kind.facts().brief).collect();
    assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len());
}
