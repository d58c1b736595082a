//! What AWS fills in where a caller says nothing: one table, a row a field, each with its source.
//!
//! The services take their defaults from here, so a changed row changes the answer; a row that no service uses does not compile
//! without a warning. `tests/conformance/defaults.py` makes each bare resource and reads every row back through boto3.

pub(super) mod discovery;
pub(super) mod ecs;
pub(super) mod elbv2;
pub(super) mod scaling;
pub(super) mod small;

use serde::Serialize;

/// One field.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Row {
    /// The service, by boto3's name.
    pub service: &'static str,
    /// The resource, made with nothing but what must be given.
    pub resource: &'static str,
    /// Where the field is in what a read gives of the resource: members and indices joined by dots. Of a list of attributes, the key.
    pub path: &'static str,
    /// What is there.
    #[serde(flatten)]
    pub value: Filled,
    /// Where AWS says so, or who recorded it.
    pub source: &'static str,
}

/// What a field is filled with.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filled {
    /// Text.
    #[serde(rename = "value")]
    Text(&'static str),
    /// A whole number that is never negative.
    #[serde(rename = "value")]
    Count(u32),
    /// A boolean.
    #[serde(rename = "value")]
    Boolean(bool),
    /// A list with nothing in it.
    #[serde(rename = "value")]
    Empty([(); 0]),
    /// It follows from something else: text in which `{…}` stands for that.
    Derived(&'static str),
    /// Nothing: the member is not read back at all.
    Absent(()),
}

/// A list with nothing in it.
const EMPTY: Filled = Filled::Empty([]);
/// A member that is not read back at all.
const ABSENT: Filled = Filled::Absent(());

/// Rows of one resource. A named one makes a constant of its value for the code that fills the field in; one after `@` says
/// what follows from no constant.
macro_rules! rows {
    (@type Text) => { &'static str };
    (@type Count) => { u32 };
    (@type Boolean) => { bool };
    ($service:literal, $resource:literal;
     $($name:ident: $kind:ident = $value:expr, $path:literal, $source:expr;)*
     $(@ $also_path:literal = $also:expr, $also_source:expr;)*) => {
        $(pub(in crate::simulator) const $name: rows!(@type $kind) = $value;)*
        pub(in crate::simulator) const ROWS: &[Row] = &[
            $(Row { service: $service, resource: $resource, path: $path, value: Filled::$kind($value), source: $source },)*
            $(Row { service: $service, resource: $resource, path: $also_path, value: $also, source: $also_source },)*
        ];
    };
}
use rows;

/// Every row.
pub fn table() -> Vec<Row> {
    let groups = [
        ecs::service::ROWS,
        ecs::task_definition::ROWS,
        ecs::container::ROWS,
        ecs::container::LISTS,
        elbv2::target_group::ROWS,
        elbv2::load_balancer::ROWS,
        elbv2::listener::ROWS,
        elbv2::rule::ROWS,
        scaling::target::ROWS,
        scaling::tracking_policy::ROWS,
        scaling::step_policy::ROWS,
        discovery::namespace::ROWS,
        discovery::service::ROWS,
        small::parameter::ROWS,
        small::secure_parameter::ROWS,
        small::log_group::ROWS,
        small::role::ROWS,
        small::alarm::ROWS,
        small::repository::ROWS,
        small::topic::ROWS,
    ];
    groups
        .concat()
        .into_iter()
        .chain(elbv2::attributes())
        .collect()
}
