//! What policies decide: an explicit deny first, then any allow, then an implicit deny.
//!
//! Pure. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>

use std::collections::BTreeSet;

use serde_json::Value;

use super::condition::{Context, substituted};
use super::document::{Range, Statement, statements, texts};

/// What is asked: an action (`ssm:GetParameters`) on a resource (an ARN, or `*` for any).
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub action: &'a str,
    pub resource: &'a str,
    /// Absent: conditions are taken as met.
    pub context: Option<&'a Context>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Allowed,
    ExplicitDeny,
    ImplicitDeny,
}

/// A decision with the statements that made it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub decision: Decision,
    /// The document's place in the list, and the statement's in the document.
    pub matched: Vec<(usize, Range)>,
    /// Condition keys of statements on this action and resource that the context lacks.
    pub missing: BTreeSet<String>,
}

impl Decision {
    /// As IAM spells it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Decision::Allowed => "allowed",
            Decision::ExplicitDeny => "explicitDeny",
            Decision::ImplicitDeny => "implicitDeny",
        }
    }
}

/// What the documents decide together.
pub(super) fn decide<'a>(
    documents: impl IntoIterator<Item = &'a str>,
    request: Request<'_>,
) -> Outcome {
    let (mut allowing, mut denying, mut missing) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (number, document) in documents.into_iter().enumerate() {
        for statement in statements(document) {
            if !concerns(&statement, request) {
                continue;
            }
            if let Some(context) = request.context {
                let conditions = statement.conditions.iter();
                let absent = conditions.filter(|condition| !context.contains_key(&condition.key));
                missing.extend(absent.map(|condition| condition.name.clone()));
                if !statement
                    .conditions
                    .iter()
                    .all(|condition| condition.holds(context))
                {
                    continue;
                }
            }
            let matched = if statement.allows {
                &mut allowing
            } else {
                &mut denying
            };
            matched.push((number, statement.range));
        }
    }
    let (decision, matched) = match (denying.is_empty(), allowing.is_empty()) {
        (false, _) => (Decision::ExplicitDeny, denying),
        (true, false) => (Decision::Allowed, allowing),
        (true, true) => (Decision::ImplicitDeny, Vec::new()),
    };
    Outcome {
        decision,
        matched,
        missing,
    }
}

fn concerns(statement: &Statement, request: Request<'_>) -> bool {
    let action = request.action.to_lowercase();
    let empty = Context::new();
    let context = request.context.unwrap_or(&empty);
    statement
        .actions
        .fit(|pattern| like(&pattern.to_lowercase(), &action))
        && statement.resources.fit(|pattern| {
            substituted(pattern, context).is_some_and(|pattern| like(&pattern, request.resource))
        })
}

/// Who asks to assume a role.
#[derive(Clone, Copy)]
pub(super) enum Principal<'a> {
    /// Such as `ecs-tasks.amazonaws.com`.
    Service(&'a str),
    /// A user, role or session by ARN.
    Arn(&'a str),
}

/// Whether a trust policy lets `principal` assume the role. `context` as in [`Request`].
pub(super) fn trusts(document: &str, principal: Principal<'_>, context: Option<&Context>) -> bool {
    let (mut allowed, mut denied) = (false, false);
    for statement in statements(document) {
        let is_meant = match (&statement.principal, &statement.not_principal) {
            (Some(named), _) => names(named, principal),
            (None, Some(named)) => !names(named, principal),
            (None, None) => false,
        };
        let holds = context.is_none_or(|context| {
            statement
                .conditions
                .iter()
                .all(|condition| condition.holds(context))
        });
        if is_meant
            && holds
            && statement
                .actions
                .fit(|pattern| like(&pattern.to_lowercase(), "sts:assumerole"))
        {
            allowed |= statement.allows;
            denied |= !statement.allows;
        }
    }
    allowed && !denied
}

/// An account's number or root stands for everybody in it.
fn names(named: &Value, principal: Principal<'_>) -> bool {
    if named.as_str() == Some("*") {
        return true;
    }
    let of = |kind: &str| named.get(kind).map(texts).unwrap_or_default();
    match principal {
        Principal::Service(service) => of("Service").iter().any(|name| name == service),
        Principal::Arn(arn) => {
            let account = arn.split(':').nth(4).unwrap_or_default();
            let root = format!("arn:aws:iam::{account}:root");
            of("AWS")
                .iter()
                .any(|name| name == "*" || name == arn || name == account || *name == root)
        }
    }
}

/// Whether `text` is of the form `pattern`, where `*` stands for any run and `?` for any one character.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // The last star seen, and where in the text it was tried: on a mismatch it swallows one character more.
    let (mut at, mut in_text, mut star) = (0, 0, None);
    while in_text < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            _ => {
                let Some((star_at, tried)) = star else {
                    return false;
                };
                star = Some((star_at, tried + 1));
                at = star_at + 1;
                in_text = tried + 1;
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_iam() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xxaxxb", true),
            (
                "arn:aws:ssm:*:*:parameter/x/*",
                "arn:aws:ssm:us-east-1:1:parameter/x/y",
                true,
            ),
            (
                "arn:aws:ssm:*:*:parameter/x/*",
                "arn:aws:ssm:us-east-1:1:parameter/z/y",
                false,
            ),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_denial_wins_and_silence_is_a_denial() {
        use Decision::{Allowed, ExplicitDeny, ImplicitDeny};
        let allow = r#"{"Statement":{"Effect":"Allow","Action":"ssm:Get*","Resource":"*"}}"#;
        let deny =
            r#"{"Statement":[{"Effect":"Deny","NotAction":"ssm:GetParameters","Resource":"*"}]}"#;
        let tagged = r#"{"Statement":{"Effect":"Allow","Action":"ssm:*","Resource":"arn:aws:ssm:*:*:parameter/${aws:PrincipalTag/unit}/*",
            "Condition":{"StringEquals":{"aws:RequestTag/unit":"a"}}}}"#;
        let context = Context::from([("aws:principaltag/unit".to_owned(), vec!["a".to_owned()])]);
        let tags = Context::from([
            ("aws:principaltag/unit".to_owned(), vec!["a".to_owned()]),
            ("aws:requesttag/unit".to_owned(), vec!["a".to_owned()]),
        ]);
        let parameter = "arn:aws:ssm:us-east-1:1:parameter/a/b";
        for (documents, action, context, expected) in [
            (vec![allow], "ssm:GetParameter", None, Allowed),
            (vec![allow], "SSM:getparameter", None, Allowed),
            (vec![allow, deny], "ssm:GetParameter", None, ExplicitDeny),
            (vec![allow, deny], "ssm:GetParameters", None, Allowed),
            (vec![allow], "logs:PutLogEvents", None, ImplicitDeny),
            (vec![], "ssm:GetParameter", None, ImplicitDeny),
            (
                vec![tagged],
                "ssm:PutParameter",
                Some(&context),
                ImplicitDeny,
            ),
            (vec![tagged], "ssm:PutParameter", Some(&tags), Allowed),
        ] {
            let request = Request {
                action,
                resource: parameter,
                context,
            };
            let outcome = decide(documents.iter().copied(), request);
            assert_eq!(outcome.decision, expected, "{documents:?} {action}");
            assert_eq!(outcome.matched.is_empty(), expected == ImplicitDeny);
        }
        let request = Request {
            action: "ssm:PutParameter",
            resource: parameter,
            context: Some(&context),
        };
        let missing = decide([tagged], request).missing;
        assert_eq!(
            missing.into_iter().collect::<Vec<_>>(),
            ["aws:RequestTag/unit"]
        );
    }
}
