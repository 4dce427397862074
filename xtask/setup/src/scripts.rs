//! Small shell scripts that stand between rustc and a linker or compiler that speaks otherwise.

use anyhow::Result;
use std::path::Path;
use weighbridge_project::files;

/// Writes an executable script, unless it is there with this very content: a new time stamp
/// would make cargo link again.
pub(crate) fn write(file: &Path, content: &str) -> Result<()> {
    if std::fs::read_to_string(file).is_ok_and(|present| present == content) {
        return Ok(());
    }
    files::write_program(file, content.as_bytes())
}

/// A text as one word of the shell.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Runs a program with a library folder put before the others.
pub(crate) fn with_libraries(program: &Path, libraries: &Path, more: &str) -> String {
    let (program, libraries) = (quote_path(program), quote_path(libraries));
    format!(
        "#!/bin/sh\n\
         LD_LIBRARY_PATH={libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\n\
         export LD_LIBRARY_PATH\n\
         exec {program}{more} \"$@\"\n"
    )
}

/// The compiler with another sysroot, and with another name for the folder that it is called in: a crate's metadata
/// keep that name, and through them the code of the crates above it depends on it. It comes first, since the last
/// prefix that matches counts. Were it among cargo's flags, every dependency of a fresh clone would be built again.
pub(crate) fn compiler(rustc: &Path, sysroot: &Path) -> String {
    let (rustc, sysroot) = (quote_path(rustc), quote_path(sysroot));
    format!(
        "#!/bin/sh\n\
         exec {rustc} --sysroot={sysroot} --remap-path-prefix=\"$PWD\"=/checkout \"$@\"\n"
    )
}

/// `wasm-component-ld` with a given `wasm-ld`. Some compilers put lld's `-flavor` before the rest.
pub(crate) fn component_linker(component_linker: &Path, wasm_linker: &Path) -> String {
    format!(
        "#!/bin/sh\n\
         if [ \"$1\" = -flavor ]; then shift 2; fi\n\
         exec {} --wasm-ld-path {} \"$@\"\n",
        quote_path(component_linker),
        quote_path(wasm_linker)
    )
}

/// `zig cc` as a C compiler and linker for rustc and the `cc` crate.
///
/// Dropped are what zig brings itself (rustc's start-up objects, libgcc) and the target as
/// rustc spells it, which zig can't parse; the unwinder is zig's libunwind.
pub(crate) fn zig_compiler(zig: &Path, target: &str, cpu: &str, cache: &Path) -> String {
    let (zig, cache) = (quote_path(zig), quote_path(cache));
    format!(
        "#!/bin/sh\n\
         set -f\n\
         left=$#\n\
         while [ \"$left\" -gt 0 ]; do\n\
         \x20 argument=$1\n\
         \x20 shift\n\
         \x20 left=$((left - 1))\n\
         \x20 case \"$argument\" in\n\
         \x20   --target=*|-lgcc|*/self-contained/*crt*.o) continue ;;\n\
         \x20   -lgcc_s|-lgcc_eh) argument=-lunwind ;;\n\
         \x20 esac\n\
         \x20 set -- \"$@\" \"$argument\"\n\
         done\n\
         ZIG_GLOBAL_CACHE_DIR={cache} ZIG_LOCAL_CACHE_DIR={cache}\n\
         export ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR\n\
         exec {zig} cc -target {target} -mcpu={cpu} \"$@\"\n"
    )
}

/// `zig ar`.
pub(crate) fn zig_archiver(zig: &Path) -> String {
    format!("#!/bin/sh\nexec {} ar \"$@\"\n", quote_path(zig))
}

fn quote_path(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Runs the wrapper with `echo` in zig's place: what it prints is what zig would be given.
    fn given_to_zig(arguments: &[&str]) -> String {
        let folder = std::env::temp_dir().join(format!("weighbridge-zig-{}", arguments.len()));
        let script = folder.join("it's a cc");
        let content = zig_compiler(
            Path::new("/bin/echo"),
            "x86_64-linux-musl",
            "x86_64_v2",
            Path::new("/nowhere"),
        );
        write(&script, &content).unwrap();
        let output = Command::new(&script).args(arguments).output().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    #[test]
    fn the_wrapper_drops_what_zig_brings_and_keeps_the_rest() {
        let given = given_to_zig(&[
            "--target=x86_64-unknown-linux-musl",
            "-O3",
            "/lib/self-contained/crt1.o",
            "/lib/self-contained/rcrt1.o",
            "main with space.o",
            "-lgcc_eh",
            "-lgcc",
            "-lc",
            "*",
        ]);
        assert_eq!(
            given,
            "cc -target x86_64-linux-musl -mcpu=x86_64_v2 -O3 main with space.o -lunwind -lc *"
        );
    }

    #[test]
    fn the_wrapper_needs_no_argument() {
        assert_eq!(given_to_zig(&[]), "cc -target x86_64-linux-musl -mcpu=x86_64_v2");
    }

    #[test]
    fn the_component_linker_is_given_its_wasm_linker_and_no_flavor() {
        let folder = std::env::temp_dir().join("weighbridge-component-linker");
        let script = folder.join("wasm-component-ld");
        write(&script, &component_linker(Path::new("/bin/echo"), Path::new("/a b"))).unwrap();
        let run = |arguments: &[&str]| {
            String::from_utf8(Command::new(&script).args(arguments).output().unwrap().stdout)
                .unwrap()
        };
        assert_eq!(run(&["-flavor", "wasm", "a.o"]), "--wasm-ld-path /a b a.o\n");
        assert_eq!(run(&["a.o"]), "--wasm-ld-path /a b a.o\n");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_script_that_is_there_keeps_its_time_stamp() {
        let folder = std::env::temp_dir().join("weighbridge-script-stamp");
        let script = folder.join("script");
        write(&script, "#!/bin/sh\n").unwrap();
        let first = std::fs::metadata(&script).unwrap().modified().unwrap();
        write(&script, "#!/bin/sh\n").unwrap();
        assert_eq!(std::fs::metadata(&script).unwrap().modified().unwrap(), first);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
