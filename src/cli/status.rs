//! `status`: how things are, from the daemon or from the state it left.

use super::out::{self, Failure};
use super::session::{self, Options, Session};
use crate::control::protocol::{Answer, Request};

pub(super) async fn run(options: &Options, json: bool) -> Result<u8, Failure> {
    let mut session = Session::load(options)?;
    let status = match session.ask(Request::Status).await? {
        Answer::Status { status } => status,
        other => return Err(session::unexpected(&other)),
    };
    if json {
        out::json(&status)?;
    } else {
        out::result(&super::render::status_text(&status, options.width, options.color_out));
    }
    Ok(0)
}
