//! A bare HTTP client for the simulator's tests.

use reqwest::Method;
use rosterd::simulator::{Options, Running, Simulator, World};
use serde_json::{Value, json};

/// A running simulator and a client for it.
pub(crate) struct Peer {
    pub(crate) sim: Running,
    http: reqwest::Client,
}

/// Status, headers and body of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Code and pointer (or parameter) of the first error.
    pub(crate) fn error(&self) -> (String, String) {
        let error = &self.json()["errors"][0];
        let source = error["source"]["pointer"].as_str().or(error["source"]["parameter"].as_str());
        (error["code"].as_str().unwrap_or_default().to_owned(), source.unwrap_or_default().to_owned())
    }

    /// The ids of `data`.
    pub(crate) fn ids(&self) -> Vec<String> {
        let body = self.json();
        let rows = body["data"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Peer {
    pub(crate) async fn sample() -> Self {
        Self::with(World::sample(), Options::default()).await
    }

    pub(crate) async fn with(world: World, options: Options) -> Self {
        let sim = Simulator::start(world, options).await.expect("starts");
        Self { sim, http: reqwest::Client::new() }
    }

    /// Sends as it is said, with a valid token for App Store Connect.
    pub(crate) async fn send(&self, method: &str, target: &str, body: Option<Value>) -> Answer {
        self.attempt(method, target, body).await.expect("an answer")
    }

    pub(crate) async fn attempt(
        &self,
        method: &str,
        target: &str,
        body: Option<Value>,
    ) -> Result<Answer, reqwest::Error> {
        let token = if target.starts_with("/scim") {
            rosterd::simulator::SCIM_TOKEN.to_owned()
        } else {
            self.sim.token()
        };
        let mut request = self.request(method, target).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        finish(request).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send("GET", target, None).await
    }

    pub(crate) fn request(&self, method: &str, target: &str) -> reqwest::RequestBuilder {
        let url = if target.starts_with("http") {
            target.to_owned()
        } else {
            format!("{}{target}", self.sim.origin())
        };
        self.http.request(Method::from_bytes(method.as_bytes()).expect("a method"), url)
    }

    /// The id of a member.
    pub(crate) fn member(&self, username: &str) -> String {
        self.sim.with_state(|state| state.team.member(username).expect("a member").id.clone())
    }

    /// The id of an invitation.
    pub(crate) fn invitation(&self, email: &str) -> String {
        self.sim.with_state(|state| state.team.invitation(email).expect("an invitation").id.clone())
    }
}

pub(crate) async fn finish(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, text: response.text().await? })
}

/// The body of an invitation.
pub(crate) fn invite(email: &str, attributes: Value) -> Value {
    let mut all =
        json!({"email": email, "firstName": "Mary", "lastName": "Cartwright", "roles": ["DEVELOPER"]});
    for (name, value) in attributes.as_object().cloned().unwrap_or_default() {
        all[name] = value;
    }
    json!({"data": {"type": "userInvitations", "attributes": all}})
}

/// `body` with a list of visible apps.
pub(crate) fn showing(mut body: Value, apps: &[&str]) -> Value {
    let data: Vec<Value> = apps.iter().map(|id| json!({"type": "apps", "id": id})).collect();
    body["data"]["relationships"] = json!({"visibleApps": {"data": data}});
    body
}

/// The body of a change to a member.
pub(crate) fn change(id: &str, attributes: Value) -> Value {
    json!({"data": {"type": "users", "id": id, "attributes": attributes}})
}
