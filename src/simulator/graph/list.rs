//! Lists, cut into pages whose links are marks: whoever is deleted meanwhile hides nobody else.

use serde_json::{Value, json};

use super::state::Assigned;
use super::switches::EmptyPages;
use super::{error, next_link, principal_id, render, role_id, wrapped};
use crate::simulator::directory::Belongs;
use crate::simulator::message::{Call, Reply, encode};
use crate::simulator::state::State;

/// GET /users.
pub(super) fn users(state: &mut State, call: &Call) -> Result<Reply, Reply> {
    let cut = Cut::of(state, call)?;
    let people = state.directory.people.after(cut.after).take(cut.rows + 1);
    let select = call.parameter("$select");
    let rows: Result<Vec<(u64, Value)>, Reply> =
        people.map(|(mark, person)| Ok((mark, Value::Object(render::person(person, select)?)))).collect();
    Ok(cut.page(state, call, "users", rows?))
}

/// GET /groups, with the filters that a client needs to find a group by its name.
pub(super) fn groups(state: &mut State, call: &Call) -> Result<Reply, Reply> {
    let cut = Cut::of(state, call)?;
    let fits = name_filter(call.parameter("$filter"))?;
    let select = call.parameter("$select");
    let fit = state.directory.groups.after(cut.after).filter(|(_, group)| fits(&group.name));
    let rows = fit.take(cut.rows + 1);
    let rows = rows.map(|(mark, group)| (mark, Value::Object(render::group(state, group, select)))).collect();
    Ok(cut.page(state, call, "groups", rows))
}

/// `displayName eq 'x'` and `startswith(displayName,'x')`; Entra compares without case.
fn name_filter(filter: Option<&str>) -> Result<impl Fn(&str) -> bool + use<>, Reply> {
    let unsupported =
        || error(400, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause.");
    let literal = |text: &str| {
        let inner = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        Some(inner.replace("''", "'").to_lowercase())
    };
    let (exact, start) = match filter.map(str::trim) {
        None => (None, None),
        Some(filter) => {
            match (filter.strip_prefix("displayName eq "), filter.strip_prefix("startswith(displayName,")) {
                (Some(text), _) => (Some(literal(text).ok_or_else(unsupported)?), None),
                (None, Some(text)) => {
                    (None, Some(text.strip_suffix(')').and_then(literal).ok_or_else(unsupported)?))
                }
                (None, None) => return Err(unsupported()),
            }
        }
    };
    Ok(move |name: &str| {
        let name = name.to_lowercase();
        exact.as_ref().is_none_or(|exact| *exact == name)
            && start.as_ref().is_none_or(|start| name.starts_with(start))
    })
}

/// Members of a group: their kind and id, and of the rest what the caller may see.
pub(super) fn members(state: &mut State, call: &Call, members: &[Belongs]) -> Result<Reply, Reply> {
    let cut = Cut::of(state, call)?;
    let rows = (1_u64..).zip(members).filter(|(mark, _)| *mark > cut.after).take(cut.rows + 1);
    let rows =
        rows.map(|(mark, member)| (mark, self::member(state, member, call.parameter("$select")))).collect();
    Ok(cut.page(state, call, "directoryObjects", rows))
}

fn member(state: &State, member: &Belongs, select: Option<&str>) -> Value {
    let is_id_only = select == Some("id");
    let (kind, mut shown) = match member {
        Belongs::Person(_) if is_id_only => ("user", Default::default()),
        Belongs::Person(id) => {
            let person =
                state.directory.people.get(id).and_then(|person| render::person(person, select).ok());
            let mut shown = person.unwrap_or_default();
            if !state.switches.graph.rights.contains("User.Read.All") {
                shown.values_mut().for_each(|value| *value = Value::Null);
            }
            ("user", shown)
        }
        Belongs::Group(id) => {
            let group = state.directory.groups.get(id).map(|group| render::group(state, group, select));
            ("group", group.unwrap_or_default())
        }
    };
    shown.insert("@odata.type".into(), json!(format!("#microsoft.graph.{kind}")));
    shown.insert("id".into(), json!(member.id()));
    Value::Object(shown)
}

/// GET /servicePrincipals(…)/appRoleAssignedTo.
pub(super) fn assignments(state: &mut State, call: &Call) -> Result<Reply, Reply> {
    let cut = Cut::of(state, call)?;
    let rows =
        (1_u64..).zip(&state.graph.assignments).filter(|(mark, _)| *mark > cut.after).take(cut.rows + 1);
    let rows = rows.map(|(mark, assigned)| (mark, assignment(state, mark, assigned))).collect();
    Ok(cut.page(state, call, "appRoleAssignments", rows))
}

fn assignment(state: &State, mark: u64, assigned: &Assigned) -> Value {
    let person =
        state.directory.people.get(&assigned.principal).map(|person| ("User", person.display_name()));
    let group =
        || state.directory.groups.get(&assigned.principal).map(|group| ("Group", group.name.to_string()));
    let (kind, name) = person.or_else(group).unwrap_or(("ServicePrincipal", "somebody else".to_owned()));
    let role = assigned.role.as_deref().map_or_else(|| uuid::Uuid::nil().to_string(), role_id);
    json!({
        "id": format!("a{mark}"), "deletedDateTime": null, "appRoleId": role,
        "createdDateTime": "2026-01-02T03:04:05.6789012Z", "principalDisplayName": name,
        "principalId": assigned.principal, "principalType": kind, "resourceDisplayName": "rosterd",
        "resourceId": principal_id(),
    })
}

/// Which rows a request is for.
struct Cut {
    after: u64,
    rows: usize,
    /// This request gets an empty page that leads to the real one.
    is_empty: bool,
}

impl Cut {
    fn of(state: &State, call: &Call) -> Result<Self, Reply> {
        let bad = |message: &str| error(400, "Request_BadRequest", message);
        let rows = match call.parameter("$top") {
            None => state.switches.graph.page_size,
            Some(top) => match top.parse() {
                Ok(rows @ 1..=999) => rows,
                Ok(_) | Err(_) => {
                    return Err(bad("Invalid page size specified. Must be between 1 and 999 inclusive."));
                }
            },
        };
        let token = call.parameter("$skiptoken").unwrap_or_default();
        let is_filled = token.starts_with('f');
        let after = token.trim_start_matches('f');
        let after =
            if after.is_empty() { 0 } else { after.parse().map_err(|_| bad("Invalid skip token."))? };
        let is_empty = state.switches.graph.empty_pages == EmptyPages::BeforeEach && !is_filled;
        Ok(Self { after, rows, is_empty })
    }

    /// A page of one row more than fits: that there is one more is why there is a link.
    fn page(&self, state: &mut State, call: &Call, context: &str, mut rows: Vec<(u64, Value)>) -> Reply {
        let mut next = (rows.len() > self.rows).then(|| rows[self.rows - 1].0.to_string());
        rows.truncate(self.rows);
        if self.is_empty {
            rows.clear();
            next = Some(format!("f{}", self.after));
        }
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        let mut page = wrapped(state, context, rows);
        if let Some(token) = next {
            let link = format!("{}?{}$skiptoken={token}", call.path, others(call));
            page.insert("@odata.nextLink".into(), json!(next_link(state, &link)));
        }
        Reply::json(200, Value::Object(page))
    }
}

/// The query without its place in the list.
fn others(call: &Call) -> String {
    let kept = call.query.iter().filter(|(name, _)| name != "$skiptoken");
    kept.map(|(name, value)| format!("{name}={}&", encode(value))).collect()
}
