//! From raw logs to summaries, comparisons, tables and figures.

fn main() {}
