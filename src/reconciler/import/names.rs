//! What a service is joined to, by name: from the service alone, and from whoever asks where AWS does not say. [I/O: reads]

use super::Error;
use crate::reconciler::aws::elb::rule::Groups;
use crate::reconciler::aws::{Clients, discovery, ecs, elb, sts};
use crate::reconciler::observed::Running;
use crate::reconciler::resource::Join;

/// Which service, and what only a person knows of one that is joined to nothing.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The ECS service.
    pub service: String,
    /// Its cluster.
    pub cluster: String,
    /// Where both are.
    pub region: String,
    /// The load balancer it is to get its requests from.
    pub load_balancer: Option<String>,
    /// The host name of those requests.
    pub host: Option<String>,
    /// Its private DNS name.
    pub discovery: Option<String>,
}

/// A service and the names around it.
pub struct Names {
    /// Of the credentials.
    pub account: String,
    /// As asked.
    pub region: String,
    /// As asked.
    pub cluster: String,
    /// The service and what it runs.
    pub running: Running,
    /// Name of the load balancer.
    pub balancer: String,
    /// The host of its rule.
    pub host: String,
    /// Of the rule.
    pub priority: i32,
    /// Name of the target group.
    pub target_group: String,
    /// The private DNS name.
    pub discovery: String,
    /// What was guessed.
    pub warnings: Vec<String>,
}

/// Reads what a service is joined to.
pub async fn names(aws: &Clients, asked: &Asked) -> Result<Names, Error> {
    let Asked {
        service,
        cluster,
        region,
        load_balancer,
        host,
        discovery: name,
    } = asked;
    let none = || Error::NoService(service.clone());
    if !ecs::cluster_active(aws, cluster).await? {
        return Err(none());
    }
    let own = ecs::Own {
        groups: Groups::default(),
        rules: (None, None),
        discovery: None,
        wanted: None,
    };
    let running = ecs::service(aws, cluster, service, &own)
        .await?
        .ok_or_else(none)?;
    let mut warnings = Vec::new();
    let joined = match &running.found.value.target_group {
        Join::Other(arn) => elb::target_group_names(aws, arn).await?,
        Join::None | Join::Ours | Join::Alternate | Join::Split(_) => None,
    };
    let (group, found_balancer) =
        joined.map_or((None, None), |(group, balancer)| (Some(group), balancer));
    let balancer = match load_balancer.clone().or(found_balancer) {
        Some(balancer) => balancer,
        None => only(
            elb::balancers(aws).await?,
            "load balancer",
            "--load-balancer NAME",
        )?,
    };
    // The rule that leads to its target group; where it has none, the rule for the host.
    let rules = match elb::load_balancer(aws, &balancer)
        .await?
        .and_then(|it| it.listener)
    {
        Some(listener) => elb::rule::all(aws, &listener, Groups::default()).await?,
        None => Vec::new(),
    };
    let group_arn = match &running.found.value.target_group {
        Join::Other(arn) => Some(arn),
        Join::None | Join::Ours | Join::Alternate | Join::Split(_) => None,
    };
    let rule = rules.iter().map(|rule| &rule.value).find(|rule| {
        let leads_here = matches!(&rule.forward, Join::Other(arn) if Some(arn) == group_arn);
        let is_for_host =
            group_arn.is_none() && host.as_ref().is_some_and(|host| rule.hosts.contains(host));
        leads_here || is_for_host
    });
    let rule_host = rule.and_then(|rule| rule.hosts.first().cloned());
    let host = host.clone().or(rule_host).ok_or_else(|| Error::Unknown {
        what: "no listener rule leads to the service, so AWS does not say its host name".to_owned(),
        fix: "say --host NAME".to_owned(),
    })?;
    // After every rule there is, if it has none.
    let last = rules
        .iter()
        .map(|rule| rule.value.priority)
        .max()
        .unwrap_or(0);
    let priority = rule.map_or(last + 1, |rule| rule.priority);
    let group = match (group, rule.map(|rule| &rule.forward)) {
        (Some(group), _) => group,
        (None, Some(Join::Other(arn))) => {
            warnings.push(format!(
                "the service is in no target group (loadBalancers is empty): nothing that the load balancer gets for {host} reaches it"
            ));
            elb::target_group_names(aws, arn)
                .await?
                .map(|(name, _)| name)
                .unwrap_or_default()
        }
        (None, _) => {
            warnings.push("the service is in no target group (loadBalancers is empty), and no rule leads to one".to_owned());
            let name: String = service.chars().take(26).collect();
            format!(
                "{}-{}",
                name.trim_end_matches('-'),
                running.definition.container.port
            )
        }
    };
    let found = match &running.found.value.discovery {
        Join::Other(arn) => discovery::dns_name(aws, arn).await?,
        Join::None | Join::Ours | Join::Alternate | Join::Split(_) => None,
    };
    let discovery = match name.clone().or(found) {
        Some(name) => name,
        None => {
            let namespace = only(
                discovery::namespaces(aws).await?,
                "DNS namespace",
                "--discovery NAME",
            )?;
            warnings.push(
                "the service has no private DNS name (serviceRegistries is empty)".to_owned(),
            );
            format!("{service}.{namespace}")
        }
    };
    Ok(Names {
        account: sts::account(aws).await?,
        region: region.clone(),
        cluster: cluster.clone(),
        running,
        balancer,
        host,
        priority,
        target_group: group,
        discovery,
        warnings,
    })
}

/// The one there is.
fn only(mut names: Vec<String>, what: &str, option: &str) -> Result<String, Error> {
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok(name),
        (one, _) => Err(Error::Unknown {
            what: format!(
                "the service is joined to no {what}, and there are {}",
                names.len() + usize::from(one.is_some())
            ),
            fix: format!("say {option}"),
        }),
    }
}
