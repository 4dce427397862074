//! The placeholders: how each is written, what it stands for, and the keys under which it may stand.

use crate::model::{Shape, Sources, files};
use crate::page::wrap;
use std::collections::BTreeMap;
use syn::{Expr, ExprCall, ImplItem, Item, Lit, Type};

/// A key whose words may hold placeholders.
struct Place {
    key: String,
    takes: Vec<String>,
    is_name: bool,
}

/// One bullet for each placeholder.
pub fn list(sources: &Sources) -> String {
    let (Shape::Variants(forms), Shape::Variants(pieces)) =
        (&sources.get("Kind").shape, &sources.get("Piece").shape)
    else {
        panic!("`Kind` and `Piece` are enums");
    };
    let places = places();
    assert!(places.len() > 10, "the search has lost its way: {} keys", places.len());
    let mut written = String::new();
    for form in forms {
        let meaning = pieces.iter().find(|piece| piece.ident == form.ident).unwrap();
        let keys: Vec<String> = places
            .iter()
            .filter(|place| place.takes.contains(&form.ident))
            .map(|place| format!("`{}`{}", place.key, if place.is_name { " (alone)" } else { "" }))
            .collect();
        let text = format!("`{}`: {} Under {}.", form.name, meaning.doc, keys.join(", "));
        written += &wrap("* ", &text);
    }
    written
}

/// The constants of `Place`: `word("key", KINDS)` and `name("key", KINDS)`.
fn places() -> Vec<Place> {
    let texts = files(&crate::sources_folder());
    let items: Vec<Item> = texts
        .iter()
        .flat_map(|path| syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap().items)
        .collect();
    let lists: BTreeMap<String, Vec<String>> = items
        .iter()
        .filter_map(|item| match item {
            Item::Const(item) => Some((item.ident.to_string(), names(&item.expr)?)),
            _ => None,
        })
        .collect();
    let impls = items.iter().filter_map(|item| match item {
        Item::Impl(item) => Some(item),
        _ => None,
    });
    let of_place = impls.filter(|item| last(&item.self_ty).as_deref() == Some("Place"));
    let constants = of_place.flat_map(|item| &item.items).filter_map(|item| match item {
        ImplItem::Const(constant) => Some(&constant.expr),
        _ => None,
    });
    let mut all: Vec<Place> =
        constants.filter_map(|expression| place(expression, &lists)).collect();
    // Those of `start` are read first, whichever file they stand in.
    all.sort_by_key(|place| !place.key.starts_with("start."));
    all
}

fn place(expression: &Expr, lists: &BTreeMap<String, Vec<String>>) -> Option<Place> {
    let Expr::Call(ExprCall { func, args, .. }) = expression else { return None };
    let Some(Expr::Lit(key)) = args.first() else { return None };
    let Lit::Str(key) = &key.lit else { return None };
    let takes = args.last()?;
    let takes = names(takes).or_else(|| lists.get(&path(takes)?).cloned())?;
    Some(Place { key: key.value(), takes, is_name: path(func)? == "name" })
}

/// The last words of the paths in `&[A, B]`.
fn names(expression: &Expr) -> Option<Vec<String>> {
    let Expr::Reference(reference) = expression else { return None };
    let Expr::Array(array) = reference.expr.as_ref() else { return None };
    array.elems.iter().map(path).collect()
}

fn path(expression: &Expr) -> Option<String> {
    let Expr::Path(path) = expression else { return None };
    path.path.segments.last().map(|segment| segment.ident.to_string())
}

fn last(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    path.path.segments.last().map(|segment| segment.ident.to_string())
}
