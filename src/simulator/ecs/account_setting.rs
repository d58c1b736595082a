//! Account settings: what new resources of ECS get by default.
//!
//! Takes the calls about them, keeps what was set. One principal acts here, so its settings and the account's default are
//! one. None changes what the simulator does, but for Container Insights of new clusters.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{self, invalid, parse};
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

/// Name, what AWS starts with, what may be set (API_PutAccountSetting; the long ARN formats cannot be turned off any more).
const SETTINGS: [(&str, &str, &[&str]); 10] = [
    ("awsvpcTrunking", "disabled", &["enabled", "disabled"]),
    (
        "containerInsights",
        "disabled",
        &["enabled", "disabled", "enhanced"],
    ),
    ("containerInstanceLongArnFormat", "enabled", &["enabled"]),
    (
        "defaultLogDriverMode",
        "non-blocking",
        &["blocking", "non-blocking"],
    ),
    ("fargateFIPSMode", "disabled", &["enabled", "disabled"]),
    ("fargateTaskRetirementWaitPeriod", "7", &["0", "7", "14"]),
    ("guardDutyActivate", "off", &["on", "off"]),
    ("serviceLongArnFormat", "enabled", &["enabled"]),
    ("tagResourceAuthorization", "off", &["on", "off"]),
    ("taskLongArnFormat", "enabled", &["enabled"]),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Put {
    name: String,
    value: String,
    #[serde(rename = "principalArn")]
    _principal_arn: Option<String>,
}

pub(super) fn put(world: &mut World, call: &Call) -> Answer {
    let Put {
        name,
        value,
        _principal_arn: _,
    } = parse(call)?;
    let (_, _, allowed) = row(&name)?;
    if name == "guardDutyActivate" {
        return Err(invalid("The setting guardDutyActivate is read-only."));
    }
    if !allowed.contains(&value.as_str()) {
        return Err(invalid(format!(
            "Invalid value {value} for the setting {name}; it must be one of {}.",
            allowed.join(", ")
        )));
    }
    let shown = shown(world, &name, &value);
    world.ecs.settings.insert(name, value);
    Ok(json!({ "setting": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Delete {
    name: String,
    #[serde(rename = "principalArn")]
    _principal_arn: Option<String>,
}

/// The setting goes back to its default.
pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let Delete {
        name,
        _principal_arn: _,
    } = parse(call)?;
    row(&name)?;
    let value = world.ecs.settings.remove(&name).unwrap_or_default();
    Ok(json!({ "setting": shown(world, &name, &value) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    name: Option<String>,
    value: Option<String>,
    #[serde(rename = "principalArn")]
    _principal_arn: Option<String>,
    effective_settings: Option<bool>,
}

/// Those that were set; with `effectiveSettings` all.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let List {
        name,
        value,
        _principal_arn: _,
        effective_settings,
    } = parse(call)?;
    if let Some(name) = &name {
        row(name)?;
    }
    let all = SETTINGS.iter().filter_map(|(known, default, _)| {
        let set = world.ecs.settings.get(*known).map(String::as_str);
        let default = effective_settings.unwrap_or(false).then_some(*default);
        Some((*known, set.or(default)?))
    });
    let wanted = all.filter(|(known, set)| {
        name.as_ref().is_none_or(|name| name == known)
            && value.as_ref().is_none_or(|value| value == set)
    });
    let settings = wanted.map(|(name, value)| shown(world, name, value));
    let settings = settings.collect();
    input::page(call, "settings", settings, 10)
}

/// What a setting is now.
pub(super) fn value<'a>(world: &'a World, name: &str) -> Option<&'a str> {
    world.ecs.settings.get(name).map(String::as_str)
}

fn shown(world: &World, name: &str, value: &str) -> Value {
    json!({
        "name": name, "value": value, "principalArn": format!("arn:aws:iam::{}:root", world.account), "type": "user",
    })
}

fn row(
    name: &str,
) -> Result<&'static (&'static str, &'static str, &'static [&'static str]), Refusal> {
    let found = SETTINGS.iter().find(|(known, _, _)| *known == name);
    found.ok_or_else(|| invalid(format!("The setting {name} is not known.")))
}
