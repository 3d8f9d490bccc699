//! Reads people: all of them in pages, some of them by id.

use serde_json::Value;

use super::batch;
use super::client::GraphClient;
use super::failure::{Answer, Failure, Right};
use super::paging::walk;
use super::wire::{Wanted, id_of, path, person};
use crate::model::{Person, PersonId, Problem};
use crate::source::{Again, SourceError, one_line};

/// The largest page: 1000 is an error, not a clamp (Graph, "List users").
pub(super) const PAGE: &str = "999";

/// Everybody. A later page that fails is a problem; a first one an error.
pub(super) async fn list(
    client: &GraphClient,
    wanted: &Wanted,
) -> Result<(Vec<Person>, Vec<Problem>), SourceError> {
    let (mut people, mut problems) = (Vec::new(), Vec::new());
    let url = client.url(&path(&["users"], &[("$select", &wanted.select), ("$top", PAGE)]))?;
    let walked = walk(client, url, |object| match person(&object, wanted) {
        Some(person) => people.push(person),
        None => problems.push(Problem("a person without an id came from Microsoft Graph".to_owned())),
    });
    match walked.await {
        Ok(_) => Ok((people, problems)),
        Err(failure) if people.is_empty() || failure.is_total() => Err(explained(failure)),
        Err(failure) => {
            problems.push(failure.into_problem("people after the first page", Right::Users));
            Ok((people, problems))
        }
    }
}

/// A 400 to our own `$select` can only mean a name in it: all else in the request is fixed.
fn explained(failure: Failure) -> SourceError {
    let is_select = matches!(&failure, Failure::Answer(answer) if answer.status == 400);
    match failure.into_source(Right::Users) {
        SourceError::Protocol(text) if is_select => SourceError::Protocol(format!(
            "{text} (attribute names in scope.filter, access.rules and access.attributes must be properties of a Graph user, such as department or extension_<app id>_<name>)"
        )),
        error => error,
    }
}

/// These people by id, twenty to a request. One who cannot be read stands in nobody else's way.
pub(super) async fn by_id(
    client: &GraphClient,
    wanted: &Wanted,
    ids: &[PersonId],
) -> Result<Vec<(PersonId, Again)>, SourceError> {
    let path_of = |id: &PersonId| path(&["users", id.as_str()], &[("$select", &wanted.select)]);
    let paths: Vec<String> = ids.iter().map(path_of).collect();
    let answers = batch::read(client, &paths).await.map_err(|failure| failure.into_source(Right::Users))?;
    Ok(ids
        .iter()
        .cloned()
        .zip(answers)
        .map(|(id, answer)| (id.clone(), again(&id, answer, wanted)))
        .collect())
}

fn again(id: &PersonId, answer: Result<Value, Answer>, wanted: &Wanted) -> Again {
    let who = format!("person {}", one_line(id.as_str(), 80));
    match answer {
        Ok(Value::Object(object)) if id_of(&object) == Some(id.as_str()) => person(&object, wanted)
            .map_or_else(|| Again::Unread(Problem(format!("{who}: no id in the answer"))), Again::There),
        Ok(_) => Again::Unread(Problem(format!("{who}: the answer is about something else"))),
        Err(answer) if answer.is_not_found() => Again::Gone,
        Err(answer) => Again::Unread(Failure::from(answer).into_problem(&who, Right::Users)),
    }
}
