//! Tests of what an engine says of itself.

use super::*;

fn printed(version: &str, components: &[(&str, &str)]) -> SystemVersion {
    let component = |&(name, version): &(&str, &str)| SystemVersionComponents {
        name: name.to_owned(),
        version: version.to_owned(),
        details: None,
    };
    SystemVersion {
        version: Some(version.to_owned()),
        components: Some(components.iter().map(component).collect()),
        ..SystemVersion::default()
    }
}

#[test]
fn docker_and_podman_say_in_their_own_words_what_they_are() {
    let docker = printed(
        "20.10.24+dfsg1",
        &[("Engine", "20.10.24+dfsg1"), ("containerd", "1.6.20~ds1"), ("runc", "1.1.5+ds1")],
    );
    assert_eq!(kind(&docker), ContainerEngine::Docker);
    assert_eq!(
        describe_version(&docker, &parts(&docker)),
        "docker 20.10.24+dfsg1 (containerd 1.6.20, runc 1.1.5+ds1)"
    );
    let podman = printed(
        "4.3.1",
        &[
            ("Podman Engine", "4.3.1"),
            ("Conmon", "conmon version 2.1.6, commit: unknown"),
            ("OCI Runtime (/usr/bin/crun)", "crun version 1.8.1\ncommit: f8a096be\nspec: 1.0.0"),
        ],
    );
    assert_eq!(kind(&podman), ContainerEngine::Podman);
    assert_eq!(
        describe_version(&podman, &parts(&podman)),
        "podman 4.3.1 (conmon 2.1.6, crun 1.8.1)"
    );
    assert_eq!(describe_version(&printed("9.9", &[]), &[]), "docker 9.9");
}
