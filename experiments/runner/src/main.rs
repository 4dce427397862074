//! Plans trials, starts subjects, sends load, records observations.

fn main() {}
