//! `reconciler status`: what is published, what runs, and how far the two are one.

use std::process::ExitCode;

use contracts::reconciler::aws::Aws;
use contracts::reconciler::observe::look;
use contracts::reconciler::observed::Observed;
use contracts::reconciler::plan::plan;
use contracts::reconciler::spec::Spec;
use contracts::reconciler::status::conditions;
use contracts::reconciler::store::record::Standing;
use contracts::reconciler::store::show::{cause, shown};
use contracts::reconciler::store::{History, Publication, Record, whose};
use contracts::timestamp::iso;
use serde_json::{Value, json};

use crate::manifest::{Output, refuse};
use crate::unit::Unit;
use crate::{failed, now};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    unit: Unit,
}

pub async fn run(args: &Args, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Args { unit } = args;
    let known = unit.know(endpoint_url).await?;
    let history = known.history().await?;
    // What is enforced is what is published; a manifest says only whose status is asked for, unless nothing is.
    let published = history
        .current()
        .map(|current| current.believe(&known.name));
    let spec = match (published, known.written) {
        (Some(None), _) => None,
        (Some(Some(believed)), _) => Some(
            believed
                .map_err(|problems| refuse(&problems, unit.output))?
                .1,
        ),
        (None, Some((_, spec))) => Some(spec),
        (None, None) => return Err(failed("nothing is published of this unit")),
    };
    let stands = match &spec {
        Some(spec) => Some(stands(&known.aws, spec, &history).await?),
        None => None,
    };
    match unit.output {
        Output::Text | Output::Markdown => {
            print!("{}", text(&known.name, &history, stands.as_ref()))
        }
        Output::Json => println!("{}", json(&known.name, &history, stands.as_ref())),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is there now.
struct Stands {
    runs: Option<Runs>,
    /// By name, as they are printed.
    conditions: Vec<(&'static str, Standing)>,
}

/// The service.
struct Runs {
    revision: String,
    image: String,
    running: i32,
    healthy: i32,
    desired: i32,
}

async fn stands(aws: &Aws, spec: &Spec, history: &History) -> Result<Stands, ExitCode> {
    let (wanted, observed) = look(&aws.read, spec).await.map_err(failed)?;
    // Whether steps come back again and again only the loop can tell.
    let stuck = history.record.conditions.get("NotConverging");
    let stuck = stuck.is_some_and(|it| it.holds);
    let conditions = conditions(&plan(spec, &wanted, &observed), &[], stuck);
    let number = history.current().map_or(0, |it| it.number);
    // As the loop would write it now: what still holds keeps its time.
    let Record {
        conditions: mut since,
        ..
    } = history.record.after(number, 0, &conditions, now());
    let named = conditions.named();
    let standing = named
        .into_iter()
        .filter_map(|(name, _)| Some((name, since.remove(name)?)));
    Ok(Stands {
        runs: runs(&observed),
        conditions: standing.collect(),
    })
}

fn runs(observed: &Observed) -> Option<Runs> {
    let service = observed.service.as_ref()?;
    let revision = service.revision.rsplit('/').next();
    Some(Runs {
        revision: revision.unwrap_or_default().to_owned(),
        image: service.definition.container.image.clone(),
        running: service.running_count,
        healthy: observed.healthy_targets,
        desired: service.desired_count,
    })
}

fn text(unit: &str, history: &History, stands: Option<&Stands>) -> String {
    let published = match history.current() {
        None => "nothing".to_owned(),
        Some(current) => format!(
            "{}, {}, {}",
            current.number,
            cause(&current.draft.cause),
            whose(current)
        ),
    };
    let mut out = format!("{unit}\n  published  {published}\n");
    if let Some(paused) = &history.paused {
        out += &format!("  {paused}\n");
    }
    let Some(Stands { runs, conditions }) = stands else {
        return out;
    };
    let runs = runs.as_ref().map_or_else(
        || "nothing".to_owned(),
        |Runs {
             revision,
             image,
             running,
             healthy,
             desired,
         }| {
            format!("{revision}, {image}; {running} of {desired} tasks, {healthy} healthy")
        },
    );
    out += &format!("  runs       {runs}\n");
    for (
        name,
        Standing {
            holds,
            since,
            reason,
        },
    ) in conditions
    {
        let holds = if *holds { "yes" } else { "no" };
        let line = format!("  {name:<14} {holds:<3}  since {}  {reason}", iso(*since));
        out += line.trim_end();
        out.push('\n');
    }
    out
}

fn json(unit: &str, history: &History, stands: Option<&Stands>) -> Value {
    let runs = stands.and_then(|it| it.runs.as_ref()).map(
        |Runs { revision, image, running, healthy, desired }| {
            json!({
                "revision": revision, "image": image, "running": running, "healthy": healthy, "desired": desired,
            })
        },
    );
    let conditions = stands.map(|it| {
        let named = it
            .conditions
            .iter()
            .map(|(name, standing)| (*name, json!(standing)));
        named.collect::<std::collections::BTreeMap<_, _>>()
    });
    json!({
        "unit": unit, "published": history.current().map(|it: &Publication| shown(it)), "paused": history.paused,
        "runs": runs, "conditions": conditions,
    })
}
