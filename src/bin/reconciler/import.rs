//! `reconciler import`: a manifest for a service that is there already, printed.

use std::process::ExitCode;

use contracts::reconciler::aws::Aws;
use contracts::reconciler::import::{Asked, Error, hand_over, import};

use crate::{FAILED, USAGE};

#[derive(clap::Args)]
pub struct Args {
    /// The ECS service
    #[arg(long)]
    service: String,
    /// The cluster it is in
    #[arg(long)]
    cluster: String,
    /// The region both are in
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    region: String,
    /// The load balancer it gets its requests from, where AWS does not say
    #[arg(long, value_name = "NAME")]
    load_balancer: Option<String>,
    /// The host name of those requests, where AWS does not say
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Its private DNS name, where AWS does not say
    #[arg(long, value_name = "NAME")]
    discovery: Option<String>,
    /// Tag what it is made of as this unit's, so that reconcile may change it; nothing else is changed
    #[arg(long)]
    adopt: bool,
}

pub async fn run(args: &Args, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Args {
        service,
        cluster,
        region,
        load_balancer,
        host,
        discovery,
        adopt,
    } = args;
    let aws = Aws::connect(region, endpoint_url).await;
    let asked = Asked {
        service: service.clone(),
        cluster: cluster.clone(),
        region: region.clone(),
        load_balancer: load_balancer.clone(),
        host: host.clone(),
        discovery: discovery.clone(),
    };
    let imported = import(&aws.read, &asked).await.map_err(|error| {
        eprintln!("error: {error}");
        ExitCode::from(match error {
            Error::Unknown { .. } => USAGE,
            Error::Aws(_) | Error::NoService(_) | Error::Inexpressible(_) => FAILED,
        })
    })?;
    print!("{}", imported.text);
    for warning in &imported.warnings {
        eprintln!("warning: {warning}");
    }
    if *adopt {
        let tagged = hand_over(&aws, &imported).await.map_err(|error| {
            eprintln!("error: {error}");
            ExitCode::from(FAILED)
        })?;
        for subject in tagged {
            eprintln!("tagged {subject}");
        }
    }
    if imported.plan.is_settled() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("the plan on this manifest is not empty:\n{}", imported.plan);
    Ok(ExitCode::from(FAILED))
}
