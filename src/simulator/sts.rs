//! STS: who is calling, and sessions of roles.
//!
//! Takes STS calls; tells the front what an access key of a session is good for ([`session`]). A session's policies, tags and
//! MFA are refused: nothing here would heed them. Sessions are bounded and forgotten once they have ended.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{self, Answer, Call, Millis, Refusal};
use super::iam;
use super::world::World;
use crate::secret::Secret;
use crate::timestamp;

/// Sessions by access key id.
#[derive(Debug, Default)]
pub struct State {
    sessions: BTreeMap<String, Session>,
}

/// What a session's access key stands for.
#[derive(Debug, Clone)]
pub struct Session {
    /// What requests are signed with.
    pub secret: Secret<String>,
    /// What `X-Amz-Security-Token` must say.
    pub token: Secret<String>,
    /// `arn:aws:sts::…:assumed-role/role/session`.
    pub principal: String,
    /// `AROA…:session`.
    pub user_id: String,
    /// From then on it is refused as expired.
    pub expires: Millis,
}

/// AWS has no such quota; this bounds what a loop can fill.
const SESSIONS_MAX: usize = 1_000;
const SESSION_SECONDS: i64 = 3_600;
/// How long a task's session lasts; AWS does not say, and what a task reads there is about six hours.
const TASK_MILLIS: Millis = 6 * 3_600_000;
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>: of a role assumed with a role's credentials.
const CHAINED_SECONDS_MAX: i64 = 3_600;
const NOT_SIMULATED: [&str; 7] = [
    "Policy",
    "PolicyArns",
    "ProvidedContexts",
    "SerialNumber",
    "Tags",
    "TokenCode",
    "TransitiveTagKeys",
];
const VALIDATION: &str = "ValidationError";

/// Answers an STS call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "GetCallerIdentity" => {
            let arn = caller(world, call);
            let sessions = &world.sts.sessions;
            let session = sessions.values().find(|session| session.principal == arn);
            // A user has an id of its own and the root user the account's number; a user's is made from its name here.
            let user = arn.split_once(":user/").map(|(_, name)| name);
            let id = match (session, user) {
                (Some(session), _) => session.user_id.clone(),
                (None, Some(user)) => user_id(user),
                (None, None) => world.account.clone(),
            };
            Ok(json!({ "Account": world.account, "Arn": arn, "UserId": id }))
        }
        "AssumeRole" => assume_role(world, call),
        _ => Err(call.unknown_operation()),
    }
}

/// `AIDA` and seventeen capital letters or digits.
fn user_id(name: &str) -> String {
    let letters = name.bytes().filter(u8::is_ascii_alphanumeric);
    let letters: String = letters
        .map(|byte| char::from(byte.to_ascii_uppercase()))
        .take(17)
        .collect();
    format!("AIDA{letters:0<17}")
}

/// The session of an access key id, if it is one's; it may have ended.
pub fn session<'a>(world: &'a World, access_key_id: &str) -> Option<&'a Session> {
    world.sts.sessions.get(access_key_id)
}

fn caller(world: &World, call: &Call) -> String {
    let root = || format!("arn:aws:iam::{}:root", world.account);
    call.principal.clone().unwrap_or_else(root)
}

fn assume_role(world: &mut World, call: &Call) -> Answer {
    let role = call.required("RoleArn", VALIDATION)?;
    let name = call.required("RoleSessionName", VALIDATION)?;
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
    if !(2..=64).contains(&name.len()) || !name.chars().all(allowed) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\w+=,.@-]*"
        )));
    }
    if !(20..=2048).contains(&role.len()) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{role}' at 'roleArn' failed to satisfy constraint: Member must have length \
             greater than or equal to 20"
        )));
    }
    if !role.starts_with("arn:aws:iam::") {
        return Err(invalid(format!("{role} is invalid")));
    }
    if let Some(member) = NOT_SIMULATED
        .iter()
        .find(|member| call.get(member).is_some())
    {
        return Err(invalid(format!("{member} is not simulated")));
    }
    let seconds = call
        .optional_integer("DurationSeconds")?
        .unwrap_or(SESSION_SECONDS);
    if !(900..=43_200).contains(&seconds) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member must \
             have value between 900 and 43200"
        )));
    }
    let caller = caller(world, call);
    let external_id = call.optional_text("ExternalId")?;
    // A role that is not there and one that trusts somebody else look alike.
    let assumable = iam::assumable(world, role, &caller, external_id).ok_or_else(|| Refusal {
        code: "AccessDenied",
        message: format!(
            "User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}"
        ),
        status: 403,
    })?;
    if seconds > assumable.session_seconds_max {
        return Err(invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    if caller.contains(":assumed-role/") && seconds > CHAINED_SECONDS_MAX {
        return Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    let principal = principal(world, role, name);
    let user_id = format!("{}:{name}", assumable.id);
    let lasts = seconds.unsigned_abs() * 1_000;
    let (key, session) = begin(world, principal, user_id, call.now, lasts);
    let answer = json!({
        "Credentials": {
            "AccessKeyId": key, "SecretAccessKey": session.secret.expose(), "SessionToken": session.token.expose(),
            "Expiration": call::timestamp(session.expires),
        },
        "AssumedRoleUser": { "AssumedRoleId": session.user_id, "Arn": session.principal },
        "SourceIdentity": call.optional_text("SourceIdentity")?,
    });
    Ok(answer)
}

/// The credentials of a task's session of its role, as ECS's agent hands them out: the same ones until they have only half their
/// time left. Absent where the role does not trust ECS.
pub(super) fn of_task(world: &mut World, role: &str, task: &str, now: Millis) -> Option<Value> {
    let assumable = iam::assumable_by_service(world, role, "ecs-tasks.amazonaws.com")?;
    let principal = principal(world, role, task);
    let lasting = world.sts.sessions.iter().find(|(_, session)| {
        session.principal == principal && session.expires > now + TASK_MILLIS / 2
    });
    let (key, session) = match lasting {
        Some((key, session)) => (key.clone(), session.clone()),
        None => {
            let user_id = format!("{}:{task}", assumable.id);
            begin(world, principal, user_id, now, TASK_MILLIS)
        }
    };
    Some(json!({
        "RoleArn": role, "AccessKeyId": key, "SecretAccessKey": session.secret.expose(), "Token": session.token.expose(),
        "Expiration": timestamp::iso(session.expires),
    }))
}

fn principal(world: &World, role: &str, name: &str) -> String {
    let role = role.rsplit('/').next().unwrap_or_default();
    format!("arn:aws:sts::{}:assumed-role/{role}/{name}", world.account)
}

/// A new session and its access key id.
fn begin(
    world: &mut World,
    principal: String,
    user_id: String,
    now: Millis,
    lasts: Millis,
) -> (String, Session) {
    let key = format!("ASIA{}", world.hex(16).to_uppercase());
    let session = Session {
        secret: Secret::new(world.hex(40)),
        token: Secret::new(world.hex(128)),
        principal,
        user_id,
        expires: now.saturating_add(lasts),
    };
    let sessions = &mut world.sts.sessions;
    if sessions.len() >= SESSIONS_MAX {
        sessions.retain(|_, session| session.expires > now);
        let first = sessions
            .iter()
            .min_by_key(|(_, session)| session.expires)
            .map(|(key, _)| key.clone());
        if sessions.len() >= SESSIONS_MAX
            && let Some(first) = first
        {
            sessions.remove(&first);
        }
    }
    sessions.insert(key.clone(), session.clone());
    (key, session)
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(VALIDATION, message)
}
