//! A machine for the tests: files, programs and answers are given, and every step is written down.
