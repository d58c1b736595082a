//! `GET /docs`: the OpenAPI document as a page, where calls can be tried.
//!
//! Gives the page and its files out of the program, so that it works where nothing else can be reached. It is Swagger UI, the files of npm's
//! swagger-ui-dist byte for byte but compressed (scripts/swagger-ui takes them over, `make docs-page-test` holds them to the package), and a few
//! lines of ours in `page.*`. The page asks for nothing but itself, `/openapi.json` and what its reader calls.

use super::error::ApiError;
use super::reply::Response;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, Method};
use warp::Reply as _;

struct File {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    /// Sent so to whoever asks: every browser takes it.
    gzipped: bool,
}

const PAGE: File = File {
    name: "page.html",
    kind: "text/html; charset=utf-8",
    bytes: include_bytes!("docs/page.html"),
    gzipped: false,
};
const ASSETS: [File; 5] = [
    File {
        name: "page.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("docs/page.css"),
        gzipped: false,
    },
    File {
        name: "page.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("docs/page.js"),
        gzipped: false,
    },
    File {
        name: "swagger-ui.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("docs/swagger-ui.css.gz"),
        gzipped: true,
    },
    File {
        name: "swagger-ui-bundle.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("docs/swagger-ui-bundle.js.gz"),
        gzipped: true,
    },
    // The bundle's first line names it.
    File {
        name: "swagger-ui-bundle.js.LICENSE.txt",
        kind: "text/plain; charset=utf-8",
        bytes: include_bytes!("docs/swagger-ui-bundle.js.LICENSE.txt"),
        gzipped: false,
    },
];

/// Scripts, styles and calls of this host only, and no script or style in the page itself. Swagger UI has its icons as `data:`.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// An hour: they are large, and a page that was opened before an update may ask for them after it.
pub const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// `GET /docs`
pub fn page() -> Response {
    let mut response = sent(&PAGE);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// `GET /docs/:file`
pub fn asset(name: &str) -> Response {
    let Some(file) = ASSETS.iter().find(|file| file.name == name) else {
        return ApiError::no_route(&Method::GET, &format!("/docs/{name}")).into_response(None);
    };
    let mut response = sent(file);
    response.headers_mut().insert(CACHE_CONTROL, KEPT);
    response
}

fn sent(file: &File) -> Response {
    let mut response = file.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.kind));
    if file.gzipped {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
