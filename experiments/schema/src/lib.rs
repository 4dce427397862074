//! Types of the definitions and of the raw log; no I/O.
