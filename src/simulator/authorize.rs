//! Whether a role's session may make the call it makes, as IAM decides before a service sees it.
//!
//! Takes a call, gives AWS's denial or nothing. Only sessions of this account's roles are held to their policies: access keys of users stand for
//! administrators here. Who may be handed to ECS (`iam:PassRole`) and who may tag what is made with tags are asked too. Of
//! condition keys it knows those of request tags, of PassRole and of Application Auto Scaling; any other is absent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::call::{Call, Refusal};
use super::world::World;
use super::{iam, tag};

/// One question to IAM.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Such as `ecs:UpdateService`.
    pub action: String,
    /// An ARN, or `*`.
    pub resource: String,
    /// Values of condition keys, which are in lower case.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Asked {
    /// Whether a policy document alone allows it.
    pub fn allowed_by(&self, document: &str) -> bool {
        iam::document_allows(document, self)
    }
}

const ACTIONS: &str = include_str!("authorize/actions.txt");

/// More than a test or a day of the demo asks.
const ASKED_MAX: usize = 10_000;

/// The denial of a call its caller's role does not allow. What was asked is noted in `asked`.
pub(super) fn denied(world: &World, call: &Call, asked: &mut BTreeSet<Asked>) -> Option<Refusal> {
    let principal = call.principal.as_deref()?;
    let session = format!("arn:aws:sts::{}:assumed-role/", world.account);
    let role = principal.strip_prefix(&session)?.split('/').next()?;
    for question in questions(world, call) {
        let allowed = iam::session_may(world, role, &question);
        let Asked {
            action, resource, ..
        } = &question;
        let refusal = (!allowed).then(|| Refusal {
            code: code(call.service),
            message: format!(
                "User: {principal} is not authorized to perform: {action} on resource: {resource} because no \
                 identity-based policy allows the {action} action"
            ),
            status: if QUERY.contains(&call.service) { 403 } else { 400 },
        });
        if asked.len() < ASKED_MAX {
            asked.insert(question);
        }
        if refusal.is_some() {
            return refusal;
        }
    }
    None
}

/// The services that speak XML, which answer a denial with 403 and a shorter word.
const QUERY: [&str; 6] = [
    "elasticloadbalancing",
    "iam",
    "monitoring",
    "route53",
    "sns",
    "sts",
];

fn code(service: &str) -> &'static str {
    match service {
        "ec2" => "UnauthorizedOperation",
        service if QUERY.contains(&service) => "AccessDenied",
        _ => "AccessDeniedException",
    }
}

/// Everything IAM is asked about a call.
fn questions(world: &World, call: &Call) -> Vec<Asked> {
    let prefix = match call.service {
        "monitoring" => "cloudwatch",
        service => service,
    };
    let action = format!("{prefix}:{}", call.operation);
    // "No permissions are required": https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    if action == "sts:GetCallerIdentity" {
        return Vec::new();
    }
    let context = context(call);
    let ask = |action: &str, resource: String| Asked {
        action: action.to_owned(),
        resource,
        context: context.clone(),
    };
    let rows = ACTIONS.lines().filter_map(|line| line.split_once(' '));
    let mut resources: Vec<String> = rows
        .filter(|(row, _)| *row == action)
        .flat_map(|(_, template)| filled(world, call, template))
        .collect();
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let mut questions: Vec<Asked> = resources
        .iter()
        .map(|resource| ask(&action, resource.clone()))
        .collect();
    // The right to make an alarm on alarms is on `*`, the right to tag it on the alarm.
    let alarm = || filled(world, call, "arn:aws:cloudwatch:R:A:alarm:{AlarmName}");
    let made = match action.as_str() {
        "cloudwatch:PutCompositeAlarm" => alarm().pop(),
        _ => resources.last().cloned(),
    };
    if let Some((action, resource)) = tagging(call, made) {
        questions.push(ask(action, resource));
    }
    questions.extend(passed(call).into_iter().map(|(role, to)| Asked {
        action: "iam:PassRole".to_owned(),
        resource: role.to_owned(),
        context: BTreeMap::from([("iam:passedtoservice".to_owned(), vec![to.to_owned()])]),
    }));
    questions
}

/// Roles that a call hands to a service. Of those that ECS itself assumes AWS writes only that they are passed, not that PassRole is
/// asked; for any other service it is: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>
fn passed(call: &Call) -> Vec<(&str, &'static str)> {
    match (call.service, call.operation.as_str()) {
        ("ecs", "RegisterTaskDefinition") => ["executionRoleArn", "taskRoleArn"]
            .into_iter()
            .filter_map(|role| Some((call.text(role)?, "ecs-tasks.amazonaws.com")))
            .collect(),
        ("ecs", "CreateService" | "UpdateService") => {
            let balancers = call.get("loadBalancers").and_then(Value::as_array);
            let balancers = balancers.into_iter().flatten();
            let balancers = balancers.map(|it| it.pointer("/advancedConfiguration/roleArn"));
            let hooks = call.get("deploymentConfiguration");
            let hooks = hooks.and_then(|it| it.get("lifecycleHooks")?.as_array());
            let hooks = hooks.into_iter().flatten().map(|it| it.get("roleArn"));
            let roles = balancers.chain(hooks).flatten();
            roles
                .filter_map(|role| Some((role.as_str()?, "ecs.amazonaws.com")))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Making something with tags is tagging it as well.
fn tagging(call: &Call, made: Option<String>) -> Option<(&'static str, String)> {
    if tags(call).is_empty() || call.operation.contains("Tag") {
        return None;
    }
    let made = made?;
    Some(match call.service {
        "ecs" => ("ecs:TagResource", made),
        // A rule's ARN is its listener's, continued.
        "elasticloadbalancing" => (
            "elasticloadbalancing:AddTags",
            match made.contains(":listener/") {
                true => format!("{}/0a", made.replace(":listener/", ":listener-rule/")),
                false => made,
            },
        ),
        "iam" => ("iam:TagRole", made),
        "logs" => ("logs:TagResource", made.trim_end_matches(":*").to_owned()),
        "monitoring" => ("cloudwatch:TagResource", made),
        "servicediscovery" => ("servicediscovery:TagResource", "*".to_owned()),
        "sns" => ("sns:TagResource", made),
        "application-autoscaling" => ("application-autoscaling:TagResource", made),
        _ => return None,
    })
}

/// Tags in the request, whichever way its service writes them.
fn tags(call: &Call) -> BTreeMap<String, String> {
    let of = |member| match call.get(member) {
        Some(Value::Array(list)) => tag::from_list(list).unwrap_or_default(),
        Some(Value::Object(map)) => map
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        _ => BTreeMap::new(),
    };
    let mut tags = of("tags");
    tags.extend(of("Tags"));
    tags
}

fn context(call: &Call) -> BTreeMap<String, Vec<String>> {
    let requested = tags(call).into_iter().map(|(key, value)| {
        (
            format!("aws:requesttag/{}", key.to_lowercase()),
            vec![value],
        )
    });
    let members = [
        (
            "ServiceNamespace",
            "application-autoscaling:service-namespace",
        ),
        (
            "ScalableDimension",
            "application-autoscaling:scalable-dimension",
        ),
    ];
    let scaling = members.into_iter().filter_map(|(member, key)| {
        let value = call
            .text(member)
            .filter(|_| call.service == "application-autoscaling")?;
        Some((key.to_owned(), vec![value.to_owned()]))
    });
    requested.chain(scaling).collect()
}

/// The resources a template stands for in this call; none where the call lacks a member, which its service will refuse.
fn filled(world: &World, call: &Call, template: &str) -> Vec<String> {
    let place = |text: &str| {
        text.replace(":R:", &format!(":{}:", world.region))
            .replace(":A:", &format!(":{}:", world.account))
    };
    let mut filled = vec![String::new()];
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((member, after)) = after.split_once('}') else {
            return Vec::new();
        };
        let whole = before.is_empty() && after.is_empty();
        let values = values(call, member);
        let last = |value: &String| match value.strip_prefix("arn:") {
            Some(arn) if !whole => match arn.split_once(":parameter") {
                // A parameter's name has slashes of its own.
                Some((_, name)) => name.to_owned(),
                None => arn.rsplit('/').next().unwrap_or(arn).to_owned(),
            },
            _ => value.clone(),
        };
        filled = filled
            .iter()
            .flat_map(|begun| {
                let before = place(before);
                values
                    .iter()
                    .map(move |value| format!("{begun}{before}{}", last(value)))
            })
            .collect();
        rest = after;
    }
    let end = place(rest);
    filled.iter().map(|begun| format!("{begun}{end}")).collect()
}

/// A member's value, or values; `Outer.Inner` is the inner member of each of a list.
fn values(call: &Call, member: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match member.split_once('.') {
        Some((outer, inner)) => call
            .list(outer)
            .iter()
            .filter_map(|item| text(item.get(inner)?))
            .collect(),
        None => match call.get(member) {
            Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
            Some(value) => text(value).into_iter().collect(),
            None => Vec::new(),
        },
    }
}
