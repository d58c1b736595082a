//! `GET /api/deployments`: the caller's own, newest first, a page at a time.
//!
//! Takes the query, gives a page and where the next one begins. The store keeps one index per caller by time; filters are applied to the
//! records, and one call looks at no more than [`SCANNED_MAX`] of them, so a page may be short, or empty, and still have a next one.

use super::Asked;
use super::admit::admit;
use super::auth::Caller;
use super::deployments::{parse_id, store_error};
use super::error::ApiError;
use super::rate_limit::Kind;
use super::reply::{self, Response};
use super::view;
use crate::deployment::Deployment;
use crate::deployment::chain::Address;
use crate::deployment::request::{self, FieldProblem, ModelId};
use crate::deployment::store::{Listed, StoreError};
use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The existing service's planned page.
const LIMIT: usize = 20;
const LIMIT_MAX: usize = 100;
/// Records read for one page: a few kilobytes each.
const SCANNED_MAX: usize = 500;
const STATUSES: [&str; 4] = ["pending", "processing", "deployed", "failed"];

/// What is looked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    limit: Option<usize>,
    cursor: Option<Listed>,
    status: Option<&'static str>,
    model_id: Option<ModelId>,
    recipient: Option<Address>,
    from_ms: Option<u64>,
    until_ms: Option<u64>,
}

/// `GET /api/deployments`
pub async fn list(asked: Asked) -> Response {
    let admitted = match admit(&asked.app, &asked.headers, Kind::Read).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let outcome = page(&asked, &admitted.caller).await;
    admitted.answer(outcome)
}

async fn page(asked: &Asked, caller: &Caller) -> Result<Response, ApiError> {
    let app = &asked.app;
    let query = Query::parse(&asked.query).map_err(ApiError::invalid)?;
    let limit = query.limit.unwrap_or(LIMIT);
    let mut found = Vec::new();
    let mut after = query.cursor;
    let mut more = true;
    let mut scanned = 0;
    while more && found.len() < limit && scanned < SCANNED_MAX {
        let chunk = limit.max(LIMIT);
        let listed = app
            .store
            .listed(&caller.name, after, query.until_ms, chunk)
            .await
            .map_err(store_error)?;
        more = listed.len() == chunk;
        scanned += chunk;
        for (place, record) in listed {
            if query
                .from_ms
                .is_some_and(|from| place.submitted_at_ms < from)
            {
                more = false;
                break;
            }
            if found.len() == limit {
                more = true;
                break;
            }
            after = Some(place);
            match record {
                Ok(deployment) if query.takes(&deployment) => {
                    found.push(view::deployment(&deployment, &app.network));
                }
                // Forgotten 30 days after its end, before its entry in the index is.
                Ok(_) | Err(StoreError::Missing(_)) => {}
                Err(error) => return Err(store_error(error)),
            }
        }
    }
    let next = after.filter(|_| more).map(|place| print_cursor(&place));
    let data = json!({
        "deployments": found,
        "pagination": { "limit": limit, "hasNext": next.is_some(), "nextCursor": next },
    });
    Ok(reply::success(StatusCode::OK, &asked.request_id.0, &data))
}

impl Query {
    fn parse(text: &str) -> Result<Self, Vec<FieldProblem>> {
        let mut query = Self::default();
        let mut problems = Vec::new();
        let mut seen = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let plain = value.replace('+', " ");
            let value = percent_decode_str(&plain).decode_utf8_lossy();
            let problem = if seen.contains(&name) {
                Err(("query", "each parameter may be given once"))
            } else {
                query.set(name, &value)
            };
            seen.push(name);
            if let Err((field, message)) = problem {
                let message = message.into();
                problems.push(FieldProblem { field, message });
            }
        }
        if problems.is_empty() {
            Ok(query)
        } else {
            Err(problems)
        }
    }

    /// A parameter that nobody knows is refused: a filter that is misspelt would otherwise show everything.
    fn set(&mut self, name: &str, value: &str) -> Result<(), (&'static str, &'static str)> {
        match name {
            "limit" => {
                let limit = value.parse().ok();
                self.limit = limit.filter(|limit| (1..=LIMIT_MAX).contains(limit));
                let rule = ("limit", "must be a whole number from 1 to 100");
                self.limit.map(|_| ()).ok_or(rule)
            }
            "cursor" => {
                self.cursor = parse_cursor(value);
                let rule = ("cursor", "must be the nextCursor of an earlier page");
                self.cursor.map(|_| ()).ok_or(rule)
            }
            "status" => {
                self.status = STATUSES.into_iter().find(|status| *status == value);
                let rule = ("status", "must be pending, processing, deployed or failed");
                self.status.map(|_| ()).ok_or(rule)
            }
            "modelId" => {
                self.model_id = ModelId::try_from(value.to_string()).ok();
                let rule = ("modelId", "must be 1-64 of letters, digits, - and _");
                self.model_id.as_ref().map(|_| ()).ok_or(rule)
            }
            "userAddress" => {
                self.recipient = request::address(value);
                let rule = ("userAddress", "Invalid Ethereum address format");
                self.recipient.map(|_| ()).ok_or(rule)
            }
            "startDate" => {
                self.from_ms = parse_time(value);
                let rule = ("startDate", "must be a time like 2026-01-31T00:00:00Z");
                self.from_ms.map(|_| ()).ok_or(rule)
            }
            "endDate" => {
                self.until_ms = parse_time(value);
                let rule = ("endDate", "must be a time like 2026-01-31T00:00:00Z");
                self.until_ms.map(|_| ()).ok_or(rule)
            }
            _ => Err((
                "query",
                "takes limit, cursor, status, modelId, userAddress, startDate and endDate",
            )),
        }
    }

    fn takes(&self, deployment: &Deployment) -> bool {
        let Self {
            limit: _,
            cursor: _,
            status,
            model_id,
            recipient,
            from_ms: _,
            until_ms: _,
        } = self;
        let request = &deployment.request;
        status.is_none_or(|status| deployment.state.progress().status == status)
            && model_id.as_ref().is_none_or(|id| *id == request.model_id)
            && recipient.is_none_or(|address| address == request.recipient)
    }
}

fn parse_time(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    // Nothing was accepted before 1970.
    Some(u64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
}

fn print_cursor(place: &Listed) -> String {
    let Listed {
        submitted_at_ms,
        id,
    } = place;
    format!("{submitted_at_ms}_{id}")
}

fn parse_cursor(text: &str) -> Option<Listed> {
    let (ms, id) = text.split_once('_')?;
    let digits = (1..=15).contains(&ms.len()) && ms.bytes().all(|byte| byte.is_ascii_digit());
    Some(Listed {
        submitted_at_ms: ms.parse().ok().filter(|_| digits)?,
        id: parse_id(id)?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_believed_whole_or_told_everything_that_is_wrong() {
        let id = "3b241101-e2bb-4255-8caf-4136c566a962";
        let text = format!(
            "limit=7&cursor=1700000000123_{id}&status=failed&modelId=a-b&startDate=2026-01-31T00%3A00%3A00Z&endDate=2026-01-31T01:00:00%2B01:00"
        );
        let query = Query::parse(&text).unwrap();
        assert_eq!(query.limit, Some(7));
        assert_eq!(query.from_ms, query.until_ms);
        let place = query.cursor.unwrap();
        assert_eq!(print_cursor(&place), format!("1700000000123_{id}"));
        assert_eq!(Query::parse("").unwrap(), Query::default());
        for (text, field) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit", "limit"),
            ("limit=1&limit=2", "query"),
            ("page=2", "query"),
            ("stauts=failed", "query"),
            ("status=gone", "status"),
            ("cursor=-1_3b241101-e2bb-4255-8caf-4136c566a962", "cursor"),
            ("startDate=yesterday", "startDate"),
            ("userAddress=0x1", "userAddress"),
            ("modelId=%20", "modelId"),
        ] {
            let problems = Query::parse(text).unwrap_err();
            assert_eq!(problems.len(), 1, "{text}");
            assert_eq!(problems[0].field, field, "{text}");
        }
        let two = Query::parse("limit=x&status=y").unwrap_err();
        assert_eq!(two.len(), 2);
    }
}
