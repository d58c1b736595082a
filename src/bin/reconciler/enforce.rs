//! What `reconcile` and `rollback` share: enforcing a publication, told as it happens, and how that ended.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use contracts::reconciler::aws::Aws;
use contracts::reconciler::converge::{Outcome, Progress};
use contracts::reconciler::enforce::{Enforced, enforce};
use contracts::reconciler::proof::Probe;
use contracts::reconciler::store::{Publication, Store};
use serde_json::json;

use crate::manifest::Output;
use crate::reconcile::{finish, printer};
use crate::{FAILED, ROLLED_BACK, failed, now};

/// How the service is asked which build it is, once all is stable.
#[derive(clap::Args)]
pub struct Door {
    /// Ask the service here instead of where its host name leads; the certificate is still the host's
    #[arg(long, env = "RECONCILER_CONNECT_TO", value_name = "ADDRESS:PORT")]
    connect_to: Option<SocketAddr>,
    /// Trust the certificate authorities in this PEM file too
    #[arg(long, env = "RECONCILER_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl Door {
    /// Reads the file, before anything is published.
    pub fn probe(&self) -> Result<Probe, ExitCode> {
        let Door {
            connect_to,
            ca_file,
        } = self;
        let read = |file: &PathBuf| {
            let read = std::fs::read(file);
            read.map_err(|error| failed(format!("{}: {error}", file.display())))
        };
        Ok(Probe {
            connect_to: *connect_to,
            authority: ca_file.as_ref().map(read).transpose()?,
        })
    }
}

/// Enforces, and says how it ended; `done` is what is said of success.
pub async fn run(
    aws: &Aws,
    store: &Store,
    publication: &Publication,
    probe: &Probe,
    (output, timeout): (Output, Duration),
    done: &str,
) -> Result<ExitCode, ExitCode> {
    let mut print = printer(output);
    let mut proof = String::new();
    let report = |progress: &Progress<'_>| {
        if let Progress::Proved { verdict } = progress {
            proof = format!("; {verdict}");
        }
        print(progress);
    };
    let ask = async |host: &str, path: &str| probe.ask(host, path).await;
    let enforced = enforce(aws, store, publication, timeout, now, ask, report).await;
    let enforced = enforced.map_err(failed)?;
    let (failed, back) = match &enforced {
        Enforced::Ended { outcome } => {
            return Ok(finish(outcome, output, timeout, &format!("{done}{proof}")));
        }
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
                "nothing is published in its place, since it was stable itself or nothing before it was: the revision before runs, everything else is the manifest's"
            );
        }
        return Ok(ExitCode::from(ROLLED_BACK));
    };
    let done = format!("the whole unit is as it was before; that is published as {number}{proof}");
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
