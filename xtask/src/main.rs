//! The verbs of Weighbridge: set up, build, run, analyse, write the paper.

fn main() {}
