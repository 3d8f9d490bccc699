//! Who is assigned to our enterprise application, with the roles it declares.

use std::collections::BTreeMap;

use serde_json::Value;

use super::batch;
use super::client::GraphClient;
use super::failure::{Answer, Failure, Right};
use super::paging::walk;
use super::people::PAGE;
use super::wire::{Object, Page, RoleAssignment, ServicePrincipal, literal, path};
use crate::model::{Assignment, GroupId, PersonId, Principal, Problem};
use crate::source::SourceError;

/// Everybody and every group assigned to the application, in order. Both questions go in one request, since change
/// feeds know nothing of assignments and each cycle asks.
pub(super) async fn read(
    client: &GraphClient,
    client_id: &str,
) -> Result<(Vec<Assignment>, Vec<Problem>), SourceError> {
    let application = format!("servicePrincipals(appId={})", literal(client_id));
    let paths = [
        path(&[&application], &[("$select", "id,appRoles")]),
        path(&[&application, "appRoleAssignedTo"], &[("$top", PAGE)]),
    ];
    let refused = |failure: Failure| failure.into_source(Right::Application);
    let answers = batch::read(client, &paths).await.map_err(refused)?;
    let [roles, assigned] = <[Result<Value, Answer>; 2]>::try_from(answers)
        .map_err(|_| SourceError::Protocol("a batch of two came back with another number".to_owned()))?;
    let roles = named_roles(roles.map_err(|answer| missing_or(answer, client_id))?)?;
    let page: Page = parsed(assigned.map_err(|answer| missing_or(answer, client_id))?)?;
    let (mut objects, mut problems) = (page.value, Vec::new());
    if let Some(next) = page.next
        && let Err(failure) = walk(client, client.link(&next)?, |object| objects.push(object)).await
    {
        problems.push(failure.into_problem("assignments after the first page", Right::Application));
    }
    let mut assignments = assignments(objects, &roles)?;
    assignments.sort();
    assignments.dedup();
    Ok((assignments, problems))
}

/// Ids of roles with their values. The id of default access is all zeros and belongs to no role.
fn named_roles(body: Value) -> Result<BTreeMap<String, String>, SourceError> {
    let application: ServicePrincipal = parsed(body)?;
    let named = application.app_roles.into_iter().filter_map(|role| Some((role.id, role.value?)));
    Ok(named.filter(|(_, value)| !value.is_empty()).collect())
}

fn assignments(
    objects: Vec<Object>,
    roles: &BTreeMap<String, String>,
) -> Result<Vec<Assignment>, SourceError> {
    let mut assignments = Vec::with_capacity(objects.len());
    for object in objects {
        let assigned: RoleAssignment = parsed(Value::Object(object))?;
        let principal = match assigned.principal_type.as_str() {
            "User" => Principal::Person(PersonId::from(assigned.principal_id)),
            "Group" => Principal::Group(GroupId::from(assigned.principal_id)),
            // Service principals sit on no team.
            _ => continue,
        };
        let role = assigned.app_role_id.and_then(|id| roles.get(&id)).map(|value| value.as_str().into());
        assignments.push(Assignment { principal, role });
    }
    Ok(assignments)
}

fn parsed<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, SourceError> {
    serde_json::from_value(body)
        .map_err(|error| SourceError::Protocol(format!("unusable answer about assignments: {error}")))
}

fn missing_or(answer: Answer, client_id: &str) -> SourceError {
    if answer.is_not_found() {
        return SourceError::Refused {
            what: format!("the tenant has no enterprise application for client_id {client_id}"),
            cure: "make one in Entra (Enterprise applications) for the app registration; registering in the portal does so by itself",
        };
    }
    Failure::from(answer).into_source(Right::Application)
}
