//! Whether a role's inline policies allow one action on one resource.
//!
//! Takes policies in the normal form of `aws::iam` (every Action and Resource a list). Looks at Allow and Deny, at `*` and `?`; not at
//! conditions, `NotAction`, `NotResource`, boundaries or the organisation's policies: IAM's own simulator is for those.

use serde_json::Value;

use crate::reconciler::pattern::matches;
use crate::reconciler::resource::Role;

/// Allowed by some statement and denied by none.
pub fn may(role: &Role, action: &str, resource: &str) -> bool {
    let matching = |effect: &str| {
        role.policies
            .values()
            .flat_map(|policy| policy["Statement"].as_array().into_iter().flatten())
            .filter(|statement| statement["Effect"] == effect)
            .any(|statement| {
                any(&statement["Action"], &action.to_ascii_lowercase(), true)
                    && any(&statement["Resource"], resource, false)
            })
    };
    matching("Allow") && !matching("Deny")
}

/// Actions are compared without regard to case, ARNs with.
fn any(patterns: &Value, text: &str, lowercase: bool) -> bool {
    let patterns = patterns.as_array().into_iter().flatten();
    patterns.filter_map(Value::as_str).any(|pattern| {
        if lowercase {
            matches(&pattern.to_ascii_lowercase(), text)
        } else {
            matches(pattern, text)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;

    use super::*;

    #[test]
    fn a_grant_covers_what_its_patterns_match_unless_denied() {
        let prefix = "arn:aws:ssm:us-east-1:1:parameter/hokusai/development/contracts/";
        let role = |effect: &str, resource: &str| {
            let deny = json!({ "Effect": effect, "Action": ["ssm:*"], "Resource": [resource] });
            let allow = json!({ "Effect": "Allow", "Action": ["ssm:GetParameter", "ssm:getparameters"], "Resource": [format!("{prefix}*")] });
            Role {
                name: String::new(),
                trust: json!({}),
                policies: BTreeMap::from([("p".to_owned(), json!({ "Statement": [allow, deny] }))]),
                attached: BTreeSet::new(),
            }
        };
        let wanted = format!("{prefix}redis_url");
        let elsewhere = wanted.replace("development", "production");
        assert!(may(&role("Deny", "other"), "ssm:GetParameters", &wanted));
        assert!(!may(
            &role("Deny", "other"),
            "ssm:GetParameters",
            &elsewhere
        ));
        assert!(!may(&role("Deny", "other"), "ssm:PutParameter", &wanted));
        assert!(!may(
            &role("Deny", "*/redis_???"),
            "ssm:GetParameters",
            &wanted
        ));
        assert!(may(&role("Allow", "*"), "ssm:PutParameter", &elsewhere));
    }
}
