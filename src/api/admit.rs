//! Who may go on: first the key and its scope, then its bucket.
//!
//! Takes a request's headers, gives an [`Admitted`] caller or the refusal to answer with. Without a valid key nothing is asked of Redis.

use super::App;
use super::auth::{Caller, Scope};
use super::error::ApiError;
use super::rate_limit::{Kind, Permit};
use super::reply::Response;
use http::HeaderMap;

/// A caller that may go on, and what its bucket says.
pub struct Admitted {
    /// Who.
    pub caller: Caller,
    permit: Permit,
}

/// Admits a request or says why not.
///
/// # Errors
/// The response: 401, 403, 429, 503.
pub async fn admit(app: &App, headers: &HeaderMap, kind: Kind) -> Result<Admitted, Response> {
    let caller = app
        .api_keys
        .caller(headers)
        .map_err(|refused| ApiError::unauthenticated(refused).into_response(None))?;
    let scope = match kind {
        Kind::Deploy => Scope::Deploy,
        Kind::Read => Scope::Read,
    };
    if !caller.may(scope) {
        let mut response = ApiError::out_of_scope(scope).into_response(None);
        response.extensions_mut().insert(caller);
        return Err(response);
    }
    match app.rate_limit.take(&caller, kind).await {
        Ok(permit) => {
            let admitted = Admitted { caller, permit };
            if permit.allowed {
                Ok(admitted)
            } else {
                Err(admitted.answer(Err(ApiError::too_many())))
            }
        }
        Err(error) => {
            let mut response = ApiError::unavailable(&error).into_response(None);
            response.extensions_mut().insert(caller);
            Err(response)
        }
    }
}

impl Admitted {
    /// The response, with what is left of the bucket, and the caller for the log line.
    pub fn answer(self, outcome: Result<Response, ApiError>) -> Response {
        let mut response = match outcome {
            Ok(mut response) => {
                self.permit.stamp(response.headers_mut());
                response
            }
            Err(error) => error.into_response(Some(&self.permit)),
        };
        response.extensions_mut().insert(self.caller);
        response
    }
}
