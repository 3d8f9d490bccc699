//! A server of scripted answers for the tests of this folder: what the simulator, which plays by Apple's rules, never says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::client::{AscClient, Reach, Settings};
use super::rate::{Budget, BudgetState};
use super::token::tests::team_key;
use crate::clock::Clock;
use crate::http::HttpOptions;
use crate::metrics::Metrics;

/// What the fake does with one request.
#[derive(Clone, Debug)]
pub(super) enum Say {
    /// Answers.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// Reads the request and hangs up.
    HangUp,
}

impl Say {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.to_string() }
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.to_owned() }
    }

    pub(super) fn error(status: u16, code: &str) -> Self {
        Self::json(status, &json!({"errors": [{"status": status.to_string(), "code": code, "title": "no"}]}))
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// A list's page, with as much of JSON:API around it as Apple sends.
pub(super) fn page(data: &[Value], total: usize, next: Option<&str>) -> Say {
    let mut links = json!({"self": "https://api.example.com/here"});
    if let Some(next) = next {
        links["next"] = next.into();
    }
    Say::json(200, &json!({"data": data, "links": links, "meta": {"paging": {"total": total, "limit": 200}}}))
}

/// The Account Holder, without whom a list of members is not whole.
pub(super) fn holder() -> Value {
    json!({"type": "users", "id": "u0", "attributes": {"username": "owner@example.com",
        "roles": ["ACCOUNT_HOLDER", "ADMIN"], "allAppsVisible": true, "provisioningAllowed": false}})
}

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// `GET /v1/users`.
    pub(super) endpoint: String,
    /// Decoded, in order.
    pub(super) query: Vec<(String, String)>,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Value,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The claims of its token.
    pub(super) fn claims(&self) -> Value {
        use base64::Engine;
        let token = self.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let claims = token.and_then(|token| token.split('.').nth(1)).expect("a token");
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).expect("base64");
        serde_json::from_slice(&claims).expect("JSON")
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn parse(head: &str, body: &[u8]) -> Self {
        let mut lines = head.lines();
        let mut first = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
        let url = Url::parse("http://x").and_then(|base| base.join(target)).expect("a target");
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            endpoint: format!("{method} {}", url.path()),
            query: url.query_pairs().into_owned().collect(),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
            body: serde_json::from_slice(body).unwrap_or(Value::Null),
        }
    }
}

type Script = Vec<(String, VecDeque<Say>)>;

/// A server, and what it was asked.
pub(super) struct Fake {
    pub(super) origin: String,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Answers nothing but 404 until it is told what to say.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let fake = Self { origin, script: Arc::default(), asked: Arc::default() };
        let (script, asked) = (Arc::clone(&fake.script), Arc::clone(&fake.asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, asked) = (Arc::clone(&script), Arc::clone(&asked));
                tokio::spawn(async move { serve(stream, &script, &asked).await });
            }
        });
        fake
    }

    /// Queues answers for an endpoint; the last one is given for ever.
    pub(super) fn say(&self, endpoint: &str, answers: impl IntoIterator<Item = Say>) -> &Self {
        let answers = answers.into_iter().collect();
        self.script.lock().expect("unpoisoned").push((endpoint.to_owned(), answers));
        self
    }

    /// Nobody but the Account Holder, whom every team has.
    pub(super) fn say_empty(&self) -> &Self {
        self.say("GET /v1/users", [page(&[holder()], 1, None)])
            .say("GET /v1/userInvitations", [page(&[], 0, None)])
    }

    pub(super) fn asked(&self, endpoint: &str) -> Vec<Asked> {
        let asked = self.asked.lock().expect("unpoisoned");
        asked.iter().filter(|asked| asked.endpoint == endpoint).cloned().collect()
    }

    /// Every request.
    pub(super) fn all(&self) -> Vec<String> {
        self.asked.lock().expect("unpoisoned").iter().map(|asked| asked.endpoint.clone()).collect()
    }

    pub(super) fn client(&self, reach: Reach) -> AscClient {
        self.client_at(reach, Clock::manual(Timestamp::now()))
    }

    pub(super) fn client_at(&self, reach: Reach, clock: Clock) -> AscClient {
        let budget = Budget::new(3600, 50, clock.clone(), BudgetState::default());
        let settings = Settings {
            origin: Url::parse(&self.origin).expect("a URL"),
            key: team_key(),
            reach,
            http: HttpOptions { first_pause: Duration::from_millis(1), ..HttpOptions::standard() },
        };
        AscClient::new(settings, Metrics::new(), clock, budget).expect("a client")
    }
}

async fn serve(mut stream: TcpStream, script: &Mutex<Script>, asked: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    while bytes.len() < head_end + 4 + length.unwrap_or(0) {
        stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
    }
    let request = Asked::parse(&head, &bytes[head_end + 4..]);
    let say = answer_of(script, &request.endpoint);
    asked.lock().expect("unpoisoned").push(request);
    let Say::Answer { status, headers, body } = say else { return None };
    let mut text = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-type: application/json\r\n\r\n{body}"));
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

fn answer_of(script: &Mutex<Script>, endpoint: &str) -> Say {
    let mut script = script.lock().expect("unpoisoned");
    let Some((_, answers)) = script.iter_mut().find(|(known, _)| known == endpoint) else {
        return Say::error(404, "NOT_FOUND");
    };
    if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }.expect("an answer")
}
