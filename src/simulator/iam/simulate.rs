//! SimulatePrincipalPolicy and SimulateCustomPolicy: what policies decide about actions, without doing them.
//!
//! Reads roles and managed policies, changes nothing. Resource policies, service control policies and policy exclusions are
//! refused. The account's own users have no policies here: they are its administrators.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use serde_json::{Value, json};

use super::condition::Context;
use super::document;
use super::evaluate::{Decision, Outcome, Request, decide};
use super::{VALIDATION, invalid, listed, missing, policy, with_arn};
use crate::simulator::call::{Answer, Call, Refusal, boolean};
use crate::simulator::world::World;

const ACTION_CHARACTERS_MAX: usize = 128;
/// Actions times resources; AWS bounds the request's size instead.
const COMBINATIONS_MAX: usize = 10_000;
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
/// What the simulation would have to take into account and does not.
const NOT_SIMULATED: [&str; 4] = [
    "ResourcePolicy",
    "OrderedOrganizationPolicyInputList",
    "PolicyExclusionList",
    "ResourceHandlingOption",
];

/// A policy document with the name and kind IAM gives it in a result.
struct Source {
    id: String,
    kind: &'static str,
    document: String,
}

pub(super) fn simulate_principal_policy(world: &World, call: &Call) -> Answer {
    let arn = call.required("PolicySourceArn", VALIDATION)?;
    let (mut sources, mut boundary) = sources_of(world, arn)?;
    let (more, given_boundary) = given(call)?;
    sources.extend(more);
    // A boundary in the request stands in for the role's own.
    boundary = given_boundary.or(boundary);
    simulate(world, call, arn, &sources, boundary.as_deref())
}

pub(super) fn simulate_custom_policy(world: &World, call: &Call) -> Answer {
    let (sources, boundary) = given(call)?;
    if sources.is_empty() {
        return Err(invalid(
            "1 validation error detected: Value null at 'policyInputList' failed to satisfy constraint: Member must not be null",
        ));
    }
    let caller = call.optional_text("CallerArn")?.unwrap_or_default();
    simulate(world, call, caller, &sources, boundary.as_deref())
}

/// The policies of a role or user of the account, and of its boundary.
fn sources_of(world: &World, arn: &str) -> Result<(Vec<Source>, Option<Vec<Source>>), Refusal> {
    let managed = |arn: &str| {
        Some(Source {
            id: arn.rsplit('/').next().unwrap_or(arn).to_owned(),
            kind: if policy::is_aws(arn) {
                "aws-managed"
            } else {
                "user-managed"
            },
            document: policy::default_document(&world.iam, arn)?.to_owned(),
        })
    };
    if let Some(role) = with_arn(world, arn) {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        let inline = role.inline.iter().map(|(policy, document)| Source {
            id: format!("role_{name}_{policy}"),
            kind: "role",
            document: document.clone(),
        });
        let attached = role.attached.iter().filter_map(|arn| managed(arn));
        let boundary = role.boundary.as_deref().and_then(managed);
        return Ok((
            inline.chain(attached).collect(),
            boundary.map(|source| vec![source]),
        ));
    }
    let own = format!("arn:aws:iam::{}:", world.account);
    match arn.strip_prefix(&own).and_then(|rest| rest.split_once('/')) {
        Some(("user", _)) => Ok((managed(ADMINISTRATOR).into_iter().collect(), None)),
        Some(("role" | "group", name)) => {
            let name = name.rsplit('/').next().unwrap_or(name);
            Err(missing(format!(
                "The entity with name {name} cannot be found."
            )))
        }
        _ => Err(Refusal::new(
            "InvalidInput",
            format!("Invalid Entity Arn: {arn} does not clearly define entity type and name."),
        )),
    }
}

/// The policies and boundary in the request.
fn given(call: &Call) -> Result<(Vec<Source>, Option<Vec<Source>>), Refusal> {
    let read = |member: &str, kind: &'static str| {
        let documents = call.optional_texts(member)?;
        (1..)
            .zip(documents)
            .map(|(number, document)| {
                document::check_inline(&document)
                    .map_err(|refusal| Refusal::new("InvalidInput", refusal.message))?;
                Ok(Source {
                    id: format!("{member}.{number}"),
                    kind,
                    document,
                })
            })
            .collect::<Result<Vec<_>, Refusal>>()
    };
    let boundary = read("PermissionsBoundaryPolicyInputList", "none")?;
    Ok((
        read("PolicyInputList", "none")?,
        Some(boundary).filter(|list| !list.is_empty()),
    ))
}

fn simulate(
    world: &World,
    call: &Call,
    caller: &str,
    sources: &[Source],
    boundary: Option<&[Source]>,
) -> Answer {
    if let Some(member) = NOT_SIMULATED
        .iter()
        .find(|member| call.get(member).is_some())
    {
        return Err(Refusal::new(
            "InvalidInput",
            format!("{member} is not simulated."),
        ));
    }
    let actions = call.optional_texts("ActionNames")?;
    if actions.is_empty() {
        return Err(invalid(
            "1 validation error detected: Value null at 'actionNames' failed to satisfy constraint: Member must not be null",
        ));
    }
    for action in &actions {
        let (service, name) = action.split_once(':').unwrap_or_default();
        let letters = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        };
        if !letters(service) || !letters(name) || action.len() > ACTION_CHARACTERS_MAX {
            return Err(Refusal::new(
                "InvalidInput",
                format!("Invalid Action: {action}"),
            ));
        }
    }
    let mut resources = call.optional_texts("ResourceArns")?;
    if let Some(wrong) = resources
        .iter()
        .find(|arn| *arn != "*" && !arn.starts_with("arn:"))
    {
        return Err(Refusal::new(
            "InvalidInput",
            format!("Invalid Resource Arn: {wrong}"),
        ));
    }
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    if actions.len() * resources.len() > COMBINATIONS_MAX {
        return Err(Refusal::new(
            "InvalidInput",
            "Too many actions and resources at once.",
        ));
    }
    let context = context(world, call, caller)?;
    let mut entries = Vec::new();
    for action in &actions {
        for resource in &resources {
            let request = Request {
                action,
                resource,
                context: Some(&context),
            };
            let outcome = decide(
                sources.iter().map(|source| source.document.as_str()),
                request,
            );
            let within = boundary.map(|boundary| {
                decide(
                    boundary.iter().map(|source| source.document.as_str()),
                    request,
                )
            });
            let key = format!("{:08}", entries.len());
            entries.push((
                key,
                shown(action, resource, sources, &outcome, within.as_ref()),
            ));
        }
    }
    listed(call, "EvaluationResults", entries.into_iter())
}

/// The context keys in the request, and those every request has.
fn context(world: &World, call: &Call, caller: &str) -> Result<Context, Refusal> {
    let mut context = Context::from([
        (
            "aws:principalaccount".to_owned(),
            vec![world.account.clone()],
        ),
        ("aws:requestedregion".to_owned(), vec![world.region.clone()]),
    ]);
    if !caller.is_empty() {
        context.insert("aws:principalarn".to_owned(), vec![caller.to_owned()]);
    }
    for entry in call.structures("ContextEntries")? {
        let key = entry.required("ContextKeyName", VALIDATION)?.to_lowercase();
        let values = entry.optional_texts("ContextKeyValues")?;
        let kind = entry.optional_text("ContextKeyType")?.unwrap_or("string");
        let fits = |value: &String| match kind.strip_suffix("List").unwrap_or(kind) {
            "boolean" => boolean(&json!(value)).is_some(),
            "numeric" => value.parse::<f64>().is_ok(),
            _ => true,
        };
        if values.is_empty()
            || !values.iter().all(fits)
            || (values.len() > 1 && !kind.ends_with("List"))
        {
            return Err(Refusal::new(
                "InvalidInput",
                format!("The values of the context key {key} are not of type {kind}"),
            ));
        }
        context.insert(key, values);
    }
    Ok(context)
}

fn shown(
    action: &str,
    resource: &str,
    sources: &[Source],
    outcome: &Outcome,
    boundary: Option<&Outcome>,
) -> Value {
    let within = boundary.map(|boundary| boundary.decision == Decision::Allowed);
    let decision = match (outcome.decision, boundary.map(|boundary| boundary.decision)) {
        (Decision::Allowed, Some(limit)) => limit,
        (decision, _) => decision,
    };
    let matched = outcome.matched.iter().filter_map(|(number, range)| {
        let source = sources.get(*number)?;
        let place = |(line, column): (usize, usize)| json!({ "Line": line, "Column": column });
        Some(json!({
            "SourcePolicyId": source.id, "SourcePolicyType": source.kind,
            "StartPosition": place(range.start), "EndPosition": place(range.end),
        }))
    });
    json!({
        "EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision.word(),
        "MatchedStatements": matched.collect::<Vec<_>>(), "MissingContextValues": outcome.missing,
        "PermissionsBoundaryDecisionDetail": within.map(|within| json!({ "AllowedByPermissionsBoundary": within })),
    })
}
