//! Linking a component with what this host offers.

use anyhow::{Context, Result};
use wasmtime::Engine;
use wasmtime::component::{Component, HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::p2::bindings::cli::stderr;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::random::insecure_seed;
use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};
use wasmtime_wasi_http::p2::bindings::http::types;
use wasmtime_wasi_http::p2::bindings::{LinkOptions, ProxyPre};
use wasmtime_wasi_http::{WasiHttp, WasiHttpView as _};
use wasmtime_wasi_io::bindings::wasi::io::{error, poll, streams};

use crate::guest::Guest;

/// Adds one interface.
type Add = fn(&mut Linker<Guest>) -> wasmtime::Result<()>;

/// What components of this service's kind import, by the name of the interface.
const USUAL: [(&str, Add); 7] = [
    ("wasi:http/types", add_http_types),
    ("wasi:io/error", |linker| error::add_to_linker::<_, Table>(linker, table)),
    ("wasi:io/poll", |linker| poll::add_to_linker::<_, Table>(linker, table)),
    ("wasi:io/streams", |linker| streams::add_to_linker::<_, Table>(linker, table)),
    ("wasi:clocks/monotonic-clock", |linker| {
        monotonic_clock::add_to_linker::<_, WasiClocks>(linker, Guest::clocks)
    }),
    ("wasi:random/insecure-seed", |linker| {
        insecure_seed::add_to_linker::<_, WasiRandom>(linker, Guest::random)
    }),
    ("wasi:cli/stderr", |linker| stderr::add_to_linker::<_, WasiCli>(linker, Guest::cli)),
];

/// Streams need no more of a guest than its table. The way that `wasmtime_wasi` links them has all of `WasiCtx` made.
struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

fn table(guest: &mut Guest) -> &mut ResourceTable {
    &mut guest.table
}

fn add_http_types(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let options = LinkOptions::default();
    types::add_to_linker::<_, WasiHttp>(linker, &(&options).into(), Guest::http)
}

/// Links `component` once, so that making an instance later looks nothing up by name.
///
/// # Errors
/// When it imports what this host does not have, or does not export wasi:http/incoming-handler.
pub(crate) fn pre_instantiate(engine: &Engine, component: &Component) -> Result<ProxyPre<Guest>> {
    // To name all that there is takes longer than to link: a third of what the program computes before it listens.
    let linker = match usual_imports(engine, component) {
        Some(adds) => linker_of(engine, adds)?,
        None => linker(engine)?,
    };
    link(&linker, component)
}

/// How to add what `component` imports; `None` when something of it is not usual.
fn usual_imports(engine: &Engine, component: &Component) -> Option<Vec<Add>> {
    let component_type = component.component_type();
    let imports = component_type.imports(engine);
    imports.map(|(name, _)| usual(name)).collect()
}

/// By a name such as `wasi:io/poll@0.2.6`.
fn usual(import: &str) -> Option<Add> {
    let (name, version) = import.split_once('@')?;
    let found = USUAL.iter().find(|(usual, _)| *usual == name);
    found.filter(|_| version.starts_with("0.2.")).map(|(_, add)| *add)
}

fn linker_of(engine: &Engine, adds: Vec<Add>) -> Result<Linker<Guest>> {
    let mut linker = Linker::<Guest>::new(engine);
    // A component may import an interface in two versions, of which the linker has one name.
    linker.allow_shadowing(true);
    for add in adds {
        add(&mut linker)?;
    }
    Ok(linker)
}

/// All that this host offers to components.
///
/// # Errors
/// When a name is offered twice.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Guest>> {
    let mut linker = Linker::<Guest>::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    // The same streams again, for which less is made.
    linker.allow_shadowing(true);
    for (name, add) in USUAL {
        if name.starts_with("wasi:io/") {
            add(&mut linker)?;
        }
    }
    linker.allow_shadowing(false);
    Ok(linker)
}

/// Links `component` with what `linker` offers.
///
/// # Errors
/// As [`pre_instantiate`].
pub(crate) fn link(linker: &Linker<Guest>, component: &Component) -> Result<ProxyPre<Guest>> {
    let linked = linker.instantiate_pre(component).map_err(anyhow::Error::from).context(
        "linking the component: this host offers wasi:http 0.2 and what the standard library of a \
         guest imports",
    )?;
    ProxyPre::new(linked).map_err(anyhow::Error::from).context(
        "linking the component: it must export wasi:http/incoming-handler of wasi:http 0.2",
    )
}

#[cfg(all(test, feature = "compiler"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

    use super::*;

    fn engine() -> Engine {
        Engine::new(&crate::engine::code_config(true)).unwrap()
    }

    fn of_text(engine: &Engine, text: &str) -> Component {
        Component::new(engine, wat::parse_str(text).unwrap()).unwrap()
    }

    #[test]
    fn what_is_usual_is_found_by_its_name_in_any_version_of_the_kind() {
        assert!(usual("wasi:io/poll@0.2.6").is_some() && usual("wasi:io/poll@0.2.12").is_some());
        for other in ["wasi:io/poll", "wasi:io/poll@0.3.0", "wasi:filesystem/types@0.2.6"] {
            assert!(usual(other).is_none(), "{other}");
        }
    }

    #[test]
    fn every_usual_interface_is_one_that_all_are_offered() {
        let engine = engine();
        let linker = linker(&engine).unwrap();
        for (name, _) in USUAL {
            let component =
                of_text(&engine, &format!("(component (import \"{name}@0.2.0\" (instance)))"));
            assert_eq!(
                usual_imports(&engine, &component).map(|adds| adds.len()),
                Some(1),
                "{name}"
            );
            assert!(linker.instantiate_pre(&component).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_interface_in_two_versions_is_linked() {
        let engine = engine();
        let text = r#"(component (import "wasi:io/poll@0.2.0" (instance)) (import "wasi:io/poll@0.2.6" (instance)))"#;
        let component = of_text(&engine, text);
        let adds = usual_imports(&engine, &component).unwrap();
        assert!(linker_of(&engine, adds).unwrap().instantiate_pre(&component).is_ok());
    }
}
