//! `reconciler rollback`: the whole unit back to an older publication, once whoever asks for it has typed its name.

use std::process::ExitCode;
use std::time::Duration;

use contracts::reconciler::desired::desired;
use contracts::reconciler::enforce::check_account;
use contracts::reconciler::plan::diff::diff;
use contracts::reconciler::plan::patience::deadline;
use contracts::reconciler::store::{At, Draft};
use serde_json::json;

use crate::diff::{lines, read};
use crate::enforce::Door;
use crate::manifest::{Output, refuse};
use crate::origin::Author;
use crate::reconcile::duration;
use crate::unit::Unit;
use crate::{confirm, enforce, failed, now, parsed};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    unit: Unit,
    /// To this publication: a number, a commit, or a time; without it, to the last that was stable before the present one
    #[arg(long, value_parser = parsed::<At>, value_name = "N|COMMIT|TIME")]
    to: Option<At>,
    #[command(flatten)]
    author: Author,
    /// Why, for whoever reads the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    door: Door,
    /// Give up waiting after this long, such as 90s or 15m, and leave it published; without it, after what the older manifest's own settings come to
    #[arg(long, value_parser = duration, value_name = "TIME")]
    timeout: Option<Duration>,
}

pub async fn run(args: &Args, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Args {
        unit,
        to,
        author,
        reason,
        yes,
        door,
        timeout,
    } = args;
    let probe = door.probe()?;
    let output = unit.output;
    let known = unit.know(endpoint_url).await?;
    let history = known.history().await?;
    if let Some(paused) = &history.paused {
        return Err(failed(format!("{paused}: `reconciler resume` ends that")));
    }
    let target = history.target(to.as_ref()).map_err(failed)?;
    let believed = target.believe(&known.name);
    let (_, spec) = believed
        .ok_or_else(|| failed("it has no manifest"))?
        .map_err(|problems| refuse(&problems, output))?;
    check_account(&known.aws, &spec).await.map_err(failed)?;
    // A target there is one before.
    if let Some(current) = history.current() {
        let changes = diff(&read(current, output)?, &read(target, output)?);
        let (from, to) = (current.number, target.number);
        match output {
            Output::Text | Output::Markdown => {
                println!("{}: from publication {from} back to {to}", known.name);
                print!("{}", lines(&changes));
            }
            Output::Json => println!(
                "{}",
                json!({ "event": "rollback", "from": from, "to": to, "changes": changes })
            ),
        }
    }
    if !yes {
        confirm(&known.name, "roll it back", "rolled back")?;
    }
    let draft = Draft::back_to(target, author.here(), reason.clone(), false);
    let published = known.store.publish(&history, &draft, now()).await;
    let published = published.map_err(failed)?;
    enforce::say(&published, true, output);
    let timeout = timeout.unwrap_or_else(|| deadline(&spec, &desired(&spec)).total());
    let done = format!(
        "rolled back, and stable: AWS equals what publication {} said",
        target.number
    );
    enforce::run(
        &known.aws,
        &known.store,
        &published,
        &probe,
        (output, timeout),
        &done,
    )
    .await
}
