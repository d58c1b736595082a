//! The normal form as a table: every field of a unit by path, and what is known of it.
//!
//! One row a field: what AWS fills in where nothing was said, whether order matters, who owns it, which manifest fields ask
//! for it, and where that is documented. `aws` takes its defaults from here while compiling ([`number`], [`flag`], [`text`]),
//! `plan` its owners and the manifest's lines, `explain` prints it. A test derives every path from the types of
//! [`resource`](super::resource) and fails for a path without a row and for a row of ours without a path.
//!
//! Rows whose owner is not [`Owner::Manifest`] are fields AWS returns that no manifest decides. They are in no type, so they
//! cannot differ. A member that AWS adds and this version's SDK does not know is dropped while reading: never written, nor seen.

use serde::Serialize;

mod table;

pub use table::TABLE;

/// What is known of one field.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Row {
    /// From [`Resources`](super::resource::Resources) down; `*` is a name of the writer's choice. Below a path that is
    /// JSON of AWS's own (a policy) everything belongs to it.
    pub path: &'static str,
    /// What AWS reads back where nothing was said.
    pub default: AwsDefault,
    /// Whether its parts have an order.
    pub order: Order,
    /// Who decides it.
    pub owner: Owner,
    /// The manifest's fields it is made from; none where the reconciler always writes the same.
    pub asks: &'static [&'static str],
    /// Where AWS says so.
    pub source: &'static str,
}

/// What AWS fills in by itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AwsDefault {
    /// Nothing: it is always sent.
    Required,
    /// It stays away.
    Absent,
    /// No entry.
    Empty,
    /// A number.
    Number(i32),
    /// A switch.
    Flag(bool),
    /// A text.
    Text(&'static str),
    /// From something else.
    Derived(&'static str),
}

/// What two values are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Order {
    /// It is one value.
    One,
    /// It is one value, and what the resource is found by: another value is another resource.
    Name,
    /// AWS answers in any order; both sides are sorted.
    Set,
    /// The order is part of the meaning.
    Sequence,
}

/// Who decides a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Owner {
    /// The manifest, by a field of its own or by this program's rule.
    Manifest,
    /// AWS fills it in and nobody changes it.
    Aws,
    /// Application Auto Scaling, within the manifest's bounds.
    AutoScaling,
    /// ECS, while it rolls out.
    Ecs,
    /// A service made it for itself, such as the alarms of target tracking.
    Generated,
}

impl Owner {
    /// Its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Owner::Manifest => "the manifest",
            Owner::Aws => "AWS's default",
            Owner::AutoScaling => "Application Auto Scaling",
            Owner::Ecs => "ECS",
            Owner::Generated => "AWS, which made it for itself",
        }
    }
}

impl Row {
    /// The manifest's fields for one path of this row: each `*` is what stands at its place there.
    pub fn asked_by(&self, path: &str) -> Vec<String> {
        let names: Vec<&str> = (self.path.split('.').zip(path.split('.')))
            .filter_map(|(row, name)| (row == "*").then_some(name))
            .collect();
        let fill = |ask: &&str| {
            let mut names = names.iter();
            let parts = ask.split('.').map(|part| match part {
                "*" => names.next().copied().unwrap_or("*"),
                part => part,
            });
            parts.collect::<Vec<_>>().join(".")
        };
        self.asks.iter().map(fill).collect()
    }
}

/// The row of a path: the longest that covers it, a name before a `*`.
pub fn row(path: &str) -> Option<&'static Row> {
    let covers = |row: &&Row| {
        let mut parts = path.split('.');
        row.path.split('.').all(|pattern| {
            parts
                .next()
                .is_some_and(|part| pattern == "*" || pattern == part)
        })
    };
    let exactness = |row: &&Row| (row.path.split('.').count(), !row.path.ends_with('*'));
    TABLE.iter().filter(covers).max_by_key(exactness)
}

/// AWS's default number of a path; a path without one does not compile.
pub const fn number(path: &str) -> i32 {
    match default(path) {
        AwsDefault::Number(number) => number,
        _ => absurd(),
    }
}

/// AWS's default of a switch; a path without one does not compile.
pub const fn flag(path: &str) -> bool {
    match default(path) {
        AwsDefault::Flag(flag) => flag,
        _ => absurd(),
    }
}

/// AWS's default text of a path; a path without one does not compile.
pub const fn text(path: &str) -> &'static str {
    match default(path) {
        AwsDefault::Text(text) => text,
        _ => absurd(),
    }
}

#[allow(clippy::panic, reason = "called in const blocks, so while compiling")]
const fn absurd() -> ! {
    panic!("the table of the normal form has no such default")
}

const fn default(path: &str) -> AwsDefault {
    let mut rows = TABLE;
    while let [row, rest @ ..] = rows {
        if same(row.path.as_bytes(), path.as_bytes()) {
            return row.default;
        }
        rows = rest;
    }
    absurd()
}

/// `==` of texts is not yet const.
const fn same(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([first, rest_a @ ..], [second, rest_b @ ..]) = (a, b) {
        if *first != *second {
            return false;
        }
        (a, b) = (rest_a, rest_b);
    }
    a.is_empty() && b.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_for_what_it_covers_and_says_which_fields_ask() {
        let rows = [
            ("target_group.port", vec!["spec.port"]),
            (
                "task_definition.container.environment.LOG_LEVEL",
                vec!["spec.task.environment.LOG_LEVEL"],
            ),
            (
                "task_definition.container.environment.PORT",
                vec!["spec.port"],
            ),
            ("execution_role.trust.Statement", vec!["spec.account"]),
        ];
        for (path, asks) in rows {
            assert_eq!(row(path).unwrap().asked_by(path), asks, "{path}");
        }
        assert_eq!(row("target_group.no_such"), None);
        assert!(row("service.desired_count").unwrap().owner == Owner::AutoScaling);
    }
}
