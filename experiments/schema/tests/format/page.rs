//! Writes FORMAT.md: the skeleton, with what the sources say in the place of each line that begins with `@`.

use crate::model::{Content, Key, Kind, Presence, Shape, Sources, Variant};
use crate::placeholders;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::calibration_load::LatencyReading;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::record::HEAVY_TAG;

const WIDTH: usize = 100;
/// Enums whose values are the keys of a table, and stand there without quotation marks.
pub const KEYS: [&str; 3] = ["Metric", "Stage", "Capability"];

/// How a type is named and where it is described.
struct Section {
    label: String,
    anchor: String,
}

pub struct Page<'a> {
    sources: &'a Sources,
    sections: BTreeMap<String, Section>,
    written: String,
    /// Whether the types below the heading at hand are of files that a person writes: TOML has no `null`.
    is_toml: bool,
}

/// The heading's text, where the line is one below the title.
fn heading(line: &str) -> Option<(usize, &str)> {
    let hashes = line.bytes().take_while(|&b| b == b'#').count();
    let title = line[hashes..].strip_prefix(' ')?;
    (hashes >= 2).then_some((hashes, title))
}

/// The part of a link after `#`, as GitHub makes it.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

pub fn write(skeleton: &str, sources: &Sources) -> String {
    let mut page =
        Page { sources, sections: sections(skeleton), written: String::new(), is_toml: false };
    for line in skeleton.lines() {
        match line.strip_prefix('@').map(|rest| rest.split_once(' ').unwrap_or((rest, ""))) {
            Some(("contents", _)) => page.contents(skeleton),
            Some(("text", _)) => {}
            Some((format @ ("toml" | "json"), _)) => page.is_toml = format == "toml",
            Some(("keys", name)) => page.described(name),
            Some(("forms", name)) => page.forms(name),
            Some(("placeholders", _)) => page.written += &placeholders::list(sources),
            Some((other, _)) => panic!("the skeleton has `@{other}`, which means nothing"),
            None => page.line(line),
        }
    }
    // A line that wrote nothing stood between two empty ones.
    page.written.replace("\n\n\n", "\n\n")
}

/// Where the skeleton describes each type: below the last heading before its `@keys` or `@text`.
fn sections(skeleton: &str) -> BTreeMap<String, Section> {
    let mut sections = BTreeMap::new();
    let mut title = "";
    for line in skeleton.lines() {
        if let Some((_, text)) = heading(line) {
            title = text;
        }
        let (name, label) = match (line.strip_prefix("@keys "), line.strip_prefix("@text ")) {
            (Some(name), _) => (name, title),
            (_, Some(rest)) => rest.split_once(' ').unwrap(),
            _ => continue,
        };
        let label = match label.strip_prefix('`') {
            Some(_) => label.to_owned(),
            None => label.to_lowercase(),
        };
        sections.insert(name.to_owned(), Section { label, anchor: anchor(title) });
    }
    sections
}

/// Breaks `text` between words; what follows the first line begins with as many spaces as `first` has letters.
pub fn wrap(first: &str, text: &str) -> String {
    let indent = " ".repeat(first.len());
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut is_first = true;
    for word in text.split_whitespace() {
        // At the start of a line these would begin a list.
        let is_mark = matches!(word, "-" | "*" | "+")
            || word.strip_suffix('.').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        if !is_first && !is_mark && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(lines, "{line}");
            line.clone_from(&indent);
        } else if !is_first {
            line.push(' ');
        }
        line += word;
        is_first = false;
    }
    let _ = writeln!(lines, "{line}");
    lines
}

/// A doc comment without links into the code, and in the words of a file: what is `None` there is absent here.
fn plain(doc: &str) -> String {
    let mut text = String::new();
    let mut rest = doc;
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((name, after)) = after.split_once("`]") else { break };
        let _ = write!(text, "{before}`{}`", name.trim_start_matches("crate::"));
        rest = match after.strip_prefix('(').and_then(|link| link.split_once(')')) {
            Some((_, behind)) => behind,
            None => after,
        };
    }
    text += rest;
    let mut words = text.replace(". `None`", ". Absent").replace("`None`", "absent");
    for (constant, value) in [
        ("`SCHEMA_VERSION`", SCHEMA_VERSION.to_string()),
        ("`HEAVY_TAG`", format!("the tag `{HEAVY_TAG}`")),
        ("`LatencyReading::WAITED_NS`", format!("{} ns", LatencyReading::WAITED_NS)),
    ] {
        words = words.replace(constant, &value);
    }
    if words.starts_with("absent") {
        words.replace_range(..1, "A");
    }
    words
}

/// The unit that a key ends in.
fn unit(key: &str) -> Option<&'static str> {
    const UNITS: &[(&str, &str)] = &[
        ("per_cpu_second", "per second of CPU time"),
        ("per_second", "per second"),
        ("ns", "nanoseconds"),
        ("us", "microseconds"),
        ("ms", "milliseconds"),
        ("minutes", "minutes"),
        ("bytes", "bytes"),
        ("percent", "percent"),
        ("khz", "kilohertz"),
        ("count", "a count"),
    ];
    let ends =
        |unit: &str| key.strip_suffix(unit).is_some_and(|b| b.is_empty() || b.ends_with('_'));
    UNITS.iter().find(|(ending, _)| ends(ending)).map(|(_, unit)| *unit)
}

fn holds_numbers(kind: &Kind) -> bool {
    match kind {
        Kind::Integer | Kind::Number => true,
        Kind::List(value) | Kind::Optional(value) | Kind::Table(_, value) => holds_numbers(value),
        _ => false,
    }
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.written += line;
        self.written.push('\n');
    }

    fn contents(&mut self, skeleton: &str) {
        for (depth, title) in skeleton.lines().filter_map(heading) {
            self.line(&format!("{:1$}* [{title}](#{2})", "", (depth - 2) * 2, anchor(title)));
        }
    }

    /// The type's own sentence, and each of its keys or variants.
    fn described(&mut self, name: &str) {
        let described = self.sources.get(name);
        if !described.doc.is_empty() {
            self.written += &wrap("", &plain(&described.doc));
            self.line("");
        }
        match &described.shape {
            Shape::Keys(keys) => self.keys(name, keys, 0),
            Shape::Variants(variants) => {
                variants.iter().for_each(|variant| self.variant(name, variant, 0));
            }
        }
    }

    /// What each variant says of how it is written: of a type that is a text in files.
    fn forms(&mut self, name: &str) {
        let Shape::Variants(variants) = &self.sources.get(name).shape else {
            panic!("{name} has no variants");
        };
        variants.iter().for_each(|variant| self.written += &wrap("* ", &plain(&variant.doc)));
    }

    fn keys(&mut self, owner: &str, keys: &[Key], depth: usize) {
        for key in keys {
            assert!(!key.doc.is_empty(), "{owner}: `{}` has no doc comment", key.name);
            let mut details = vec![self.label(&key.kind)];
            details.extend(unit(&key.name).filter(|_| holds_numbers(&key.kind)).map(str::to_owned));
            let presence = match key.presence {
                Presence::Always => "",
                Presence::MayBeNull if !self.is_toml => "; may be absent or `null`",
                Presence::MayBeAbsent | Presence::MayBeNull => "; may be absent",
            };
            let text =
                format!("`{}` ({}{presence}): {}", key.name, details.join(", "), plain(&key.doc));
            self.written += &wrap(&format!("{:1$}* ", "", depth * 2), &text);
            self.values(&key.kind, depth + 1);
        }
    }

    /// The values or keys of a type that has no section.
    fn values(&mut self, kind: &Kind, depth: usize) {
        match self.sources.resolve(kind) {
            Kind::Optional(value) | Kind::List(value) => self.values(value, depth),
            Kind::Named(name) if !self.sections.contains_key(name) => {
                match &self.sources.get(name).shape {
                    Shape::Keys(keys) => self.keys(name, keys, depth),
                    Shape::Variants(variants) => {
                        variants.iter().for_each(|variant| self.variant(name, variant, depth));
                    }
                }
            }
            _ => {}
        }
    }

    fn variant(&mut self, owner: &str, variant: &Variant, depth: usize) {
        let Variant { name, content, doc, ident } = variant;
        assert!(!doc.is_empty(), "{owner}::{ident} has no doc comment");
        let shown = match content {
            Content::Nothing if owner == "Metric" => {
                let is_derived = Metric::ALL.iter().any(|m| m.key() == name && m.is_derived());
                let unit = unit(name).map(|unit| format!(", {unit}")).unwrap_or_default();
                let where_from = if is_derived { "; computed, in no raw log" } else { "" };
                format!("`{name}` (integer{unit}{where_from})")
            }
            Content::Nothing if KEYS.contains(&owner) => format!("`{name}`"),
            Content::Nothing => format!("`\"{name}\"`"),
            Content::Value(kind) => format!("`{name}` ({})", self.label(kind)),
            Content::Keys(_) => format!("`{name}` (table)"),
        };
        self.written +=
            &wrap(&format!("{:1$}* ", "", depth * 2), &format!("{shown}: {}", plain(doc)));
        if let Content::Keys(keys) = content {
            self.keys(owner, keys, depth + 1);
        }
    }

    fn label(&self, kind: &Kind) -> String {
        match self.sources.resolve(kind) {
            Kind::Text => "text".to_owned(),
            Kind::Boolean => "`true` or `false`".to_owned(),
            Kind::Integer => "integer".to_owned(),
            Kind::Number => "number".to_owned(),
            Kind::Optional(value) => self.label(value),
            Kind::List(value) => format!("list of {}", self.label(value)),
            Kind::Table(key, value) => {
                format!("table: {} = {}", self.label(key), self.label(value))
            }
            Kind::NamesOrTables(name, value) => {
                format!("list of {0}, or table: {0} = {1}", self.label(name), self.label(value))
            }
            Kind::Named(name) => match self.sections.get(name) {
                Some(Section { label, anchor }) => format!("[{label}](#{anchor})"),
                None => match &self.sources.get(name).shape {
                    Shape::Keys(_) => "table".to_owned(),
                    Shape::Variants(_) => "text, one of these".to_owned(),
                },
            },
        }
    }
}
