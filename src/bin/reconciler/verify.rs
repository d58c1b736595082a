//! `verify`: whether the unit's references hold, and nothing is in the way. Reads, never writes.

use std::process::ExitCode;

use contracts::reconciler::aws::Aws;
use contracts::reconciler::graph;
use contracts::reconciler::observe::look;
use contracts::reconciler::plan::{Blocked, plan};
use serde_json::json;

use crate::FAILED;
use crate::manifest::{Named, Output};

/// Prints every broken reference and every obstacle; fails if there is any.
pub async fn run(named: &Named, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let spec = named.believe()?;
    let aws = Aws::connect(&spec.region, endpoint_url).await;
    let (wanted, observed) = look(&aws.read, &spec).await.map_err(|error| {
        eprintln!("error: {error}");
        ExitCode::from(FAILED)
    })?;
    let mut obstacles = plan(&spec, &wanted, &observed).blocked;
    // Of an account that is not the unit's, nothing else is worth saying.
    let elsewhere = obstacles
        .iter()
        .any(|blocked| matches!(blocked, Blocked::WrongAccount { .. }));
    obstacles.retain(|blocked| !matches!(blocked, Blocked::Broken { .. }));
    let findings = if elsewhere {
        Vec::new()
    } else {
        graph::check(&spec, &wanted, &observed)
    };
    let count = findings.len() + obstacles.len();
    match named.output {
        Output::Text | Output::Markdown => {
            for finding in &findings {
                println!("  ! {finding}");
            }
            for obstacle in &obstacles {
                println!("  ! {obstacle}");
            }
            match count {
                0 => println!("{}: every reference holds", spec.name),
                1 => println!("{}: 1 finding", spec.name),
                _ => println!("{}: {count} findings", spec.name),
            }
        }
        Output::Json => println!(
            "{}",
            json!({ "unit": spec.name, "findings": findings, "obstacles": obstacles })
        ),
    }
    Ok(if count == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}
