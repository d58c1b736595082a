//! What a process says about itself: JSON lines on standard output, one event each.
//!
//! Takes a level, installs the process-wide subscriber. Only this crate's events are written: libraries below
//! (HTTP clients, TLS) print URLs in their own events, and ours may contain keys.

pub mod exposition;
pub mod metrics;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// The levels `LOG_LEVEL` accepts, most severe first.
pub const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// Starts writing this crate's events at `level` and above, and panics as events. A second call changes nothing.
pub fn start(level: LevelFilter) {
    let filter = EnvFilter::new(format!(
        "off,contracts={level},contracts_api={level},reconciler={level}"
    ));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stdout)
        .try_init();
    if started.is_ok() {
        // Only the place is written: a panic's text may contain the value that caused it.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic
                .location()
                .map(ToString::to_string)
                .unwrap_or_default();
            tracing::error!(place, "panic");
        }));
    }
}

/// The commit, from the build if it was given there, else from the image's environment.
pub fn git_sha() -> String {
    option_env!("GIT_SHA")
        .map(str::to_string)
        .or_else(|| std::env::var("GIT_SHA").ok())
        .filter(|sha| !sha.is_empty())
        .unwrap_or("unknown".into())
}

/// An error and all its sources on one line, for the one place that prints it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
