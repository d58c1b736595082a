//! What deciding costs: a manifest's text → Spec → Resources → a plan against what was observed, and the same with all its lines
//! and waves for a person.
//!
//! Prints microseconds and, beside them, how many sorts of ten thousand numbers that is, measured in the same run. Nothing is
//! asserted: AWS answers in tens of milliseconds, next to which any of this is nothing. `make bench` runs it.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/reconciler/world.rs"]
#[allow(dead_code)]
mod world;

use std::hint::black_box;
use std::time::{Duration, Instant};

use contracts::reconciler::desired::desired;
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::plan::{plan, report};
use contracts::reconciler::spec::Spec;

const RUNS: u32 = 200;

fn main() {
    let sort = each(|| {
        let mut random = fastrand::Rng::with_seed(1);
        let mut numbers: Vec<u64> = (0..10_000).map(|_| random.u64(..)).collect();
        numbers.sort_unstable();
        black_box(numbers);
    });
    let parse = || {
        let manifest = Manifest::parse("development.yaml", world::DEVELOPMENT).unwrap();
        let spec = Spec::believe(&manifest).unwrap();
        (manifest, spec)
    };
    let (manifest, spec) = parse();
    let wanted = desired(&spec);
    let (empty, converged) = (world::empty(&spec), world::converged(&spec));
    assert!(plan(&spec, &wanted, &converged).is_settled());
    let rows = [
        ("parse and believe", each(|| drop(black_box(parse())))),
        ("normal form", each(|| drop(black_box(desired(&spec))))),
        (
            "diff, nothing to do",
            each(|| drop(black_box(plan(&spec, &wanted, &converged)))),
        ),
        (
            "diff, everything to do",
            each(|| drop(black_box(plan(&spec, &wanted, &empty)))),
        ),
        (
            "parse, normal form, diff",
            each(|| {
                let (_, spec) = parse();
                black_box(plan(&spec, &desired(&spec), &converged));
            }),
        ),
        (
            "all waves, as text",
            each(|| {
                drop(black_box(
                    report(&manifest, &spec, &wanted, &empty).text(false),
                ))
            }),
        ),
    ];
    for (what, time) in rows {
        println!(
            "{what}: {:.0} µs, {:.1} sorts of ten thousand numbers",
            time.as_secs_f64() * 1e6,
            time.as_secs_f64() / sort.as_secs_f64()
        );
    }
}

/// The shortest of some runs: what disturbs a measurement makes it longer.
fn each(run: impl Fn()) -> Duration {
    let runs = (0..RUNS).map(|_| {
        let begun = Instant::now();
        run();
        begun.elapsed()
    });
    runs.min().unwrap()
}
