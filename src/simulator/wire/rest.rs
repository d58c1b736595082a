//! REST-XML requests: the operation is the method and path, its input the path's variables and the query string.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html>. Only Route 53 speaks it here, and only its reads are
//! served, so no body is ever read.

use http::{Method, Uri};
use serde_json::{Map, Value};

use super::super::call::{Refusal, UNKNOWN_OPERATION};

/// One operation's place: its path after the version, `{Name}` standing for an input member, and its query fields with
/// the members they are (botocore `data/route53/2013-04-01/service-2.json`, `location`).
struct Route {
    path: &'static [&'static str],
    operation: &'static str,
    query: &'static [(&'static str, &'static str)],
}

const VERSION: &str = "2013-04-01";

static ROUTES: [Route; 5] = [
    Route {
        path: &["hostedzone"],
        operation: "ListHostedZones",
        query: &[
            ("marker", "Marker"),
            ("maxitems", "MaxItems"),
            ("delegationsetid", "DelegationSetId"),
            ("hostedzonetype", "HostedZoneType"),
        ],
    },
    Route {
        path: &["hostedzonesbyname"],
        operation: "ListHostedZonesByName",
        query: &[
            ("dnsname", "DNSName"),
            ("hostedzoneid", "HostedZoneId"),
            ("maxitems", "MaxItems"),
        ],
    },
    Route {
        path: &["hostedzone", "{Id}"],
        operation: "GetHostedZone",
        query: &[],
    },
    Route {
        path: &["hostedzone", "{HostedZoneId}", "rrset"],
        operation: "ListResourceRecordSets",
        query: &[
            ("name", "StartRecordName"),
            ("type", "StartRecordType"),
            ("identifier", "StartRecordIdentifier"),
            ("maxitems", "MaxItems"),
        ],
    },
    Route {
        path: &["tags", "{ResourceType}", "{ResourceId}"],
        operation: "ListTagsForResource",
        query: &[],
    },
];

pub(super) fn input(method: &Method, uri: &Uri) -> Result<(String, Map<String, Value>), Refusal> {
    let unknown = || {
        let message = format!("{method} {} is not an operation here", uri.path());
        Refusal::new(UNKNOWN_OPERATION, message)
    };
    let mut segments = uri.path().split('/').filter(|segment| !segment.is_empty());
    if segments.next() != Some(VERSION) || method != Method::GET {
        return Err(unknown());
    }
    let segments: Vec<String> = segments
        .map(|segment| super::query::unescape(segment.as_bytes()))
        .collect::<Result<_, _>>()?;
    let (route, mut members) = ROUTES
        .iter()
        .find_map(|route| Some((route, matched(route.path, &segments)?)))
        .ok_or_else(unknown)?;
    for (name, value) in super::query::fields(uri.query().unwrap_or_default().as_bytes())? {
        if let Some((_, member)) = route.query.iter().find(|(field, _)| *field == name) {
            members.insert((*member).to_owned(), Value::String(value));
        }
    }
    Ok((route.operation.to_owned(), members))
}

/// The variables of `path` when `segments` are an instance of it.
fn matched(path: &[&str], segments: &[String]) -> Option<Map<String, Value>> {
    if path.len() != segments.len() {
        return None;
    }
    let mut members = Map::new();
    for (part, segment) in path.iter().zip(segments) {
        match part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'))
        {
            Some(member) => {
                members.insert(member.to_owned(), Value::String(segment.clone()));
            }
            None if part == segment => {}
            None => return None,
        }
    }
    Some(members)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_and_its_query_string_become_an_operation_and_its_input() {
        let read = |uri: &str| {
            input(&Method::GET, &uri.parse().unwrap())
                .map(|(operation, members)| (operation, Value::Object(members)))
                .map_err(|refusal| refusal.code)
        };
        assert_eq!(
            read("/2013-04-01/hostedzone/Z1/rrset?name=%5C052.a.&type=A&other=1"),
            Ok((
                "ListResourceRecordSets".to_owned(),
                json!({ "HostedZoneId": "Z1", "StartRecordName": "\\052.a.", "StartRecordType": "A" })
            ))
        );
        for wrong in [
            "/",
            "/2013-04-01/",
            "/2012-01-01/hostedzone",
            "/2013-04-01/hostedzone/Z1/x",
        ] {
            assert_eq!(read(wrong), Err(UNKNOWN_OPERATION), "{wrong}");
        }
        assert!(input(&Method::POST, &"/2013-04-01/hostedzone".parse().unwrap()).is_err());
    }
}
