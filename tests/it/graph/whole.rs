//! The real binary against the simulated tenant and team.

use rosterd::simulator::{FileOptions, Options, Simulator, SourceKind, World, write_files};

async fn rosterd(config: &std::path::Path, args: &[&str]) -> (i32, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rosterd"));
    command.arg("-c").arg(config).args(args).env_remove("ROSTERD_CONFIG");
    let run = tokio::task::spawn_blocking(move || command.output().expect("it starts"));
    let output = run.await.expect("it ends");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().expect("an exit code"), text)
}

fn operations(plan: &str) -> Vec<String> {
    let json = plan.find('{').map(|at| &plan[at..]).unwrap_or_default();
    let value = serde_json::Deserializer::from_str(json).into_iter::<serde_json::Value>().next();
    let value = value.and_then(Result::ok).unwrap_or_else(|| panic!("no plan: {plan}"));
    let operations = value["operations"].as_array().expect("operations").clone();
    operations.iter().map(|own| format!("{} {}", own["kind"], own["person"]["email"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn graph_and_scim_lead_to_the_same_first_plan() {
    let mut plans = Vec::new();
    for source in [SourceKind::Scim, SourceKind::Graph] {
        let sim = Simulator::start(World::sample(), Options::default()).await.expect("loopback");
        let dir = tempfile::tempdir().expect("a folder");
        let written = write_files(dir.path(), &sim, FileOptions { source }).expect("writes");
        let (code, plan) = rosterd(&written.config, &["plan", "--output", "json"]).await;
        assert_eq!(code, 0, "{plan}");
        plans.push(operations(&plan));
        if source == SourceKind::Graph {
            let (code, text) = rosterd(&written.config, &["apply", "--yes"]).await;
            assert!(matches!(code, 0 | 3), "{code}: {text}");
            let (_, plan) = rosterd(&written.config, &["plan", "--output", "json"]).await;
            assert_eq!(operations(&plan), Vec::<String>::new(), "it settles");
        }
    }
    assert!(plans[0].len() > 5, "{plans:#?}");
    assert_eq!(plans[0], plans[1]);
}
