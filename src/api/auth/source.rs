//! Where the keys are read again from: a parameter of SSM, or a secret of Secrets Manager.
//!
//! Takes its name, gives the value as it is now, by one call with the task's role. What the value means is `entry`'s matter.

use crate::aws_json::account::{Account, CallError, SECRETS_MANAGER, SSM};
use crate::secret::Secret;
use serde_json::{Value, json};

/// As long as SSM lets an ARN be.
const CHARS_MAX: usize = 1011;

/// A name or ARN, and the service that knows it.
pub struct Source {
    name: String,
    kind: Kind,
    account: Account,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Parameter,
    Secret,
}

/// Why the value is not known.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// AWS gave none.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A secret of bytes, or an answer without a value.
    #[error("it has no text")]
    NoText,
}

impl Source {
    /// From a parameter's name (`/path/name`) or ARN, or a secret's ARN.
    ///
    /// # Errors
    /// The rule it breaks, as a sentence that follows the setting's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let kind = if !text.starts_with("arn:") {
            text.starts_with('/').then_some(Kind::Parameter)
        } else {
            match text.split(':').nth(2) {
                Some("ssm") => Some(Kind::Parameter),
                Some("secretsmanager") => Some(Kind::Secret),
                _ => None,
            }
        };
        let visible = text.len() <= CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        let kind = kind.filter(|_| visible).ok_or(
            "must be an SSM parameter's name that begins with /, its ARN, or the ARN of a secret of Secrets Manager",
        )?;
        let account = Account::of(match kind {
            Kind::Parameter => &SSM,
            Kind::Secret => &SECRETS_MANAGER,
        });
        Ok(Self {
            name: text.to_owned(),
            kind,
            account,
        })
    }

    /// The value now.
    ///
    /// # Errors
    /// `Unread`.
    pub async fn read(&self) -> Result<Secret<String>, Unread> {
        let mut answer = match self.kind {
            Kind::Parameter => {
                let arguments = json!({ "Name": self.name, "WithDecryption": true });
                self.account.call("GetParameter", &arguments).await?
            }
            Kind::Secret => {
                let arguments = json!({ "SecretId": self.name });
                self.account.call("GetSecretValue", &arguments).await?
            }
        };
        let value = match self.kind {
            Kind::Parameter => answer["Parameter"]["Value"].take(),
            Kind::Secret => answer["SecretString"].take(),
        };
        match value {
            Value::String(text) => Ok(Secret::new(text)),
            _ => Err(Unread::NoText),
        }
    }
}

/// A name is no secret; what it names is not held here.
impl std::fmt::Debug for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Source};

    #[test]
    fn a_name_or_an_arn_says_which_service_knows_it() {
        for (text, kind) in [
            (
                "/hokusai/development/contracts/api_keys",
                Some(Kind::Parameter),
            ),
            (
                "arn:aws:ssm:us-east-1:932100697590:parameter/a/b",
                Some(Kind::Parameter),
            ),
            (
                "arn:aws:secretsmanager:us-east-1:932100697590:secret:keys-AbCdEf",
                Some(Kind::Secret),
            ),
            ("api_keys", None),
            ("arn:aws:s3:::bucket", None),
            ("/a b", None),
        ] {
            assert_eq!(
                Source::parse(text).ok().map(|source| source.kind),
                kind,
                "{text}"
            );
        }
    }
}
