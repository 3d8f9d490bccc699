//! One seat at a time, one request each.

use reqwest::{Method, Url};
use serde::Serialize;

use super::client::{AscClient, Call};
use super::{AscError, KeyStanding, Said, Sent, TeamWrite, Written, wire};
use crate::http::Reply;
use crate::model::access::AccessChange;
use crate::model::operation::Invitee;
use crate::model::{Access, InvitationId, MemberId, Roles};

impl TeamWrite for AscClient {
    fn key_standing(&self) -> KeyStanding {
        self.standing.get()
    }

    fn key_wrote(&self) {
        self.standing.writes();
    }

    async fn invite(&self, invitee: &Invitee, access: &Access) -> Result<Written<Sent>, AscError> {
        let endpoint = "POST /v1/userInvitations".to_owned();
        settable(access, Some(&access.roles), &endpoint)?;
        let body = wire::invitation_body(invitee, access);
        let url = self.url("/v1/userInvitations", &[]);
        let reply = self.write(Method::POST, url, Some(&body), &endpoint).await?;
        // The invitation is out. Without its id only the lists can tell which it is, as after a lost answer.
        let sent = wire::parse_sent(&reply.body).map_err(|error| misread(&reply, &endpoint, &error))?;
        Ok(Written { request_id: reply.request_id(), value: sent })
    }

    async fn cancel(&self, invitation: &InvitationId) -> Result<Written<()>, AscError> {
        let url = self.resource("/v1/userInvitations", invitation.as_str(), None)?;
        let endpoint = format!("DELETE {}", url.path());
        written(&self.write(Method::DELETE, url, None::<&()>, &endpoint).await?, &endpoint)
    }

    async fn update(
        &self,
        member: &MemberId,
        before: &Access,
        after: &Access,
    ) -> Result<Written<()>, AscError> {
        let url = self.resource("/v1/users", member.as_str(), None)?;
        let endpoint = format!("PATCH {}", url.path());
        let change = AccessChange::between(before, after);
        settable(after, change.roles.as_ref(), &endpoint)?;
        if change.is_empty() {
            return Err(unsendable("nothing differs", &endpoint));
        }
        let body = wire::update_body(member, &change);
        self.seat_apps.forget(self.resource("/v1/users", member.as_str(), Some("visibleApps"))?.path());
        written(&self.write(Method::PATCH, url, Some(&body), &endpoint).await?, &endpoint)
    }

    async fn remove(&self, member: &MemberId) -> Result<Written<()>, AscError> {
        let url = self.resource("/v1/users", member.as_str(), None)?;
        let endpoint = format!("DELETE {}", url.path());
        written(&self.write(Method::DELETE, url, None::<&()>, &endpoint).await?, &endpoint)
    }
}

impl AscClient {
    async fn write(
        &self,
        method: Method,
        url: Url,
        body: Option<&impl Serialize>,
        endpoint: &str,
    ) -> Result<Reply, AscError> {
        let body = body.map(serde_json::to_vec).transpose();
        let body = body.map_err(|error| AscError::NotSent { text: format!("{endpoint}: {error}").into() })?;
        self.call(&Call { method, url, body, endpoint: endpoint.to_owned(), scope: None }).await
    }
}

/// The last line before the wire: nobody is ever made Account Holder, and a role list is never empty. Apple refuses both,
/// in words that are not documented.
fn settable(access: &Access, roles: Option<&Roles>, endpoint: &str) -> Result<(), AscError> {
    let wrong = if access.is_account_holder() {
        "ACCOUNT_HOLDER cannot be given"
    } else if roles.is_some_and(Roles::is_empty) {
        "at least one role is needed"
    } else {
        return Ok(());
    };
    Err(unsendable(wrong, endpoint))
}

fn unsendable(why: &str, endpoint: &str) -> AscError {
    AscError::Invalid { codes: Vec::new(), text: format!("{endpoint}: not sent, {why}").into() }
}

/// Success is an empty body or JSON. A page of HTML with a 200 is a proxy or a portal that speaks in Apple's place: taken
/// for the truth, it would make us forget a leaver whose seat is still there.
fn written(reply: &Reply, endpoint: &str) -> Result<Written<()>, AscError> {
    wire::parse_done(&reply.body).map_err(|error| misread(reply, endpoint, &error))?;
    Ok(Written { value: (), request_id: reply.request_id() })
}

fn misread(reply: &Reply, endpoint: &str, error: &wire::WireError) -> AscError {
    let text = format!("{endpoint}: answered with {error}");
    AscError::Unknown { text: Said::of_request(text, reply.request_id()) }
}

#[cfg(test)]
mod tests;
