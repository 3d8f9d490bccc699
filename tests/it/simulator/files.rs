//! What `rosterd simulate` leaves in its folder.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rosterd::simulator::switches::ScimAuth;
use rosterd::simulator::{FileOptions, FilesError, SourceKind, write_files};

use super::client::Peer;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("is there").permissions().mode() & 0o777
}

#[tokio::test]
async fn the_folder_is_private_and_complete() {
    let peer = Peer::sample().await;
    let scratch = tempfile::tempdir().expect("a folder");
    let dir = scratch.path().join("sim");
    let written = write_files(&dir, &peer.sim, FileOptions::default()).expect("writes");
    assert_eq!(mode(&dir), 0o700);
    for file in [&written.config, &written.private_key, &written.source_secret] {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    let text = std::fs::read_to_string(&written.config).expect("a configuration");
    let config: toml::Value = toml::from_str(&text).expect("TOML");
    assert_eq!(config["app_store_connect"]["base_url"].as_str(), Some(peer.sim.origin()));
    assert_eq!(config["source"]["scim"]["base_url"].as_str(), Some(peer.sim.scim_url().as_str()));
    assert_eq!(config["state_dir"].as_str().map(Path::new), Some(dir.join("state").as_path()));
    let key = std::fs::read_to_string(&written.private_key).expect("a key");
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    write_files(&dir, &peer.sim, FileOptions::default()).expect("our own files are replaced");
}

#[tokio::test]
async fn a_configuration_that_is_not_ours_is_left_alone() {
    let peer = Peer::sample().await;
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("config.toml");
    std::fs::write(&config, "name = \"production\"\n").expect("writes");
    let refused = write_files(dir.path(), &peer.sim, FileOptions::default());
    assert!(matches!(refused, Err(FilesError::InTheWay { .. })), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&config).expect("still there"), "name = \"production\"\n");
    assert!(!dir.path().join("AuthKey.p8").exists());
}

#[tokio::test]
async fn graph_has_its_own_names_for_things() {
    let peer = Peer::sample().await;
    let dir = tempfile::tempdir().expect("a folder");
    let written =
        write_files(dir.path(), &peer.sim, FileOptions { source: SourceKind::Graph }).expect("writes");
    let text = std::fs::read_to_string(&written.config).expect("a configuration");
    let config: toml::Value = toml::from_str(&text).expect("TOML");
    assert_eq!(config["source"]["graph"]["base_url"].as_str(), Some(peer.sim.graph_url().as_str()));
    assert_eq!(config["source"]["graph"]["authority_url"].as_str(), Some(peer.sim.origin()));
    assert_eq!(config["scope"]["filter"].as_str(), Some("employeeType eq \"Employee\""));
    let role = config["access"]["attributes"]["roles"].as_str().unwrap_or_default();
    assert!(role.starts_with("extension_") && role.ends_with("_appStoreConnect_role"), "{role}");
    assert!(written.source_secret.ends_with("graph-secret"));
    assert!(!text.contains('{'), "every place is filled in: {text}");
}

#[tokio::test]
async fn the_state_of_a_former_world_is_set_aside() {
    let dir = tempfile::tempdir().expect("a folder");
    let names = || {
        let entries = std::fs::read_dir(dir.path()).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.retain(|name| name.starts_with("state"));
        names.sort();
        names
    };
    let peer = Peer::sample().await;
    write_files(dir.path(), &peer.sim, FileOptions::default()).expect("writes");
    std::fs::create_dir(dir.path().join("state")).expect("makes");
    write_files(dir.path(), &peer.sim, FileOptions::default()).expect("writes");
    assert_eq!(names(), ["state"], "the same world goes on");
    let other = Peer::sample().await;
    write_files(dir.path(), &other.sim, FileOptions::default()).expect("writes");
    assert_eq!(names(), ["state.1"]);
}

#[tokio::test]
async fn the_configuration_follows_the_credentials_that_are_asked_for() {
    let peer = Peer::sample().await;
    for (auth, word, file) in
        [(ScimAuth::Basic, "basic", "scim-password"), (ScimAuth::Oauth2, "oauth2", "scim-secret")]
    {
        peer.sim.switch(|switches| switches.scim.auth = auth);
        let dir = tempfile::tempdir().expect("a folder");
        let written = write_files(dir.path(), &peer.sim, FileOptions::default()).expect("writes");
        let text = std::fs::read_to_string(&written.config).expect("a configuration");
        let config: toml::Value = toml::from_str(&text).expect("TOML");
        assert_eq!(config["source"]["scim"]["auth"].as_str(), Some(word));
        assert!(written.source_secret.ends_with(file));
    }
}
