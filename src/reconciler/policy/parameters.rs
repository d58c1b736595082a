//! Secrets that are looked for, addresses that are read, and what is published: Systems Manager.

use super::On::{Addresses, Anything, Published};
use super::{Right, right};

pub(super) const RIGHTS: &[Right] = &[
    right(
        "ssm:DeleteParameters",
        Published,
        "what is published beyond the newest 50, and the end of a pause",
    ),
    right(
        "ssm:DescribeParameters",
        Anything,
        "whether every secret is there, and which units are published; values are never read",
    ),
    right(
        "ssm:GetParameters",
        Addresses,
        "the contracts' addresses, the only values of others that are read",
    ),
    right(
        "ssm:GetParameters",
        Published,
        "what is published, and whether the unit is paused",
    ),
    right(
        "ssm:GetParametersByPath",
        Published,
        "the history of what was published",
    ),
    right(
        "ssm:PutParameter",
        Published,
        "a publication, a pause, a change of the unit's conditions",
    ),
];
