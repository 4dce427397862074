//! The tests of the analysis from outside, as one program. As a program each, every one of them had what it uses of
//! `support`, of the schema and of polars compiled for itself alone.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

mod answers;
mod architectures;
mod claims_history;
mod command_line;
mod decide;
mod decide_page;
mod density;
mod evidence;
mod explain;
mod figures;
mod growth;
mod history;
mod isolation;
mod kit;
mod maturity;
mod multiplied;
mod neighbour;
mod operations;
mod overhead;
mod performance;
mod raw_log;
mod rendering;
mod repeats;
mod replay;
mod report;
mod results;
mod speed;
mod storm;
mod support;
mod verify;
mod waiting;

#[test]
fn every_file_beside_this_one_is_a_part_of_it() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        let name = path.file_stem().unwrap().to_string_lossy();
        let is_part = include_str!("all.rs").contains(&format!("\nmod {name};\n"));
        assert!(!is_source || name == "all" || is_part, "{name}.rs is no part of all.rs");
    }
}
