//! Goes through the content of a file beside the types of the schema, and notes which keys occur.

use crate::model::{Content, Key, Kind, Shape, Sources};
use serde_json::Value;
use std::collections::BTreeSet;
use std::error::Error;

pub struct Walk<'a> {
    sources: &'a Sources,
    found: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    pub fn new(sources: &'a Sources) -> Self {
        Self { sources, found: BTreeSet::new() }
    }

    /// Notes the keys of `value`, the content of `file`.
    pub fn value(&mut self, value: &Value, kind: &Kind, file: &str) {
        if let Err(wrong) = self.visit(value, kind) {
            panic!("{file}: {wrong}");
        }
    }

    /// What in `value` the types do not know.
    pub fn wrong(&mut self, value: &Value, kind: &Kind) -> Option<String> {
        self.visit(value, kind).err().map(|wrong| wrong.to_string())
    }

    /// Each key that was found begins a bullet of `page`.
    pub fn all_are_in(&self, page: &str, at_least: usize) {
        let bullets: BTreeSet<&str> = page
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("* `")?.split('`').next())
            .collect();
        let missing: Vec<_> =
            self.found.iter().filter(|key| !bullets.contains(key.as_str())).collect();
        assert!(missing.is_empty(), "FORMAT.md does not name {missing:?}");
        assert!(self.found.len() >= at_least, "only {} keys were found", self.found.len());
    }

    fn visit(&mut self, value: &Value, kind: &Kind) -> Result<(), Box<dyn Error>> {
        let sources = self.sources;
        let kind = sources.resolve(kind);
        match (kind, value) {
            (Kind::Optional(_), Value::Null)
            | (Kind::Text, Value::String(_))
            | (Kind::Boolean, Value::Bool(_))
            | (Kind::Number, Value::Number(_)) => Ok(()),
            (Kind::Integer, Value::Number(number)) if number.is_u64() => Ok(()),
            (Kind::Optional(kind), value) => self.visit(value, kind),
            (Kind::List(kind) | Kind::NamesOrTables(kind, _), Value::Array(values)) => {
                values.iter().try_for_each(|value| self.visit(value, kind))
            }
            (Kind::Table(key, kind), Value::Object(entries)) => {
                entries.iter().try_for_each(|(name, value)| {
                    self.visit(&Value::String(name.clone()), key)?;
                    self.visit(value, kind)
                })
            }
            (Kind::NamesOrTables(_, kind), Value::Object(entries)) => {
                entries.values().try_for_each(|value| self.visit(value, kind))
            }
            (Kind::Named(name), value) => self.named(value, name),
            _ => Err(format!("{value} where {kind:?} is expected").into()),
        }
    }

    fn named(&mut self, value: &Value, name: &str) -> Result<(), Box<dyn Error>> {
        const TEXTS: [&str; 6] =
            ["SubjectName", "ProgramName", "WorkloadName", "ExperimentName", "Word", "Parameter"];
        if TEXTS.contains(&name) {
            return self.visit(value, &Kind::Text);
        }
        let sources = self.sources;
        match (&sources.get(name).shape, value) {
            (Shape::Keys(keys), Value::Object(entries)) => {
                entries.iter().try_for_each(|(key, value)| self.key(key, value, keys, name))
            }
            (Shape::Variants(variants), Value::String(text)) => {
                let is_it = |variant: &&crate::model::Variant| {
                    variant.name == *text && matches!(variant.content, Content::Nothing)
                };
                let variant = variants.iter().find(is_it);
                variant.ok_or_else(|| format!("{name} has no `{text}`"))?;
                let is_key = crate::page::KEYS.contains(&name);
                self.found.insert(if is_key { text.clone() } else { format!("\"{text}\"") });
                Ok(())
            }
            (Shape::Variants(variants), Value::Object(entries)) if entries.len() == 1 => {
                let (key, value) = entries.iter().next().unwrap();
                let variant = variants.iter().find(|variant| variant.name == *key);
                let variant = variant.ok_or_else(|| format!("{name} has no `{key}`"))?;
                self.found.insert(key.clone());
                match (&variant.content, value) {
                    (Content::Value(kind), value) => self.visit(value, kind),
                    (Content::Keys(keys), Value::Object(entries)) => {
                        entries.iter().try_for_each(|(key, value)| self.key(key, value, keys, name))
                    }
                    _ => Err(format!("{name}.{key} does not take {value}").into()),
                }
            }
            _ => Err(format!("{name} does not take {value}").into()),
        }
    }

    fn key(
        &mut self,
        key: &str,
        value: &Value,
        keys: &[Key],
        of: &str,
    ) -> Result<(), Box<dyn Error>> {
        let known = keys.iter().find(|known| known.name == key);
        let known = known.ok_or_else(|| format!("{of} has no key `{key}`"))?;
        if !self.found.contains(key) {
            self.found.insert(key.to_owned());
        }
        self.visit(value, &known.kind).map_err(|wrong| format!("{key}: {wrong}").into())
    }
}
