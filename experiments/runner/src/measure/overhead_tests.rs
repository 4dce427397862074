//! What the definition of `overhead` says of the sources, held against them; and a machine without a checkout.

use super::*;
use serde::Deserialize;
use weighbridge_schema::method::Method;
use weighbridge_schema::parse::parse;

#[derive(Deserialize)]
struct Asked {
    method: Method,
}

/// The services of the definition, and the checkout that they are made in.
fn asked() -> (BTreeMap<Service, Making>, &'static Path) {
    let text = include_str!("../../../definitions/overhead.toml");
    let asked: Asked = parse("overhead.toml", text).unwrap();
    let Method::Overhead { services, .. } = asked.method else { panic!("another method") };
    (services, Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap())
}

#[test]
fn each_change_fits_one_place_of_a_handler_that_all_forms_share() {
    let (services, checkout) = asked();
    assert_eq!(Vec::from_iter(services.keys().copied()), Service::ALL);
    for (service, making) in &services {
        let text = std::fs::read_to_string(checkout.join(&making.handler)).unwrap();
        for change in [&making.edit, &making.panic] {
            let changed = change.of(&text).unwrap_or_else(|why| panic!("{service}: {why}"));
            assert_ne!(changed, text, "{service}");
        }
        let is_shared = making.shared.iter().any(|shared| making.handler.starts_with(shared));
        assert!(is_shared, "{service}: {} is not of all forms", making.handler);
    }
}

#[test]
fn every_source_that_is_counted_holds_code() {
    let (services, checkout) = asked();
    for (service, making) in &services {
        for source in [&making.shared, &making.native, &making.component].into_iter().flatten() {
            let count = counts::lines(checkout, std::slice::from_ref(source)).unwrap();
            assert!(count > 0, "{service}: {source}");
        }
    }
}

#[test]
fn without_recipes_the_file_that_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(recipe::FILE);
    let error = read(&file).unwrap_err();
    assert!(error.contains("recipes.json: ") && error.contains("nothing is counted"), "{error}");
    std::fs::write(&file, "{}").unwrap();
    let error = read(&file).unwrap_err();
    assert!(error.contains("missing field"), "{error}");
}
