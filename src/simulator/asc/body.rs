//! Request bodies: what is missing or of the wrong type is collected, for Apple reports several problems at once.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::errors::{Problem, Refused, entity};
use crate::simulator::message::Call;
use crate::simulator::team::ROLES;

/// The body's `data`, whatever it is.
pub(super) fn data(call: &Call) -> Result<Value, Refused> {
    let kind = call.header("content-type").unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Problem::new(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "The request entity is of an unsupported type",
            format!("The content type '{kind}' is not supported; use 'application/json'"),
        )
        .into());
    }
    let body: Value =
        serde_json::from_slice(&call.body).map_err(|_| unprocessable("it is not valid JSON"))?;
    match body {
        Value::Object(mut object) => {
            object.remove("data").ok_or_else(|| unprocessable("it has no top-level 'data'"))
        }
        _ => Err(unprocessable("it is not an object")),
    }
}

fn unprocessable(why: &str) -> Refused {
    Problem::new(
        422,
        "ENTITY_UNPROCESSABLE",
        "The request entity is not a valid request document object",
        format!("The request entity cannot be used: {why}"),
    )
    .into()
}

/// A resource in a request.
pub(super) struct Resource {
    attributes: Map<String, Value>,
    relationships: Map<String, Value>,
    /// What is wrong with it so far.
    pub(super) problems: Vec<Problem>,
}

impl Resource {
    /// Takes `data` apart. `id`: the one the path names, which the body must repeat.
    pub(super) fn new(data: Value, kind: &str, id: Option<&str>) -> Result<Self, Refused> {
        let Value::Object(mut data) = data else { return Err(unprocessable("'data' is not an object")) };
        let mut problems = Vec::new();
        if data.get("type").and_then(Value::as_str) != Some(kind) {
            let detail = format!("The resource type must be '{kind}'");
            problems.push(entity("ENTITY_ERROR.TYPE.INVALID", detail, "/data/type"));
        }
        if id.is_some() && data.get("id").and_then(Value::as_str) != id {
            let detail = "The id must be present and the same as in the path";
            problems.push(entity("ENTITY_ERROR.ID.INVALID", detail, "/data/id"));
        }
        let mut part = |name| match data.remove(name) {
            Some(Value::Object(object)) => object,
            Some(_) | None => Map::new(),
        };
        Ok(Self { attributes: part("attributes"), relationships: part("relationships"), problems })
    }

    /// Refuses attributes and relationships that the request may not carry.
    pub(super) fn allow(&mut self, attributes: &[&str]) {
        for name in self.attributes.keys().filter(|name| !attributes.contains(&name.as_str())) {
            let detail = format!("The attribute '{name}' can not be included in this request");
            let pointer = format!("/data/attributes/{name}");
            self.problems.push(entity("ENTITY_ERROR.ATTRIBUTE.NOT_ALLOWED", detail, &pointer));
        }
        for name in self.relationships.keys().filter(|name| *name != "visibleApps") {
            let detail = format!("The relationship '{name}' can not be included in this request");
            let pointer = format!("/data/relationships/{name}");
            self.problems.push(entity("ENTITY_ERROR.RELATIONSHIP.NOT_ALLOWED", detail, &pointer));
        }
    }

    /// A text that must be there and not be blank.
    pub(super) fn required_text(&mut self, name: &str) -> String {
        match self.attributes.get(name) {
            Some(Value::String(text)) if !text.trim().is_empty() => text.clone(),
            Some(Value::String(_) | Value::Null) | None => self.missing(name),
            Some(_) => self.wrong_type(name, "a string"),
        }
    }

    /// A flag that may be absent or null, which is the same.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.attributes.get(name) {
            Some(Value::Bool(flag)) => Some(*flag),
            Some(Value::Null) | None => None,
            Some(_) => {
                self.wrong_type(name, "a boolean");
                None
            }
        }
    }

    /// The roles, absent or null being the same; every one of Apple's list.
    pub(super) fn roles(&mut self) -> Option<BTreeSet<String>> {
        let list = match self.attributes.get("roles") {
            Some(Value::Array(list)) => list.clone(),
            Some(Value::Null) | None => return None,
            Some(_) => {
                self.wrong_type("roles", "an array");
                return None;
            }
        };
        let mut roles = BTreeSet::new();
        for (at, role) in list.iter().enumerate() {
            match role.as_str() {
                Some(role) if ROLES.contains(&role) => {
                    roles.insert(role.to_owned());
                }
                Some(_) | None => {
                    let detail = format!("{role} is not a valid value for the attribute 'roles'");
                    let pointer = format!("/data/attributes/roles/{at}");
                    self.problems.push(entity("ENTITY_ERROR.ATTRIBUTE.TYPE", detail, &pointer));
                }
            }
        }
        if list.is_empty() {
            let detail = "At least one role is needed";
            self.problems.push(entity("ENTITY_ERROR.ATTRIBUTE.INVALID", detail, "/data/attributes/roles"));
        }
        Some(roles)
    }

    /// App ids of the relationship; `None` when it is left out, which means "unchanged".
    pub(super) fn apps(&mut self) -> Option<Vec<String>> {
        let data = self.relationships.get("visibleApps")?.get("data").cloned().unwrap_or(Value::Null);
        match linkages(&data) {
            Ok(ids) => Some(ids),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// A required attribute that is not there.
    pub(super) fn missing(&mut self, name: &str) -> String {
        let detail = format!("You must provide a value for the attribute '{name}' with this request");
        let pointer = format!("/data/attributes/{name}");
        self.problems.push(entity("ENTITY_ERROR.ATTRIBUTE.REQUIRED", detail, &pointer));
        String::new()
    }

    fn wrong_type(&mut self, name: &str, wanted: &str) -> String {
        let detail = format!("The attribute '{name}' must be {wanted}");
        let pointer = format!("/data/attributes/{name}");
        self.problems.push(entity("ENTITY_ERROR.ATTRIBUTE.TYPE", detail, &pointer));
        String::new()
    }

    /// Fails with all that was found.
    pub(super) fn finish(self) -> Result<(), Refused> {
        if self.problems.is_empty() { Ok(()) } else { Err(Refused(self.problems)) }
    }
}

/// The ids of `[{"type": "apps", "id": …}]`.
pub(super) fn linkages(data: &Value) -> Result<Vec<String>, Problem> {
    let wrong = || {
        let detail = "A list of objects with the type 'apps' and an id is needed";
        entity("ENTITY_ERROR.RELATIONSHIP.INVALID", detail, "/data/relationships/visibleApps/data")
    };
    let list = data.as_array().ok_or_else(wrong)?;
    let id = |entry: &Value| {
        let id = entry["id"].as_str().filter(|_| entry["type"] == "apps");
        id.map(str::to_owned).ok_or_else(wrong)
    };
    list.iter().map(id).collect()
}
