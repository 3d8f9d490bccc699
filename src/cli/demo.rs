//! `demo`: the whole story, told by the real engine over real HTTP against the simulator; nothing is left behind.

use std::path::{Path, PathBuf};

use super::args::PlanOutput;
use super::out::{self, Failure};
use super::session::Options;
use crate::config::Config;
use crate::control::protocol::{Answer, Request};
use crate::engine::commands::Caller;
use crate::engine::wire::{self, Opened, Use};
use crate::model::Plan;
use crate::simulator::{self, FileOptions, Running, Simulator, World};

/// Removed with everything in it, however the story ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing can be done about a leftover in the temporary folder, and it holds no secret of anyone.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) async fn run(options: &Options) -> Result<u8, Failure> {
    let folder = Folder(std::env::temp_dir().join(format!("rosterd-demo-{}", uuid::Uuid::now_v7())));
    let story = async {
        let running = Simulator::start(World::sample(), simulator::Options::default()).await;
        let running = running.map_err(|error| Failure::new(1, error.to_string()))?;
        tell(options, &folder.0, &running).await?;
        running.stop().await;
        Ok::<_, Failure>(())
    };
    tokio::select! {
        told = story => told.map(|()| 0),
        _ = tokio::signal::ctrl_c() => Ok(130),
    }
}

async fn tell(options: &Options, folder: &Path, running: &Running) -> Result<(), Failure> {
    let written = simulator::write_files(folder, running, FileOptions::default());
    let written = written.map_err(|error| Failure::new(1, error.to_string()))?;
    let config = Config::load(&written.config, std::iter::empty())
        .map_err(|problems| Failure::new(78, problems.to_string()))?;
    let opened = wire::open(&config, Use::Write, Box::new(|_| {}))?;
    let stage = Stage { options, opened };

    say(
        "1. The dry run",
        "A simulated team and a simulated identity provider are up on this machine. What would rosterd do?",
    );
    let plan = stage.plan().await?;
    say("2. Apply", "The very plan that was shown is applied, each write recorded before it is sent.");
    stage.apply(&plan).await?;
    let mails = running.with_state(|state| state.mails.len());
    out::result(&format!("App Store Connect sent {mails} e-mails.\n"));
    say("3. Plan again", "Both sides rest, so there is nothing left to do.");
    stage.plan().await?;

    say(
        "4. A leaver",
        "Alan Turing is disabled in the identity provider. He is read again by id just before his seat goes.",
    );
    running.with_state(|state| disable(state, "alan"));
    let plan = stage.plan().await?;
    stage.apply(&plan).await?;

    say(
        "5. A mistake",
        "Somebody disables half of the developers at once. Removals are held; nothing happens without a second look.",
    );
    running.with_state(|state| {
        for local in ["edsger", "kathleen", "emmy", "dorothy", "annie", "hedy", "karen", "tom"] {
            disable(state, local);
        }
    });
    let plan = stage.plan().await?;
    stage.apply(&plan).await?;
    out::result("\nNobody lost a seat. `rosterd approve DIGEST` would release exactly this set, once.\n");
    out::result("Next: `rosterd simulate --dir sim` to play on, or the README for your own team.\n");
    Ok(())
}

fn disable(state: &mut simulator::State, local: &str) {
    if let Some(person) = state.directory.person_mut(&format!("{local}@example.com")) {
        person.active = false;
    }
}

fn say(title: &str, text: &str) {
    out::result(&format!("\n── {title} ──\n{text}\n\n"));
}

struct Stage<'a> {
    options: &'a Options,
    opened: Opened,
}

impl Stage<'_> {
    async fn ask(&self, request: Request) -> Result<Answer, Failure> {
        let caller = Caller::user(crate::state::process::effective_user());
        match self.opened.team.core.serve(request, &caller).await {
            Answer::Refused(refusal) => Err(refusal.into()),
            answer => Ok(answer),
        }
    }

    async fn plan(&self) -> Result<Plan, Failure> {
        match self.ask(Request::Plan).await? {
            Answer::Plan { plan, apps } => {
                out::result(&self.options.render(&plan, &apps, PlanOutput::Text));
                Ok(*plan)
            }
            other => Err(super::session::unexpected(&other)),
        }
    }

    async fn apply(&self, plan: &Plan) -> Result<(), Failure> {
        match self.ask(Request::Apply { digest: plan.digest.clone() }).await? {
            Answer::Applied { report, .. } => {
                out::result(&format!(
                    "applied {} of {} operations\n",
                    report.done.applied,
                    plan.operations.len()
                ));
                Ok(())
            }
            other => Err(super::session::unexpected(&other)),
        }
    }
}
