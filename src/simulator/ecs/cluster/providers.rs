//! Capacity providers: the two that Fargate gives every account, and strategies made of them.
//!
//! Takes strategies as callers write them, checks AWS's rules (API_CapacityProviderStrategyItem). Both providers are the same
//! machine here. Providers of container instances are not modelled and are unknown.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::cluster;
use super::super::input::{self, invalid, parse};
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in super::super) enum Provider {
    Fargate,
    FargateSpot,
}

/// One entry of a strategy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct ProviderItem {
    pub(in super::super) capacity_provider: Provider,
    #[serde(default)]
    weight: u32,
    #[serde(default)]
    base: u32,
}

impl Provider {
    pub(in super::super) fn as_str(self) -> &'static str {
        match self {
            Provider::Fargate => "FARGATE",
            Provider::FargateSpot => "FARGATE_SPOT",
        }
    }
}

/// Whether a strategy holds together, and its providers are among those of the cluster.
pub(in super::super) fn check(items: &[ProviderItem], known: &[Provider]) -> Result<(), Refusal> {
    for item in items {
        if item.weight > 1_000 || item.base > 100_000 {
            return Err(invalid(
                "A capacity provider's weight must be between 0 and 1000 and its base between 0 and 100000.",
            ));
        }
        if !known.contains(&item.capacity_provider) {
            return Err(invalid(format!(
                "The specified capacity provider '{}' is not associated with the cluster.",
                item.capacity_provider.as_str()
            )));
        }
        let same = |other: &&ProviderItem| other.capacity_provider == item.capacity_provider;
        if items.iter().filter(same).count() > 1 {
            return Err(invalid(
                "A capacity provider can only be specified once in a strategy.",
            ));
        }
    }
    if items.iter().filter(|item| item.base > 0).count() > 1 {
        return Err(invalid(
            "The specified capacity provider strategy is not valid: only one capacity provider can have a base.",
        ));
    }
    if items.len() > 1 && items.iter().all(|item| item.weight == 0) {
        return Err(invalid(
            "The specified capacity provider strategy is not valid: at least one weight must be greater than 0.",
        ));
    }
    Ok(())
}

/// Whether a strategy may be used in the cluster.
pub(in super::super) fn check_in(
    world: &World,
    cluster: &str,
    items: &[ProviderItem],
) -> Result<(), Refusal> {
    check(items, &cluster::get(world, Some(cluster))?.providers)
}

pub(in super::super) fn to_value(items: &[ProviderItem]) -> Value {
    let item = |item: &ProviderItem| {
        let ProviderItem {
            capacity_provider,
            weight,
            base,
        } = item;
        json!({ "capacityProvider": capacity_provider.as_str(), "weight": weight, "base": base })
    };
    items.iter().map(item).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Describe {
    #[serde(default)]
    capacity_providers: Vec<String>,
    cluster: Option<String>,
    // Neither provider has tags.
    #[serde(default, rename = "include")]
    _include: Vec<String>,
}

/// AWS's largest page.
const PAGE_MAX: usize = 10;

pub(in super::super) fn describe(world: &mut World, call: &Call) -> Answer {
    let Describe {
        capacity_providers: wanted,
        cluster,
        _include: _,
    } = parse(call)?;
    if let Some(cluster) = cluster {
        cluster::find(world, Some(&cluster))?;
    }
    if wanted.len() > 100
        || call
            .integer("maxResults")
            .is_some_and(|size| !(1..=10).contains(&size))
    {
        return Err(invalid(
            "At most 100 capacity providers can be named, and maxResults must be between 1 and 10.",
        ));
    }
    let all = [Provider::Fargate, Provider::FargateSpot];
    let is = |provider: Provider, wanted: &String| {
        input::name(world, "capacity-provider", wanted) == Some(provider.as_str())
    };
    let shown = all
        .into_iter()
        .filter(|provider| wanted.is_empty() || wanted.iter().any(|name| is(*provider, name)))
        .map(|provider| {
            let name = provider.as_str();
            json!({
                "capacityProviderArn": world.arn("ecs", &format!("capacity-provider/{name}")),
                "name": name, "status": "ACTIVE", "type": name, "tags": [],
            })
        });
    let mut output = input::page(call, "capacityProviders", shown.collect(), PAGE_MAX)?;
    let unknown = wanted
        .iter()
        .filter(|name| !all.iter().any(|provider| is(*provider, name)));
    output["failures"] = unknown
        .map(|name| {
            let arn = match name.starts_with("arn:") {
                true => name.clone(),
                false => world.arn("ecs", &format!("capacity-provider/{name}")),
            };
            input::missing(arn)
        })
        .collect();
    Ok(output)
}
