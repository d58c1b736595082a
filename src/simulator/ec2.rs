//! EC2: the network the account file gives, and the network interfaces of tasks. Read only.
//!
//! Takes EC2 Query calls, gives descriptions with filters, pages and `DryRun`. Owns no state: networks are the account's
//! (`World::vpcs`), interfaces are ECS's. Every writing action is refused as one EC2 does not know.

mod filter;
mod group;
mod network;

use serde_json::{Value, json};

use self::filter::{Field, Filters};
use super::call::{Answer, Call, Refusal};
use super::world::World;

/// Answers an EC2 call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    let world = &*world;
    match call.operation.as_str() {
        "DescribeVpcs" => network::vpcs(world, call),
        "DescribeSubnets" => network::subnets(world, call),
        "DescribeAvailabilityZones" => network::zones(world, call),
        "DescribeNetworkInterfaces" => network::interfaces(world, call),
        "DescribeSecurityGroups" => group::groups(world, call),
        "DescribeSecurityGroupRules" => group::rules(world, call),
        _ => Err(call.unknown_operation()),
    }
}

const INVALID: &str = "InvalidParameterValue";

/// How one operation lists.
struct Listing {
    /// The list's element in the reply.
    set: &'static str,
    /// The request's list of ids, and the code and sentence of an id that is not there: `{}` stands for it.
    ids: &'static str,
    missing: (&'static str, &'static str),
    /// The names its filters may have.
    filters: &'static [&'static str],
}

/// One thing that can be described.
struct Entry {
    id: String,
    /// What filters see, by filter name.
    fields: Vec<Field>,
    value: Value,
}

/// One page of `entries`, which are ordered by their ids.
fn listed(call: &Call, listing: &Listing, entries: Vec<Entry>) -> Answer {
    if call.optional_boolean("DryRun")?.unwrap_or(false) {
        return Err(Refusal {
            code: "DryRunOperation",
            message: "Request would have succeeded, but DryRun flag is set.".to_owned(),
            status: 412,
        });
    }
    let ids = call.optional_texts(listing.ids)?;
    let unknown = ids
        .iter()
        .find(|id| !entries.iter().any(|entry| entry.id == **id));
    if let Some(unknown) = unknown {
        let (code, sentence) = listing.missing;
        return Err(Refusal::new(code, sentence.replace("{}", unknown)));
    }
    let filters = Filters::of(call, listing.filters)?;
    let size = call.optional_integer("MaxResults")?;
    if size.is_some() && !ids.is_empty() {
        let message = format!(
            "The parameter {} cannot be used with the parameter MaxResults",
            listing.ids
        );
        return Err(Refusal::new("InvalidParameterCombination", message));
    }
    let size = page_size(size)?;
    let mut entries: Vec<Entry> = entries
        .into_iter()
        .filter(|entry| ids.is_empty() || ids.contains(&entry.id))
        .filter(|entry| filters.pass(&entry.fields))
        .collect();
    entries.sort_by(|left, right| left.id.cmp(&right.id));
    let entries = entries.into_iter().map(|entry| (entry.id, entry.value));
    let token = call.optional_text("NextToken")?;
    let page = Call::page(entries, token, size, "InvalidPaginationToken")?;
    Ok(json!({ listing.set: page.items, "nextToken": page.next }))
}

/// 5 to 1,000 as each operation's model says (botocore `Describe*MaxResults`); without one AWS gives what fits.
fn page_size(asked: Option<i64>) -> Result<usize, Refusal> {
    let size = asked.unwrap_or(1000);
    usize::try_from(size)
        .ok()
        .filter(|size| (5..=1000).contains(size))
        .ok_or_else(|| {
            let bound = if size < 5 {
                "greater than or equal to 5"
            } else {
                "less than or equal to 1000"
            };
            let message = format!(
                "Value ( {size} ) for parameter MaxResults is invalid. Expecting a value {bound}."
            );
            Refusal::new(INVALID, message)
        })
}
