//! Route 53: where the public DNS of this account sends a host's clients. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use super::signed::{Element, Service};
use super::{AwsError, Clients};
use crate::reconciler::observed::Dns;

/// One endpoint for all regions, and signed for one of them.
/// <https://docs.aws.amazon.com/general/latest/gr/r53.html>
const ROUTE53: Service = Service {
    signing_name: "route53",
    host: "route53.amazonaws.com",
    region: Some("us-east-1"),
};

/// The host's records in the closest public zone above it. Two reads, a third where only a wildcard could answer.
pub async fn dns(aws: &Clients, host: &str) -> Result<Dns, AwsError> {
    let Some((zone, name)) = zone(aws, host).await? else {
        return Ok(Dns::default());
    };
    let mut records = records(aws, &zone, host).await?;
    if records.is_empty()
        && host != name
        && let Some((_, parent)) = host.split_once('.')
    {
        records = self::records(aws, &zone, &format!("*.{parent}")).await?;
    }
    Ok(Dns {
        zone: Some(zone),
        records,
    })
}

/// Id and name of the closest public zone. Zones are listed by their labels from the right, so those of one domain stand
/// together and begin with its own.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZonesByName.html>
async fn zone(aws: &Clients, host: &str) -> Result<Option<(String, String)>, AwsError> {
    let labels: Vec<&str> = host.rsplitn(3, '.').collect();
    let domain = match labels.as_slice() {
        [top, second, ..] => format!("{second}.{top}"),
        _ => host.to_owned(),
    };
    let reply = aws
        .signed
        .get(
            ROUTE53,
            "route53:ListHostedZonesByName",
            "/2013-04-01/hostedzonesbyname",
            &[("dnsname", &domain), ("maxitems", "100")],
        )
        .await?;
    let above = |name: &str| {
        host.strip_suffix(name)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let zones = reply.members("HostedZones").filter_map(|zone| {
        let name = zone.text_of("Name").trim_end_matches('.');
        let public = zone.child("Config")?.text_of("PrivateZone") != "true";
        let id = zone.text_of("Id").rsplit('/').next()?;
        (public && above(name)).then(|| (id.to_owned(), name.to_owned()))
    });
    Ok(zones.max_by_key(|(_, name)| name.len()))
}

/// A name's records. They are listed from that name on, and of one name there are never a hundred types.
async fn records(
    aws: &Clients,
    zone: &str,
    name: &str,
) -> Result<BTreeMap<String, BTreeSet<String>>, AwsError> {
    let reply = aws
        .signed
        .get(
            ROUTE53,
            "route53:ListResourceRecordSets",
            &format!("/2013-04-01/hostedzone/{zone}/rrset"),
            &[("name", name), ("maxitems", "100")],
        )
        .await?;
    let mut records: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let same = |record: &&Element| {
        // An asterisk is written in octal.
        // https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html
        let found = record.text_of("Name").replace("\\052", "*");
        found.trim_end_matches('.').eq_ignore_ascii_case(name)
    };
    for record in reply.members("ResourceRecordSets").filter(same) {
        let alias = record
            .child("AliasTarget")
            .map(|alias| host_name(alias.text_of("DNSName")));
        let values = record
            .members("ResourceRecords")
            .map(|value| value.text_of("Value").to_owned());
        records
            .entry(record.text_of("Type").to_owned())
            .or_default()
            .extend(values.chain(alias));
    }
    Ok(records)
}

/// In lower case, without the final dot, and without what the console writes before a load balancer's name.
fn host_name(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.strip_prefix("dualstack.")
        .map_or(name.clone(), str::to_owned)
}
