//! When our own credential ends, so that somebody hears of it before the roster stops moving.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::client::GraphClient;
use super::wire::{Application, PasswordCredential, literal, path};

/// The end of our client secret, where `Application.Read.All` lets us ask. The registration lists every secret by its
/// first three characters; of several that begin like ours, the first to end from now on is named.
pub(super) async fn of_secret(
    client: &GraphClient,
    client_id: &str,
    secret: &SecretString,
    now: Timestamp,
) -> Option<Timestamp> {
    let application = format!("applications(appId={})", literal(client_id));
    let url = client.url(&path(&[&application], &[("$select", "id,appId,passwordCredentials")])).ok()?;
    let application: Application = client.get(&url).await.ok()?.json().ok()?;
    earliest(&application.password_credentials, secret.expose_secret(), now)
}

fn earliest(credentials: &[PasswordCredential], secret: &str, now: Timestamp) -> Option<Timestamp> {
    let ours = |hint: &str| !hint.is_empty() && secret.starts_with(hint);
    let fit = credentials.iter().filter(|credential| credential.hint.as_deref().is_some_and(ours));
    fit.filter_map(|credential| credential.end_date_time).filter(|end| *end > now).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_in_use_is_found_by_its_first_characters() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let credential = |hint: &str, end: &str| PasswordCredential {
            hint: Some(hint.to_owned()),
            end_date_time: Some(at(end)),
        };
        let all = [
            credential("abc", "2026-01-01T00:00:00Z"),
            credential("abc", "2027-06-01T00:00:00Z"),
            credential("abc", "2027-03-01T00:00:00Z"),
            credential("xyz", "2026-12-01T00:00:00Z"),
            credential("", "2026-12-01T00:00:00Z"),
        ];
        let now = at("2026-11-22T10:00:00Z");
        assert_eq!(earliest(&all, "abcdef", now), Some(at("2027-03-01T00:00:00Z")));
        assert_eq!(earliest(&all, "nothing", now), None);
    }
}
