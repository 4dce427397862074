//! The chains, tried on machines that exist only here.
