//! What is asked: definitions, subjects, workloads, and the files that a definition brings along.

pub mod catalog;
pub mod custom_files;
