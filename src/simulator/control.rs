//! The control API under `/_sim`: the same levers as in process, for black-box tests and curious people. It asks for no
//! credentials, for everything it can reach is made up.

use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::faults::{Misbehave, Rule};
use super::message::{Call, Reply};
use super::state::State;
use super::team::{Acceptance, Grant};

/// The levers, as `GET /_sim` lists them.
const HELP: &str = r#"GET    /_sim/state      members, invitations, mails, groups, requests, faults, switches
GET    /_sim/person?who=ada@example.com
POST   /_sim/people     {"op":"create","email":"…","given_name":"…","family_name":"…","groups":["iOS Developers"]}
                        {"op":"patch","who":"ada@example.com","active":false,"custom":{"appStoreConnect_role":"SALES"}}
                        {"op":"delete","who":"ada@example.com"}
POST   /_sim/groups     {"op":"join","group":"iOS Admins","who":"alan@example.com"}, leave, create (name, members), rename (group, name), delete (group)
POST   /_sim/accept     {"email":"karen@example.com","apple_account":"karen@example.org","names":["K.","Sparck Jones"]}
POST   /_sim/members    by hand: {"op":"patch","who":"alan@example.com","grant":{"roles":["SALES"],"all_apps":true,"provisioning":false,"apps":[]}},
                        add (username, first_name, last_name, grant), delete (who), invite (email, first_name, last_name, grant), cancel (email)
POST   /_sim/faults     {"peer":"asc","method":"POST","path":"/v1/userInvitations","nth":1,"count":1,"fault":{"kind":"drop_after"}}, or a list
                        kinds: drop_before drop_after status{status,when} too_many{retry_after} unauthorized slow{ms} answers_late{ms} truncated html{status}
                        missing_rows{rows} foreign_next says{status,body} hang{when} wrong_total{by} repeated_rows rewrites{at,value}
                        hides_row{id} unreachable
GET, DELETE /_sim/faults
POST   /_sim/misbehave  {"percent":5,"seed":1}, or null
POST   /_sim/clock      {"advance_seconds":259200}, {"skew_seconds":-300}
GET, POST /_sim/switches  {"app_store_connect":{"role":"read_only"},"scim":{"paging":"cursor"}}
"#;

/// What a lever came to: a value to show, or a status and why not.
type Outcome = Result<Value, (u16, String)>;

/// Answers a request under `/_sim`.
pub(super) fn answer(state: &mut State, call: &Call) -> Reply {
    let segments = call.segments("/_sim");
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    if path.is_empty() && call.method == "GET" {
        return Reply::text(200, "text/plain; charset=utf-8", HELP);
    }
    let outcome = match (call.method.as_str(), path.as_slice()) {
        ("GET", ["state"]) => Ok(shown(state)),
        ("GET", ["person"]) => person(state, call.parameter("who").unwrap_or_default()),
        ("GET", ["faults"]) => Ok(json!(state.faults.pending().collect::<Vec<_>>())),
        ("GET", ["switches"]) => Ok(json!(state.switches)),
        ("POST", ["faults"]) => read(call).map(|faults| queue(state, faults)),
        ("DELETE", ["faults"]) => {
            state.faults.clear();
            Ok(json!({}))
        }
        ("POST", ["misbehave"]) => read(call).map(|how: Option<Misbehave>| {
            state.faults.misbehave(how);
            json!({})
        }),
        ("POST", ["people"]) => read(call).and_then(|change| people(state, change)),
        ("POST", ["groups"]) => read(call).and_then(|change| groups(state, change)),
        ("POST", ["members"]) => read(call).and_then(|change| members(state, change)),
        ("POST", ["accept"]) => read(call).and_then(|accepted| accept(state, accepted)),
        ("POST", ["clock"]) => read(call).map(|turn| clock(state, &turn)),
        ("POST", ["switches"]) => read(call).and_then(|part| switch(state, part)),
        (_, _) => Err((404, "no such lever".into())),
    };
    match outcome {
        Ok(value) => Reply::json(200, value),
        Err((status, error)) => Reply::json(status, json!({"error": error})),
    }
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, (u16, String)> {
    serde_json::from_slice(&call.body).map_err(|error| (400, error.to_string()))
}

fn unknown(who: &str) -> (u16, String) {
    (404, format!("nobody and nothing is called {who}"))
}

fn shown(state: &State) -> Value {
    json!({
        "now": state.now(),
        "members": state.team.members.iter().collect::<Vec<_>>(),
        "invitations": state.team.invitations.iter().collect::<Vec<_>>(),
        "apps": state.team.apps.iter().collect::<Vec<_>>(),
        "mails": state.mails,
        "people": state.directory.people.len(),
        "groups": state.directory.groups.iter().collect::<Vec<_>>(),
        "requests_answered": state.answered,
        "requests": state.requests,
        "faults": state.faults.pending().collect::<Vec<_>>(),
        "switches": state.switches,
    })
}

/// A person with the groups they are directly in.
fn person(state: &State, who: &str) -> Outcome {
    let person = state.directory.person(who).ok_or_else(|| unknown(who))?;
    let groups: Vec<&str> = state
        .directory
        .groups
        .iter()
        .filter(|group| group.members.iter().any(|member| member.id() == &*person.id))
        .map(|group| &*group.name)
        .collect();
    Ok(json!({"person": person, "groups": groups}))
}

/// One fault or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum FaultList {
    Many(Vec<Rule>),
    One(Box<Rule>),
}

fn queue(state: &mut State, faults: FaultList) -> Value {
    match faults {
        FaultList::Many(rules) => rules.into_iter().for_each(|rule| state.faults.push(rule)),
        FaultList::One(rule) => state.faults.push(*rule),
    }
    json!({"pending": state.faults.pending().count()})
}

/// Attributes of a person by the name of their extension.
type Extra = std::collections::BTreeMap<Box<str>, Value>;

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum PeopleChange {
    Create {
        email: String,
        given_name: String,
        family_name: String,
        #[serde(default)]
        groups: Vec<String>,
    },
    Patch {
        who: String,
        active: Option<bool>,
        user_name: Option<Box<str>>,
        email: Option<Box<str>>,
        given_name: Option<Box<str>>,
        family_name: Option<Box<str>>,
        user_type: Option<Box<str>>,
        #[serde(default)]
        core: Extra,
        #[serde(default)]
        enterprise: Extra,
        #[serde(default)]
        custom: Extra,
    },
    Delete {
        who: String,
    },
}

fn people(state: &mut State, change: PeopleChange) -> Outcome {
    let directory = &mut state.directory;
    match change {
        PeopleChange::Create { email, given_name, family_name, groups } => {
            if directory.person(&email).is_some() {
                return Err((409, format!("{email} is there already")));
            }
            let id = directory.add_person(&email, &given_name, &family_name);
            for group in &groups {
                if !directory.join(group, &id) {
                    return Err(unknown(group));
                }
            }
            Ok(json!({"id": id}))
        }
        PeopleChange::Patch {
            who,
            active,
            user_name,
            email,
            given_name,
            family_name,
            user_type,
            core,
            enterprise,
            custom,
        } => {
            let person = directory.person_mut(&who).ok_or_else(|| unknown(&who))?;
            person.active = active.unwrap_or(person.active);
            person.email = email.or(person.email.take());
            let texts = [
                (&mut person.user_name, user_name),
                (&mut person.given_name, given_name),
                (&mut person.family_name, family_name),
                (&mut person.user_type, user_type),
            ];
            for (slot, text) in texts {
                *slot = text.unwrap_or_else(|| slot.clone());
            }
            merge(&mut person.core, core);
            merge(&mut person.enterprise, enterprise);
            merge(&mut person.custom, custom);
            Ok(json!(person))
        }
        PeopleChange::Delete { who } => {
            directory.remove_person(&who).map(|person| json!(person)).ok_or_else(|| unknown(&who))
        }
    }
}

/// Null takes an attribute away.
fn merge(into: &mut Extra, from: Extra) {
    for (name, value) in from {
        if value.is_null() {
            into.remove(&name);
        } else {
            into.insert(name, value);
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum GroupChange {
    Create {
        name: String,
        #[serde(default)]
        members: Vec<String>,
    },
    Rename {
        group: String,
        name: Box<str>,
    },
    Delete {
        group: String,
    },
    Join {
        group: String,
        who: String,
    },
    Leave {
        group: String,
        who: String,
    },
}

fn groups(state: &mut State, change: GroupChange) -> Outcome {
    let directory = &mut state.directory;
    match change {
        GroupChange::Create { name, members } => {
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            Ok(json!({"id": directory.add_group(&name, &members)}))
        }
        GroupChange::Rename { group, name } => {
            directory.group_mut(&group).ok_or_else(|| unknown(&group))?.name = name;
            Ok(json!({}))
        }
        GroupChange::Delete { group } => {
            directory.remove_group(&group).map(|group| json!(group)).ok_or_else(|| unknown(&group))
        }
        GroupChange::Join { group, who } if directory.join(&group, &who) => Ok(json!({})),
        GroupChange::Leave { group, who } if directory.leave(&group, &who) => Ok(json!({})),
        GroupChange::Join { who, .. } | GroupChange::Leave { who, .. } => Err(unknown(&who)),
    }
}

/// Changes somebody makes by hand on Apple's web pages, without the API.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum MemberChange {
    Add { username: String, first_name: String, last_name: String, grant: Grant },
    Patch { who: String, grant: Grant },
    Delete { who: String },
    Invite { email: String, first_name: String, last_name: String, grant: Grant },
    Cancel { email: String },
}

fn members(state: &mut State, change: MemberChange) -> Outcome {
    let expires = state.invitation_end();
    let team = &mut state.team;
    match change {
        MemberChange::Add { username, first_name, last_name, grant } => {
            Ok(json!({"id": team.add_member(&username, (&first_name, &last_name), grant)}))
        }
        MemberChange::Patch { who, grant } => {
            let member = team.member_mut(&who).ok_or_else(|| unknown(&who))?;
            member.grant = grant;
            Ok(json!(member))
        }
        MemberChange::Delete { who } => {
            team.remove_member(&who).map(|member| json!(member)).ok_or_else(|| unknown(&who))
        }
        MemberChange::Invite { email, first_name, last_name, grant } => {
            Ok(json!({"id": team.add_invitation(&email, (&first_name, &last_name), grant, expires)}))
        }
        MemberChange::Cancel { email } => {
            let id = team.invitation(&email).ok_or_else(|| unknown(&email))?.id.clone();
            Ok(json!(team.cancel(&id)))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    email: String,
    apple_account: Option<String>,
    names: Option<(String, String)>,
}

fn accept(state: &mut State, accepted: Accepted) -> Outcome {
    let now = state.now();
    let how = Acceptance { apple_account: accepted.apple_account, names: accepted.names };
    let id = state.team.accept(&accepted.email, how, now).map_err(|error| (409, error.to_string()))?;
    Ok(json!({"id": id}))
}

/// `advance_seconds` lets time pass (everything gets older); `skew_seconds` sets how far the services' clock is ahead.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    #[serde(default)]
    advance_seconds: i64,
    skew_seconds: Option<i64>,
}

fn clock(state: &mut State, turn: &Turn) -> Value {
    state.age(SignedDuration::from_secs(turn.advance_seconds));
    if let Some(seconds) = turn.skew_seconds {
        state.skew = SignedDuration::from_secs(seconds);
    }
    json!({"now": state.now()})
}

fn switch(state: &mut State, part: Value) -> Outcome {
    let mut all = json!(state.switches);
    overlay(&mut all, part);
    state.switches = serde_json::from_value(all).map_err(|error| (400, error.to_string()))?;
    Ok(json!(state.switches))
}

/// Objects are merged key by key; anything else replaces what was there.
fn overlay(base: &mut Value, part: Value) {
    match (base, part) {
        (Value::Object(base), Value::Object(part)) => {
            for (key, value) in part {
                overlay(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, part) => *base = part,
    }
}
