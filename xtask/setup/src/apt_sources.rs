//! Reads the machine's own apt sources, so that a private index asks the same mirror, with the same keyring.
//!
//! Both formats are read: stanzas (`*.sources`) and single lines (`*.list`).

use crate::machine::Machine;
use crate::pins::Archive;
use std::path::Path;

/// One enabled entry for binary packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The mirror or mirrors, verbatim.
    pub(crate) uris: Vec<String>,
    /// Suites, such as `bookworm` or `bookworm-security`.
    pub(crate) suites: Vec<String>,
    /// Components, such as `main`.
    pub(crate) components: Vec<String>,
    /// A keyring's path, or a key block with its continuation lines; `None` leaves it to apt.
    pub(crate) signed_by: Option<String>,
}

/// Every enabled entry of this machine.
pub(crate) fn of_machine(machine: &dyn Machine) -> Vec<Entry> {
    let mut files = vec![Path::new("/etc/apt/sources.list").to_owned()];
    files.extend(machine.list(Path::new("/etc/apt/sources.list.d")));
    let mut entries = Vec::new();
    for file in files {
        let Some(text) = machine.read(&file) else { continue };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => entries.extend(parse_stanzas(&text)),
            Some("list") => entries.extend(parse_lines(&text)),
            // apt ignores other names too.
            _ => {}
        }
    }
    entries
}

/// The entry that serves an archive of the distribution with this code name.
pub(crate) fn entry_of<'a>(
    entries: &'a [Entry],
    archive: Archive,
    codename: &str,
) -> Option<&'a Entry> {
    let security = format!("{codename}-security");
    let (suite, last_segment) = match archive {
        Archive::Main => (codename, "debian"),
        Archive::Security => (security.as_str(), "debian-security"),
    };
    let with_main = || entries.iter().filter(|entry| entry.components.iter().any(|c| c == "main"));
    let names_suite =
        |entry: &&Entry| entry.suites.iter().any(|name| name.trim_end_matches("/updates") == suite);
    let ends_with = |entry: &&Entry| {
        entry
            .uris
            .iter()
            .any(|uri| uri.trim_end_matches('/').rsplit('/').next() == Some(last_segment))
    };
    with_main().find(names_suite).or_else(|| with_main().find(ends_with))
}

/// An entry for other suites of the same archive, as a stanza.
pub(crate) fn stanza(entry: &Entry, suites: &[&str]) -> String {
    let mut text = format!(
        "Types: deb\nURIs: {}\nSuites: {}\nComponents: main\n",
        entry.uris.join(" "),
        suites.join(" ")
    );
    if let Some(signed_by) = &entry.signed_by {
        text += &format!("Signed-By: {signed_by}\n");
    }
    text
}

/// Parses the stanza format.
pub(crate) fn parse_stanzas(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    // One empty line more ends the last stanza.
    for line in text.lines().chain([""]) {
        if line.trim().is_empty() {
            entries.extend(entry_of_fields(&fields));
            fields.clear();
        } else if line.starts_with('#') {
            // A comment may stand between a field and its continuation.
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    entries
}

fn entry_of_fields(fields: &[(String, String)]) -> Option<Entry> {
    let value = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let words = |name: &str| -> Vec<String> {
        value(name)
            .map(|text| text.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default()
    };
    let enabled = !value("enabled")
        .is_some_and(|text| matches!(text.to_ascii_lowercase().as_str(), "no" | "false" | "0"));
    let binary = words("types").iter().any(|kind| kind == "deb");
    let entry = Entry {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: value("signed-by").cloned(),
    };
    (enabled && binary && !entry.uris.is_empty() && !entry.suites.is_empty()).then_some(entry)
}

/// Parses the single-line format.
pub(crate) fn parse_lines(text: &str) -> Vec<Entry> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Entry> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb").filter(|rest| rest.starts_with([' ', '\t', '[']))?;
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    // A disc is no mirror: it has only what was burnt on it.
    let uri = words.next().filter(|uri| !uri.starts_with("cdrom:"))?;
    let suite = words.next()?;
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    Some(Entry {
        uris: vec![uri.to_owned()],
        suites: vec![suite.to_owned()],
        components: words.map(str::to_owned).collect(),
        signed_by: signed_by.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZAS: &str = "\
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security/
suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm
Components: main
";

    #[test]
    fn reads_stanzas_and_skips_disabled_and_source_ones() {
        let entries = parse_stanzas(STANZAS);
        assert_eq!(entries.len(), 2, "{entries:#?}");
        assert_eq!(entries[0].suites, ["bookworm", "bookworm-updates"]);
        assert_eq!(
            entries[0].signed_by.as_deref(),
            Some("/usr/share/keyrings/debian-archive-keyring.gpg")
        );
        assert!(entries[1].signed_by.as_deref().is_some_and(|key| key.ends_with("\n .\n abc")));
    }

    #[test]
    fn a_stanza_written_is_read_back_with_its_key_block() {
        let entries = parse_stanzas(STANZAS);
        let again = parse_stanzas(&stanza(&entries[1], &["bookworm-security"]));
        assert_eq!(again, [entries[1].clone()]);
    }

    #[test]
    fn reads_lines_with_and_without_options() {
        let entries = parse_lines(
            "# deb http://no.example/debian bookworm main\n\
             deb [arch=amd64 signed-by=/k.gpg] https://m.example/debian bookworm main contrib # why\n\
             deb-src https://m.example/debian bookworm main\n\
             deb cdrom:[Debian 12]/ bookworm main\n\
             deb\thttp://s.example/debian-security bookworm-security main\n",
        );
        assert_eq!(entries.len(), 2, "{entries:#?}");
        assert_eq!(entries[0].signed_by.as_deref(), Some("/k.gpg"));
        assert_eq!(entries[0].components, ["main", "contrib"]);
        assert_eq!(entries[1].uris, ["http://s.example/debian-security"]);
        assert_eq!(entries[1].signed_by, None);
    }

    #[test]
    fn picks_the_entry_by_suite_then_by_address() {
        let entries = parse_stanzas(STANZAS);
        let main = entry_of(&entries, Archive::Main, "bookworm");
        assert_eq!(main.map(|entry| entry.uris[0].as_str()), Some("http://mirror.example/debian"));
        let security = entry_of(&entries, Archive::Security, "trixie");
        assert_eq!(security, Some(&entries[1]));
        assert_eq!(entry_of(&[], Archive::Main, "bookworm"), None);
    }
}
