//! flake.lock against the inputs that flake.nix names. The lock was written by hand, so its form is checked too.

use serde_json::{Map, Value, json};

/// What is wrong with the lock, or nothing. `inputs` are those of flake.nix as plain data.
pub(crate) fn check_lock(lock: &Value, inputs: &Value) -> Result<(), String> {
    if lock["version"] != 7 || lock["root"] != "root" {
        return Err("flake.lock is not of version 7 with the root `root`".to_owned());
    }
    let nodes = lock["nodes"].as_object().ok_or("flake.lock has no nodes")?;
    let inputs = inputs.as_object().ok_or("flake.nix has no inputs")?;
    let named: Map<String, Value> = inputs.keys().map(|name| (name.clone(), json!(name))).collect();
    if nodes.get("root") != Some(&json!({ "inputs": named })) {
        return Err("the root's inputs are not those of flake.nix".to_owned());
    }
    if let Some(stray) = nodes.keys().find(|name| *name != "root" && !inputs.contains_key(*name)) {
        return Err(format!("the node {stray} belongs to no input"));
    }
    inputs.iter().try_for_each(|(name, input)| {
        let node = nodes.get(name).ok_or_else(|| format!("{name} is not locked"))?;
        check_node(node, input).map_err(|wrong| format!("{name}: {wrong}"))
    })
}

fn check_node(node: &Value, input: &Value) -> Result<(), String> {
    let url = input["url"].as_str().unwrap_or_default();
    let original = original_of(url).ok_or_else(|| format!("{url:?} is not a GitHub input"))?;
    if node["original"] != original {
        return Err(format!("locked from {}, but flake.nix says {url}", node["original"]));
    }
    if node.get("inputs").cloned() != follows_of(input) {
        return Err("its own inputs do not follow as flake.nix says".to_owned());
    }
    check_pin(&node["locked"], &original)
}

fn check_pin(locked: &Value, original: &Value) -> Result<(), String> {
    if ["type", "owner", "repo"].iter().any(|key| locked[key] != original[key]) {
        return Err("the pin is of another repository".to_owned());
    }
    let revision = locked["rev"].as_str().unwrap_or_default();
    if revision.len() != 40 || !revision.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("{revision:?} is not a commit"));
    }
    let hash = locked["narHash"].as_str().and_then(|hash| hash.strip_prefix("sha256-"));
    // 32 bytes in base 64: 43 digits and one sign of padding.
    if !hash.is_some_and(|digits| digits.len() == 44 && digits.ends_with('=')) {
        return Err("narHash is not an SRI SHA-256".to_owned());
    }
    match locked["lastModified"].as_u64() {
        Some(_) => Ok(()),
        None => Err("lastModified is not a number of seconds".to_owned()),
    }
}

/// `github:owner/repo[/ref]` as the lock writes it.
fn original_of(url: &str) -> Option<Value> {
    let mut parts = url.strip_prefix("github:")?.split('/');
    let mut original = json!({ "type": "github", "owner": parts.next()?, "repo": parts.next()? });
    if let Some(reference) = parts.next() {
        original["ref"] = json!(reference);
    }
    parts.next().is_none().then_some(original)
}

/// `inputs.x.follows = "a/b"` is written as the path `["a", "b"]`.
fn follows_of(input: &Value) -> Option<Value> {
    let own = input["inputs"].as_object()?;
    let paths = own.iter().map(|(name, own_input)| {
        let path: Vec<&str> =
            own_input["follows"].as_str().unwrap_or_default().split('/').collect();
        (name.clone(), json!(path))
    });
    Some(Value::Object(paths.collect()))
}
