//! Sends to Graph: a token on each request, once more with a fresh one after a 401, at the pace Graph asks for.

use reqwest::{Method, Url};

use super::failure::{Answer, Failure};
use super::throttle::Pace;
use super::token::Tokens;
use crate::http::path::is_below;
use crate::http::{HttpClient, HttpError, Reply};
use crate::source::one_line;

/// A client for one tenant.
#[derive(Debug)]
pub(super) struct GraphClient {
    pub(super) http: HttpClient,
    /// With the version and without a slash at the end.
    pub(super) base: Url,
    pub(super) tokens: Tokens,
    pub(super) pace: Pace,
}

impl GraphClient {
    /// The URL of a path that [`super::wire::path`] made. One that a parser takes for another path is not asked for.
    pub(super) fn url(&self, path: &str) -> Result<Url, HttpError> {
        let text = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        let meant = path.split('?').next().unwrap_or(path);
        let id = || HttpError::BadId { id: one_line(meant, 100) };
        let url = Url::parse(&text).map_err(|_| id())?;
        let has_empty = meant.ends_with('/') || meant.contains("//");
        let is_meant =
            !has_empty && url.path() == format!("{}{meant}", self.base.path().trim_end_matches('/'));
        if is_meant && is_below(&self.base, &url) { Ok(url) } else { Err(id()) }
    }

    /// Accepts a link of an answer: same origin, and below the same version, so that the token is shown to nobody else.
    pub(super) fn link(&self, link: &str) -> Result<Url, HttpError> {
        let url = self.http.link(link)?;
        if is_below(&self.base, &url) {
            return Ok(url);
        }
        let (origin, target) =
            (self.base.as_str().to_owned(), url.origin().ascii_serialization() + url.path());
        Err(HttpError::ForeignLink { origin, target })
    }

    /// Reads a URL; any status but a success is a failure.
    pub(super) async fn get(&self, url: &Url) -> Result<Reply, Failure> {
        self.ask(Method::GET, url, None).await
    }

    /// Sends a body that only reads (`$batch`), so that it may be tried again.
    pub(super) async fn ask(&self, method: Method, url: &Url, body: Option<&[u8]>) -> Result<Reply, Failure> {
        let mut last = self.once(&method, url, body).await?;
        if last.status.as_u16() == 401 {
            last = self.once(&method, url, body).await?;
        }
        if last.status.is_success() { Ok(last) } else { Err(Answer::of_reply(&last).into()) }
    }

    async fn once(&self, method: &Method, url: &Url, body: Option<&[u8]>) -> Result<Reply, Failure> {
        let token = self.tokens.get().await?;
        self.pace.wait().await;
        let build = || {
            let request = self.http.request(method.clone(), url.clone()).bearer_auth(token.expose());
            // A background job gives way to people who wait for an answer.
            let request =
                request.header("x-ms-throttle-priority", "Low").header("Accept", "application/json");
            match body {
                Some(body) => request.header("Content-Type", "application/json").body(body.to_vec()),
                None => request,
            }
        };
        let reply = self.http.read(build).await?;
        self.pace.learn(&reply.headers);
        if reply.status.as_u16() == 401 {
            self.tokens.forget(&token).await;
        }
        Ok(reply)
    }
}
