//! `simulate`: a team and an identity provider on loopback, and a configuration for them.

use super::args::{Idp, SimulateArgs};
use super::out::{self, Failure};
use crate::simulator::{self, FileOptions, Port, Simulator, SourceKind, World};

pub(super) async fn run(args: &SimulateArgs) -> Result<u8, Failure> {
    let options = simulator::Options { port: Port::Preferred(args.port), ..simulator::Options::default() };
    let running = Simulator::start(World::sample(), options)
        .await
        .map_err(|error| Failure::new(1, error.to_string()).hint("pass another --port"))?;
    let source = match args.idp {
        Idp::Scim => SourceKind::Scim,
        Idp::Graph => SourceKind::Graph,
    };
    let written = simulator::write_files(&args.dir, &running, FileOptions { source })
        .map_err(|error| Failure::new(1, format!("{error}")).hint("name a folder of its own with --dir"))?;
    let config = written.config.display();
    out::result(&format!(
        "a simulated team and identity provider listen on {}\n\
         try:   rosterd -c {config} plan\n\
         then:  rosterd -c {config} apply --yes\n\
         look:  curl {}/state\n\
         stop with Ctrl-C\n",
        running.origin(),
        running.control_url(),
    ));
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|error| Failure::new(1, format!("signals cannot be handled: {error}")))?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    running.stop().await;
    Ok(0)
}
