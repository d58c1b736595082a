//! `reconciler destroy`: the unit taken away, once whoever asks for it has typed its name.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use contracts::reconciler::aws::Aws;
use contracts::reconciler::converge::remove;
use contracts::reconciler::observe::look_at_all;
use contracts::reconciler::plan::{destroy, kept};
use contracts::reconciler::store::{Cause, Draft, Store};
use serde_json::json;

use crate::manifest::{Named, Output};
use crate::origin::Author;
use crate::reconcile::{duration, finish, printer};
use crate::{confirm, failed, now};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    author: Author,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Give up after this long, such as 90s or 15m; another run goes on from there
    #[arg(long, default_value = "15m", value_parser = duration, value_name = "TIME")]
    timeout: Duration,
}

pub async fn run(args: &Args, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Args {
        named,
        author,
        yes,
        timeout,
    } = args;
    let spec = named.believe()?;
    let aws = Aws::connect(&spec.region, endpoint_url).await;
    let (wanted, observed) = look_at_all(&aws.read, &spec).await.map_err(failed)?;
    let plan = destroy(&spec, &wanted, &observed, &BTreeSet::new());
    let kept = kept(&spec, &observed);
    match named.output {
        Output::Text | Output::Markdown => {
            print!("{plan}");
            for subject in &kept {
                println!("  = {subject} has not this unit's tag, and stays");
            }
        }
        Output::Json => println!("{}", json!({ "plan": plan, "kept": kept })),
    }
    if !yes {
        confirm(&spec.name, "destroy it", "destroyed")?;
    }
    // Else whoever enforces what is published would make it anew.
    let store = Store::of(&aws, &spec.name);
    let history = store.history().await.map_err(failed)?;
    if history
        .current()
        .is_some_and(|it| it.draft.manifest.is_some())
    {
        let draft = Draft {
            manifest: None,
            author: author.here(),
            commit: None,
            cause: Cause::Destroy,
        };
        store
            .publish(&history, &draft, now())
            .await
            .map_err(failed)?;
    }
    let outcome = remove(&aws, &spec, *timeout, printer(named.output)).await;
    Ok(finish(
        &outcome,
        named.output,
        *timeout,
        "gone: AWS has nothing of this unit",
    ))
}
