//! `recipes.json`, which the build writes beside `artifacts.json` in a checkout: how each form of a service is built
//! from its sources, and what must be on the machine before. The runner, which knows neither cargo's settings nor
//! set-up, builds by it for the method `overhead`.

use crate::overhead::{Service, Tool};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The file's name.
pub const FILE: &str = "recipes.json";

/// A program that is run to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Variables that are added to a clean environment.
    pub environment: BTreeMap<String, String>,
}

/// How one form of a service is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Builds it, from within the checkout or a copy of it.
    pub build: Call,
    /// Lists the crates that it is built of, one a line, as `cargo tree` does.
    pub crates: Call,
    /// What it makes, relative to cargo's target folder.
    pub makes: String,
    /// What must be on the machine before.
    pub tools: Vec<Tool>,
}

/// Both recipes of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipes {
    /// Of the native program.
    pub native: Recipe,
    /// Of the component.
    pub component: Recipe,
}

/// All that the build hands over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeBook {
    /// Format version, [`crate::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The checkout's folder.
    pub checkout: String,
    /// What of it cargo reads, relative to it.
    pub sources: Vec<String>,
    /// By service.
    pub services: BTreeMap<Service, Recipes>,
    /// What must be on the machine besides before a container is run.
    pub container_tools: Vec<Tool>,
    /// Lists the crates of the Wasm host, which is built before a component can be run.
    pub host_crates: Call,
    /// Options of the compiler that compiles a component ahead of time.
    pub compile_options: Vec<String>,
}
