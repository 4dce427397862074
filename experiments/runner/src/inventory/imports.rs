//! What a component imports: all that it can ask its host for.

use anyhow::{Context, Result, ensure};
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType,
    ComponentTypeRef, Encoding, InstanceTypeDeclaration, Parser, Payload,
};

/// Functions that a component imports, by themselves or in the interfaces that it names.
///
/// # Errors
/// The bytes are no component.
pub fn functions_count(component: &[u8]) -> Result<u64> {
    // How many functions an instance of each type has, by the type's index.
    let mut types: Vec<u64> = Vec::new();
    let (mut depth, mut count) = (0_u32, 0_u64);
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            // What lies within has imports of its own, from what is around it.
            _ if depth > 0 => {}
            Payload::Version { encoding, .. } => {
                ensure!(matches!(encoding, Encoding::Component), "it is a module, no component");
            }
            Payload::ComponentTypeSection(section) => {
                for of_section in section {
                    types.push(functions_of(&of_section?));
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    types.extend(is_type(&alias?).then_some(0));
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let is_type = matches!(export?.kind, ComponentExternalKind::Type);
                    types.extend(is_type.then_some(0));
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    match import?.ty {
                        ComponentTypeRef::Func(_) => count += 1,
                        ComponentTypeRef::Type(_) => types.push(0),
                        ComponentTypeRef::Instance(index) => {
                            let of_type = types.get(index as usize);
                            count += *of_type.context("an import of a type that is not there")?;
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(count)
}

fn functions_of(of_section: &ComponentType<'_>) -> u64 {
    let ComponentType::Instance(declarations) = of_section else { return 0 };
    let is_function = |declaration: &&InstanceTypeDeclaration<'_>| {
        matches!(declaration, InstanceTypeDeclaration::Export { ty: ComponentTypeRef::Func(_), .. })
    };
    declarations.iter().filter(is_function).count() as u64
}

fn is_type(alias: &ComponentAlias<'_>) -> bool {
    matches!(
        alias,
        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. }
            | ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> Result<u64> {
        functions_count(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn functions_count_by_themselves_and_in_interfaces_and_types_do_not() {
        let text = r#"(component
            (import "wasi:io/error@0.2.0" (instance $errors
                (export "error" (type (sub resource)))
                (export "[method]error.to-debug-string" (func))))
            (alias export $errors "error" (type $error))
            (import "wasi:io/poll@0.2.0" (instance
                (export "poll" (func)) (export "block" (func))))
            (import "log" (func)))"#;
        assert_eq!(count(text).unwrap(), 4);
        assert_eq!(count("(component)").unwrap(), 0);
    }

    #[test]
    fn what_lies_within_and_what_is_no_component_do_not_count() {
        let text = r#"(component
            (core module (import "a" "b" (func)))
            (component (import "c" (func)))
            (import "d" (func)))"#;
        assert_eq!(count(text).unwrap(), 1);
        let error = count("(module (import \"a\" \"b\" (func)))").unwrap_err().to_string();
        assert_eq!(error, "it is a module, no component");
    }
}
