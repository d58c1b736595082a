//! Every fault of `peers-relayers.md` §6.5 against the real program, a real Redis and a real chain, as one table: `make chaos`.
//!
//! Each row makes its fault, waits until everything accepted is final, and is then audited on chain, in Redis and in the logs
//! ([`audit`]). A row's line ends in `pass` or `fail`; why it failed is printed below the table, and its replicas' logs
//! are in `target/chaos`.
//! The table is ignored by `cargo nextest run`, which runs only the tests of the checker. `CHAOS_ROW=13` runs one row, `CHAOS_ROW=13,27` two.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod audit;
mod doctored;
mod evidence;
mod rows;
#[path = "../support/support.rs"]
mod support;
mod world;

use rows::{Row, TABLE};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

/// What each row's thread said when it panicked, and where.
static PANICS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

#[test]
fn the_document_has_every_row() {
    let text = std::fs::read_to_string(support::root().join("docs/survival.md")).unwrap();
    for row in TABLE {
        let cells = format!("| {} | {} |", row.name, row.fault);
        assert!(text.contains(&cells), "docs/survival.md lacks {cells}");
    }
}

/// Rows mostly wait; more at once would only measure how slow this makes them.
const AT_ONCE: usize = 2;

#[test]
#[ignore = "minutes; `make chaos` runs it"]
fn the_table() {
    let wanted = std::env::var("CHAOS_ROW").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(',').filter(|name| !name.is_empty()).collect();
    let chosen = |row: &&Row| wanted.is_empty() || wanted.contains(&row.name);
    let (alone, together): (Vec<&Row>, Vec<&Row>) =
        TABLE.iter().filter(chosen).partition(|row| row.alone);
    assert!(
        alone.len() + together.len() > 0,
        "no row is called {wanted:?}"
    );
    // Built once, before several rows want it.
    support::anvil::install();
    // The table stays a table: what panics is kept for the end.
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current()
            .name()
            .unwrap_or_default()
            .to_string();
        PANICS
            .lock()
            .unwrap()
            .entry(thread)
            .or_insert_with(|| panic.to_string());
    }));
    let begun = Instant::now();
    let waiting = Mutex::new(together.into_iter());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    // A statement of its own, so that the lock is not held while the row runs.
                    let next = waiting.lock().unwrap().next();
                    let Some(row) = next else { return };
                    failures.lock().unwrap().extend(run(row));
                }
            });
        }
    });
    for row in alone {
        failures.lock().unwrap().extend(run(row));
    }
    let _ = std::panic::take_hook();
    let failures = failures.into_inner().unwrap();
    println!(
        "{:.0} s in all, {} failed",
        begun.elapsed().as_secs_f64(),
        failures.len()
    );
    for (name, why) in &failures {
        println!("\n--- {name}\n{why}");
    }
    assert!(failures.is_empty(), "{} rows fail", failures.len());
}

/// Runs one row on a thread of its own and prints its line; its name and why, if it fails.
fn run(row: &'static Row) -> Option<(&'static str, String)> {
    let scenario = row.run;
    let begun = Instant::now();
    let thread = format!("row {}", row.name);
    let outcome = std::thread::Builder::new()
        .name(thread.clone())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(scenario());
        });
    let passed = outcome.unwrap().join().is_ok();
    println!(
        "{:>4}  {:<84} {:>6.1} s  {}",
        row.name,
        row.fault,
        begun.elapsed().as_secs_f64(),
        if passed { "pass" } else { "fail" }
    );
    let why = || PANICS.lock().unwrap().remove(&thread).unwrap_or_default();
    (!passed).then(|| (row.name, why()))
}
