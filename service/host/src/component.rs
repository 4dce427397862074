//! Getting a component's code: loading what was compiled ahead of time, or compiling it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use wasmtime::component::Component;
use wasmtime::{Engine, Precompiled};

#[cfg(feature = "compiler")]
use crate::arguments::Level;

/// What the first bytes of a file say it is.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Component,
    CoreModule,
    CompiledComponent,
    CompiledModule,
    Other,
}

/// The code in `path`: compiled now, or loaded as `compile` wrote it.
///
/// # Errors
/// Names the file, what it is in place of what was asked for, and the command that helps.
pub(crate) fn get(engine: &Engine, path: &Path, compile_now: bool) -> Result<Component> {
    if compile_now { compile_at_start(engine, path) } else { load(engine, path) }
}

fn load(engine: &Engine, path: &Path) -> Result<Component> {
    // SAFETY: compiled code is run as it is, so it must come from this program's `compile` and not
    // change while it is mapped. The operator names the file, as he names the program itself, and
    // `compile` replaces files whole; what another version or configuration compiled is refused.
    match unsafe { Component::deserialize_file(engine, path) } {
        Ok(component) => Ok(component),
        Err(error) => Err(explain(path, error.into())),
    }
}

/// Says why a file did not load: reading it again costs nothing now.
fn explain(path: &Path, error: anyhow::Error) -> anyhow::Error {
    let shown = path.display();
    match kind(path) {
        Err(unreadable) => unreadable,
        Ok(Kind::CompiledComponent) => error.context(format!(
            "loading {shown}: it was compiled for another machine, or by another version or \
             configuration of this program; compile it again with `weighbridge-host compile` of \
             the same build, and with --no-memory-cow just when it is served so"
        )),
        Ok(Kind::Component) => anyhow!(
            "{shown} is a component that has not been compiled: compile it first with \
             `weighbridge-host compile {shown} --output FILE.cwasm`, or serve it with \
             --compile-at-start (both need the build with the compiler, weighbridge-host-compiler)"
        ),
        Ok(other) => not_a_component(path, &other),
    }
}

fn not_a_component(path: &Path, kind: &Kind) -> anyhow::Error {
    let shown = path.display();
    match kind {
        Kind::CoreModule | Kind::CompiledModule => anyhow!(
            "{shown} is a core module, not a component: build it for wasm32-wasip2, or make a \
             component of it with `wasm-tools component new`"
        ),
        _ => anyhow!("{shown} is not a WebAssembly component, compiled or not"),
    }
}

fn kind(path: &Path) -> Result<Kind> {
    let reading = || format!("reading {}", path.display());
    let mut start = Vec::with_capacity(8);
    File::open(path).and_then(|file| file.take(8).read_to_end(&mut start)).with_context(reading)?;
    Ok(match start.as_slice() {
        [0, b'a', b's', b'm', _, _, 1, 0] => Kind::Component,
        [0, b'a', b's', b'm', _, _, 0, 0] => Kind::CoreModule,
        // Compiled code is an ELF file; of one that is something else Wasmtime makes an error.
        [0x7f, b'E', b'L', b'F', ..] => match Engine::detect_precompiled_file(path) {
            Ok(Some(Precompiled::Component)) => Kind::CompiledComponent,
            Ok(Some(Precompiled::Module)) => Kind::CompiledModule,
            Ok(None) | Err(_) => Kind::Other,
        },
        _ => Kind::Other,
    })
}

/// Compiles the component in `path` for this process.
#[cfg(feature = "compiler")]
fn compile_at_start(engine: &Engine, path: &Path) -> Result<Component> {
    let bytes = read_component(path)?;
    Component::from_binary(engine, &bytes)
        .map_err(anyhow::Error::from)
        .with_context(|| format!("compiling {}", path.display()))
}

/// This build cannot compile, and says which one can.
#[cfg(not(feature = "compiler"))]
fn compile_at_start(_: &Engine, path: &Path) -> Result<Component> {
    Err(anyhow!(
        "--compile-at-start: this build has no compiler; use weighbridge-host-compiler, or compile \
         {} with it and serve the result",
        path.display()
    ))
}

/// `compile`: writes the compiled component, whole or not at all.
#[cfg(feature = "compiler")]
pub(crate) fn compile(options: &crate::arguments::Compile) -> Result<()> {
    let bytes = read_component(&options.component)?;
    let mut config = crate::engine::code_config(!options.no_memory_cow);
    config.epoch_interruption(!options.no_epochs);
    if let Some(triple) = &options.target {
        config.target(triple).map_err(anyhow::Error::from).with_context(|| {
            format!("--target {triple}: give a triple such as aarch64-unknown-linux-musl")
        })?;
        if let Some(level) = options.cpu {
            enable(&mut config, level, triple)?;
        }
    }
    let code = Engine::new(&config)
        .and_then(|engine| engine.precompile_component(&bytes))
        .map_err(anyhow::Error::from)
        .with_context(|| format!("compiling {}", options.component.display()))?;
    write_whole(&options.output, &code)
        .with_context(|| format!("writing {}", options.output.display()))
}

/// Lets the compiler use the features of a level.
#[cfg(feature = "compiler")]
fn enable(config: &mut wasmtime::Config, level: Level, triple: &str) -> Result<()> {
    anyhow::ensure!(
        triple.starts_with("x86_64-"),
        "--cpu names a level of x86_64, and --target is {triple}: leave --cpu out"
    );
    for flag in level.flags() {
        // SAFETY: the code may use instructions that a processor lacks; whoever loads it compares the
        // features that it was compiled with with those of its processor, and refuses it then.
        unsafe { config.cranelift_flag_enable(flag) };
    }
    Ok(())
}

/// A server may have the old file mapped: a new one takes its name, and the old one stays as it is.
#[cfg(feature = "compiler")]
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".partial-{}", std::process::id()));
    std::fs::write(&partial, bytes).and_then(|()| std::fs::rename(&partial, path)).inspect_err(
        |_| {
            // The first error is the one to report.
            let _ = std::fs::remove_file(&partial);
        },
    )
}

#[cfg(feature = "compiler")]
fn read_component(path: &Path) -> Result<Vec<u8>> {
    match kind(path)? {
        Kind::Component => {
            std::fs::read(path).with_context(|| format!("reading {}", path.display()))
        }
        Kind::CompiledComponent => {
            let shown = path.display();
            Err(anyhow!("{shown} is compiled already: serve it without --compile-at-start"))
        }
        other => Err(not_a_component(path, &other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(name: &str, bytes: &[u8]) -> Kind {
        let path = std::env::temp_dir().join(format!("weighbridge-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let kind = kind(&path);
        std::fs::remove_file(&path).unwrap();
        kind.unwrap()
    }

    #[test]
    fn files_are_told_apart_by_their_first_bytes() {
        assert_eq!(kind_of("component", b"\0asm\x0d\0\x01\0rest"), Kind::Component);
        assert_eq!(kind_of("module", b"\0asm\x01\0\0\0rest"), Kind::CoreModule);
        assert_eq!(kind_of("text", b"root:x:0:0"), Kind::Other);
        assert_eq!(kind_of("empty", b""), Kind::Other);
        let this_program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(kind_of("program", &this_program[..4096]), Kind::Other);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = kind(Path::new("there-is-no-such-file")).unwrap_err();
        assert!(error.to_string().contains("there-is-no-such-file"), "{error}");
    }
}
