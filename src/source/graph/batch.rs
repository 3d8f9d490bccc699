//! Many reads in one request (`$batch`): twenty at most, each with an answer, and a limit, of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::client::GraphClient;
use super::failure::{Answer, Failure, headers_of};
use super::wire::{Batch, BatchAnswer, BatchAnswers, BatchRequest};
use crate::http::{HttpError, LONGEST_WAIT, retry_after};

/// Requests of one batch (Graph, "JSON batching").
const MOST: usize = 20;
/// Rounds in which an inner request may be asked again.
const TRIES: usize = 4;
/// The pause where an inner answer asks for another try and names none.
const PAUSE: Duration = Duration::from_secs(1);

/// Reads paths (as [`super::wire::path`] makes them) and returns their bodies in the same order. That the outer answer
/// is 200 says nothing of the inner ones, so each is judged, and asked again, by itself.
pub(super) async fn read(
    client: &GraphClient,
    paths: &[String],
) -> Result<Vec<Result<Value, Answer>>, Failure> {
    let mut answers: BTreeMap<usize, Result<Value, Answer>> = BTreeMap::new();
    for start in (0..paths.len()).step_by(MOST) {
        let (mut open, refused): (Vec<usize>, Vec<usize>) =
            (start..paths.len().min(start + MOST)).partition(|at| client.url(&paths[*at]).is_ok());
        for at in refused {
            answers.insert(at, Err(Answer::unasked(&paths[at])));
        }
        if open.is_empty() {
            continue;
        }
        for attempt in 1..=TRIES {
            let round = send(client, paths, &open, &mut answers).await?;
            open = round.again;
            if open.is_empty() || attempt == TRIES {
                break;
            }
            pause(client, round.wait).await?;
        }
    }
    Ok(paths
        .iter()
        .enumerate()
        .map(|(at, path)| answers.remove(&at).unwrap_or_else(|| Err(Answer::missing(path))))
        .collect())
}

/// What a round left open.
struct Round {
    again: Vec<usize>,
    wait: Option<Duration>,
}

async fn send(
    client: &GraphClient,
    paths: &[String],
    open: &[usize],
    answers: &mut BTreeMap<usize, Result<Value, Answer>>,
) -> Result<Round, Failure> {
    let request = |at: &usize| BatchRequest { id: at.to_string(), method: "GET", url: &paths[*at] };
    let body = serde_json::to_vec(&Batch { requests: open.iter().map(request).collect() })
        .map_err(|error| Failure::protocol(error.to_string()))?;
    let reply = client.ask(Method::POST, &client.url("/$batch")?, Some(&body)).await?;
    let all: BatchAnswers = reply.json()?;
    let mut came: BTreeMap<String, BatchAnswer> =
        all.responses.into_iter().map(|answer| (answer.id.clone(), answer)).collect();
    let mut round = Round { again: Vec::new(), wait: None };
    for at in open {
        let Some(answer) = came.remove(&at.to_string()) else {
            round.again.push(*at);
            continue;
        };
        if matches!(answer.status, 429 | 500 | 502 | 503 | 504) {
            round.again.push(*at);
            round.wait = round.wait.max(retry_after(&headers(&answer), client.tokens.clock.now()));
        }
        answers.insert(*at, judged(answer, &paths[*at]));
    }
    Ok(round)
}

fn judged(answer: BatchAnswer, path: &str) -> Result<Value, Answer> {
    if (200..300).contains(&answer.status) {
        return Ok(answer.body);
    }
    let place = path.split('?').next().unwrap_or(path);
    let headers = headers(&answer);
    let body = serde_json::from_value(answer.body).unwrap_or_default();
    Err(Answer::new(answer.status, body, place).with_headers(&headers))
}

fn headers(answer: &BatchAnswer) -> HeaderMap {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    headers_of(answer.headers.iter().map(|(name, value)| (name.clone(), text(value))))
}

/// For `crate::fuzzing`: takes apart whatever an answer to a batch may be.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn reads_as_answers(body: &[u8]) -> bool {
    let Ok(all) = serde_json::from_slice::<BatchAnswers>(body) else { return false };
    for answer in all.responses {
        let _ = retry_after(&headers(&answer), jiff::Timestamp::UNIX_EPOCH);
        let _ = judged(answer, "/users?$select=id");
    }
    true
}

async fn pause(client: &GraphClient, asked: Option<Duration>) -> Result<(), Failure> {
    let wait = asked.unwrap_or(PAUSE);
    if wait > LONGEST_WAIT {
        let place = format!("{}/$batch", client.base);
        return Err(HttpError::WaitTooLong { place, seconds: wait.as_secs() }.into());
    }
    tokio::time::sleep(wait).await;
    Ok(())
}
