//! The types of the schema's sources, as serde writes and reads them: keys, kinds of values, doc comments.

use std::collections::BTreeMap;
use std::path::Path;
use syn::parse::{Parse, ParseStream};
use syn::{
    Attribute, Expr, ExprLit, Fields, GenericArgument, Ident, Item, ItemMacro, Lit, LitStr, Meta,
    PathArguments, Token, Type,
};

/// What stands behind a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Text,
    Boolean,
    Integer,
    Number,
    List(Box<Kind>),
    /// Of keys and values.
    Table(Box<Kind>, Box<Kind>),
    /// A list of names, or a table of values by name: `subjects` and `workloads` of a definition.
    NamesOrTables(Box<Kind>, Box<Kind>),
    Optional(Box<Kind>),
    Named(String),
}

/// Whether a key stands in every file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Always,
    MayBeAbsent,
    /// The type is written too, and then holds `null`.
    MayBeNull,
}

#[derive(Debug, Clone)]
pub struct Key {
    pub name: String,
    pub kind: Kind,
    pub presence: Presence,
    pub doc: String,
}

/// What a variant of an enum holds.
#[derive(Debug, Clone)]
pub enum Content {
    Nothing,
    Value(Kind),
    Keys(Vec<Key>),
}

#[derive(Debug, Clone)]
pub struct Variant {
    /// Its name in the source.
    pub ident: String,
    /// Its name in files.
    pub name: String,
    pub content: Content,
    pub doc: String,
}

#[derive(Debug, Clone)]
pub enum Shape {
    Keys(Vec<Key>),
    Variants(Vec<Variant>),
}

#[derive(Debug, Clone)]
pub struct Described {
    pub doc: String,
    pub shape: Shape,
}

/// Every type below a folder of sources.
#[derive(Default)]
pub struct Sources {
    types: BTreeMap<String, Vec<Described>>,
    aliases: BTreeMap<String, Kind>,
    /// Macros that make an enum, and the enum's name.
    enums: BTreeMap<String, String>,
}

impl Sources {
    pub fn read(folder: &Path) -> Self {
        let mut sources = Self::default();
        for path in files(folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            let file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            file.items.iter().for_each(|item| sources.add(item));
        }
        sources
    }

    /// The one type of that name.
    pub fn get(&self, name: &str) -> &Described {
        match self.types.get(name).map(Vec::as_slice) {
            Some([described]) => described,
            Some(_) => panic!("two types are named {name}"),
            None => panic!("no type is named {name}"),
        }
    }

    /// What an alias stands for; anything else as it is.
    pub fn resolve<'a>(&'a self, kind: &'a Kind) -> &'a Kind {
        match kind {
            Kind::Named(name) => self.aliases.get(name).unwrap_or(kind),
            _ => kind,
        }
    }

    fn add(&mut self, item: &Item) {
        match item {
            Item::Struct(item) => {
                let is_written = derives(&item.attrs, "Serialize");
                let shape = Shape::Keys(keys(&item.fields, is_written));
                self.insert(&item.ident, &item.attrs, shape);
            }
            Item::Enum(item) => {
                let is_written = derives(&item.attrs, "Serialize");
                let rules = serde(&item.attrs);
                let variants = item.variants.iter().map(|variant| Variant {
                    ident: variant.ident.to_string(),
                    name: rules.name(&variant.ident, &serde(&variant.attrs)),
                    content: content(&variant.fields, is_written),
                    doc: doc(&variant.attrs),
                });
                let shape = Shape::Variants(variants.collect());
                self.insert(&item.ident, &item.attrs, shape);
            }
            Item::Type(item) => {
                self.aliases.insert(item.ident.to_string(), kind(&item.ty));
            }
            Item::Macro(item) => self.add_macro(item),
            _ => {}
        }
    }

    fn insert(&mut self, ident: &Ident, attributes: &[Attribute], shape: Shape) {
        let described = Described { doc: doc(attributes), shape };
        self.types.entry(ident.to_string()).or_default().push(described);
    }

    /// A macro that makes an enum, or what such a macro is given: `Variant => "key", ...;` with doc comments.
    fn add_macro(&mut self, item: &ItemMacro) {
        let tokens = item.mac.tokens.to_string();
        if let Some(name) = &item.ident {
            if let Some((_, rest)) = tokens.split_once("enum ") {
                let made = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                self.enums.insert(name.to_string(), made.to_owned());
            }
            return;
        }
        let made = item.mac.path.get_ident().and_then(|name| self.enums.get(&name.to_string()));
        if let (Some(made), Ok(Entries(variants))) = (made, item.mac.parse_body()) {
            let described = Described { doc: String::new(), shape: Shape::Variants(variants) };
            self.types.entry(made.clone()).or_default().push(described);
        }
    }
}

pub fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect();
    found.sort();
    found
}

struct Entries(Vec<Variant>);

impl Parse for Entries {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut variants = Vec::new();
        while !input.is_empty() {
            let attributes = input.call(Attribute::parse_outer)?;
            let ident: Ident = input.parse()?;
            input.parse::<Token![=>]>()?;
            let name: LitStr = input.parse()?;
            while !input.peek(Token![;]) {
                input.step(|cursor| match cursor.token_tree() {
                    Some((_, rest)) => Ok(((), rest)),
                    None => Err(cursor.error("an entry ends in `;`")),
                })?;
            }
            input.parse::<Token![;]>()?;
            variants.push(Variant {
                ident: ident.to_string(),
                name: name.value(),
                content: Content::Nothing,
                doc: doc(&attributes),
            });
        }
        Ok(Self(variants))
    }
}

#[derive(Default)]
struct Serde {
    rename: Option<String>,
    rename_all: Option<String>,
    has_default: bool,
    is_skipped: bool,
}

impl Serde {
    /// The name in files of a variant with `its` attributes.
    fn name(&self, ident: &Ident, its: &Self) -> String {
        if let Some(name) = &its.rename {
            return name.clone();
        }
        let separator = match self.rename_all.as_deref() {
            Some("kebab-case") => "-",
            Some("snake_case") => "_",
            Some(other) => panic!("rename_all = \"{other}\" is not known here yet"),
            None => return ident.to_string(),
        };
        let mut name = String::new();
        for letter in ident.to_string().chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push_str(separator);
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }
}

fn serde(attributes: &[Attribute]) -> Serde {
    let mut found = Serde::default();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let read = attribute.parse_nested_meta(|meta| {
            let value = match meta.input.peek(Token![=]) {
                true => Some(meta.value()?.parse::<LitStr>()?.value()),
                false => None,
            };
            match meta.path.require_ident()?.to_string().as_str() {
                "rename" => found.rename = value,
                "rename_all" => found.rename_all = value,
                "default" => found.has_default = true,
                "skip_serializing_if" => found.is_skipped = true,
                _ => {}
            }
            Ok(())
        });
        read.unwrap();
    }
    found
}

fn derives(attributes: &[Attribute], wanted: &str) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("derive")).any(|attribute| {
        let Meta::List(list) = &attribute.meta else { return false };
        list.tokens.to_string().split(',').any(|name| name.trim() == wanted)
    })
}

/// The first paragraph of a doc comment: what follows is for readers of the code.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let lines = lines.map(|line| line.trim().to_owned());
    let first: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    first.join(" ")
}

fn content(fields: &Fields, is_written: bool) -> Content {
    match fields {
        Fields::Unit => Content::Nothing,
        Fields::Unnamed(fields) => match fields.unnamed.first() {
            Some(field) => Content::Value(kind(&field.ty)),
            None => Content::Nothing,
        },
        Fields::Named(_) => Content::Keys(keys(fields, is_written)),
    }
}

/// The keys of a struct or variant; none of a tuple, which is written as what it holds.
fn keys(fields: &Fields, is_written: bool) -> Vec<Key> {
    let Fields::Named(fields) = fields else { return Vec::new() };
    let keys = fields.named.iter().map(|field| {
        let rules = serde(&field.attrs);
        let kind = kind(&field.ty);
        let is_optional = matches!(kind, Kind::Optional(_));
        let presence = match (is_optional, rules.has_default || rules.is_skipped) {
            (_, true) => Presence::MayBeAbsent,
            (true, false) if is_written => Presence::MayBeNull,
            (true, false) => Presence::MayBeAbsent,
            (false, false) => Presence::Always,
        };
        let ident = field.ident.as_ref().unwrap().to_string();
        Key { name: rules.rename.unwrap_or(ident), kind, presence, doc: doc(&field.attrs) }
    });
    keys.collect()
}

fn kind(ty: &Type) -> Kind {
    let path = match ty {
        Type::Array(array) => return Kind::List(Box::new(kind(&array.elem))),
        Type::Path(path) => path,
        _ => return Kind::Named("another type of Rust".to_owned()),
    };
    let last = path.path.segments.last().unwrap();
    let within: Vec<Kind> = match &last.arguments {
        PathArguments::AngleBracketed(within) => within
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(kind(ty)),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    let boxed = |kind: &Kind| Box::new(kind.clone());
    match (last.ident.to_string().as_str(), within.as_slice()) {
        // A stretch of time is written with its unit: `30min`.
        ("String" | "str" | "Duration", _) => Kind::Text,
        ("bool", _) => Kind::Boolean,
        ("u8" | "u16" | "u32" | "u64" | "usize" | "i64", _) => Kind::Integer,
        ("f64", _) => Kind::Number,
        ("Box", [value]) => value.clone(),
        ("Option", [value]) => Kind::Optional(boxed(value)),
        ("Vec", [value]) => Kind::List(boxed(value)),
        ("BTreeMap", [key, value]) => Kind::Table(boxed(key), boxed(value)),
        ("Requested", [name, _, value]) => Kind::NamesOrTables(boxed(name), boxed(value)),
        (name, _) => Kind::Named(name.to_owned()),
    }
}
