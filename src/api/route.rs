//! The one table of routes. Requests are dispatched by it, `Allow`, the log's route names and the served OpenAPI document are made from it, so
//! none of them can name a route that is not there.
//!
//! Takes a method and a path, gives what is asked for. Pure; it decodes nothing: every parameter is checked by whoever believes it.

use http::Method;

/// What a client can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Which service this is.
    Identity,
    /// The OpenAPI document.
    Document,
    /// The document as a page.
    Page,
    /// A file of the page.
    Asset,
    /// May this process have traffic?
    Live,
    /// Do the things it needs answer?
    Ready,
    /// How each of them stands.
    Detailed,
    /// A contract deployment.
    Submit,
    /// The caller's deployments.
    List,
    /// One of them.
    Show,
    /// The same, where the existing service has it.
    Status,
    /// Its changes, as they happen.
    Events,
    /// To take one back.
    Cancel,
    /// What a deployment would cost, without one.
    DryRun,
    /// The token of a model.
    Token,
}

/// One way to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// What for.
    pub operation: Operation,
    /// With which method. What takes GET takes HEAD.
    pub method: &'static str,
    /// Where; a segment that begins with `:` is a parameter.
    pub path: &'static str,
    /// Whether only a caller with a key is answered.
    pub keyed: bool,
}

const fn open(operation: Operation, path: &'static str) -> Route {
    Route {
        operation,
        method: "GET",
        path,
        keyed: false,
    }
}

const fn keyed(operation: Operation, method: &'static str, path: &'static str) -> Route {
    Route {
        operation,
        method,
        path,
        keyed: true,
    }
}

/// Every route there is.
pub const ROUTES: [Route; 15] = [
    open(Operation::Identity, "/"),
    open(Operation::Document, "/openapi.json"),
    open(Operation::Page, "/docs"),
    open(Operation::Asset, "/docs/:file"),
    open(Operation::Live, "/health"),
    open(Operation::Ready, "/health/ready"),
    keyed(Operation::Detailed, "GET", "/health/detailed"),
    keyed(Operation::Submit, "POST", "/api/deployments"),
    keyed(Operation::List, "GET", "/api/deployments"),
    keyed(Operation::Show, "GET", "/api/deployments/:id"),
    keyed(Operation::Status, "GET", "/api/deployments/:id/status"),
    keyed(Operation::Events, "GET", "/api/deployments/:id/events"),
    keyed(Operation::Cancel, "POST", "/api/deployments/:id/cancel"),
    keyed(Operation::DryRun, "POST", "/api/dry-run"),
    keyed(Operation::Token, "GET", "/api/tokens/:modelId"),
];

/// Where a request leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'p> {
    /// There; with its parameter as it was sent, empty where the route has none.
    Route(&'static Route, &'p str),
    /// The path is there, with these methods only.
    OtherMethod(String),
    /// Nowhere.
    Nothing,
}

/// Where `method` and `path` lead.
pub fn find<'p>(method: &Method, path: &'p str) -> Found<'p> {
    let wanted = if method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    let mut allowed = Vec::new();
    for (route, parameter) in at(path) {
        if route.method == wanted {
            return Found::Route(route, parameter);
        }
        allowed.push(match route.method {
            "GET" => "GET, HEAD",
            other => other,
        });
    }
    match allowed.is_empty() {
        true => Found::Nothing,
        false => Found::OtherMethod(allowed.join(", ")),
    }
}

/// The path with its parameter's name in the place of its value, for logs and metrics.
pub fn template(path: &str) -> &'static str {
    at(path).next().map_or("unknown", |(route, _)| route.path)
}

fn at(path: &str) -> impl Iterator<Item = (&'static Route, &str)> {
    // As the existing service does, one slash at the end is let pass.
    let path = path.strip_suffix('/').unwrap_or(path);
    ROUTES.iter().filter_map(move |route| {
        let mut parameter = "";
        let mut sent = path.split('/');
        for expected in route.path.trim_end_matches('/').split('/') {
            let segment = sent.next()?;
            if expected.starts_with(':') && !segment.is_empty() {
                parameter = segment;
            } else if expected != segment {
                return None;
            }
        }
        sent.next().is_none().then_some((route, parameter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_route_and_is_named_without_what_the_client_put_into_it() {
        let found = |method, path| match find(&method, path) {
            Found::Route(route, parameter) => format!("{:?} {parameter}", route.operation),
            Found::OtherMethod(allowed) => format!("405 {allowed}"),
            Found::Nothing => "404".into(),
        };
        for (method, path, expected) in [
            (Method::GET, "/", "Identity "),
            (Method::GET, "", "Identity "),
            (Method::HEAD, "/health/", "Live "),
            (Method::POST, "/api/deployments/", "Submit "),
            (Method::GET, "/api/deployments", "List "),
            (Method::DELETE, "/api/deployments", "405 POST, GET, HEAD"),
            (Method::GET, "/api/deployments/a", "Show a"),
            (Method::GET, "/api/deployments/a/status", "Status a"),
            (Method::GET, "/api/deployments/a/cancel", "405 POST"),
            (Method::GET, "/api/deployments//status", "404"),
            (Method::GET, "/api/deployments/a/other", "404"),
            (Method::GET, "/api/tokens/", "404"),
            (Method::GET, "/docs/page.js", "Asset page.js"),
            (Method::GET, "/metrics", "404"),
            (Method::GET, "//", "404"),
        ] {
            assert_eq!(found(method, path), expected, "{path}");
        }
        let status = template("/api/deployments/secret-id/status");
        assert_eq!(status, "/api/deployments/:id/status");
        assert_eq!(template("/api/deployments/secret-id/other"), "unknown");
    }
}
