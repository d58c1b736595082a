//! What `reconcile` and `rollback` share: enforcing a publication, told as it happens, and how that ended.

use std::process::ExitCode;
use std::time::Duration;

use contracts::reconciler::aws::Aws;
use contracts::reconciler::converge::Outcome;
use contracts::reconciler::enforce::{Enforced, enforce};
use contracts::reconciler::store::{Publication, Store};
use serde_json::json;

use crate::manifest::Output;
use crate::reconcile::{finish, printer};
use crate::{FAILED, ROLLED_BACK, failed, now};

/// Enforces, and says how it ended; `done` is what is said of success.
pub async fn run(
    aws: &Aws,
    store: &Store,
    publication: &Publication,
    output: Output,
    timeout: Duration,
    done: &str,
) -> Result<ExitCode, ExitCode> {
    let enforced = enforce(aws, store, publication, timeout, now, printer(output)).await;
    let enforced = enforced.map_err(failed)?;
    let (failed, back) = match &enforced {
        Enforced::Ended { outcome } => return Ok(finish(outcome, output, timeout, done)),
        Enforced::Overtaken { by, whose } => {
            match output {
                Output::Json => println!("{}", json!(enforced)),
                Output::Text | Output::Markdown => eprintln!(
                    "overtaken: publication {by}, {whose}, is in force now, and nothing more was changed here"
                ),
            }
            return Ok(ExitCode::from(FAILED));
        }
        Enforced::RolledBack { failed, back } => (failed, back),
    };
    if let Some(failed) = failed {
        finish(failed, output, timeout, done);
    }
    let Some((number, outcome)) = back else {
        if output != Output::Json {
            eprintln!(
                "no publication before it was stable: the revision before runs, everything else is the new manifest's"
            );
        }
        return Ok(ExitCode::from(ROLLED_BACK));
    };
    let done = format!("the whole unit is as it was before; that is published as {number}");
    let code = finish(outcome, output, timeout, &done);
    Ok(match outcome {
        Outcome::Settled => ExitCode::from(ROLLED_BACK),
        _ => code,
    })
}

/// Says under which number it is in force.
pub fn say(publication: &Publication, new: bool, output: Output) {
    let number = publication.number;
    match output {
        Output::Json => println!(
            "{}",
            json!({ "event": "published", "publication": number, "new": new })
        ),
        Output::Text | Output::Markdown if new => println!("published as {number}"),
        Output::Text | Output::Markdown => println!("published before, as {number}"),
    }
}
