//! The account file: what is refused, and where.

use std::error::Error;

use contracts::simulator::account;

const FIXTURE: &str = include_str!("../fixtures/account.yaml");

/// The error chain of the fixture with `from` replaced by `to`.
fn refused(from: &str, to: &str) -> String {
    assert!(FIXTURE.contains(from), "the fixture has no {from:?}");
    let error = account::parse(&FIXTURE.replacen(from, to, 1)).unwrap_err();
    let source = error
        .source()
        .map(|source| format!(": {source}"))
        .unwrap_or_default();
    format!("{error}{source}")
}

#[test]
fn mistakes_in_the_account_file_are_located() {
    for (from, to, expected) in [
        (
            "region: us-east-1",
            "regoin: us-east-1",
            "the account file does not read: unknown field `regoin`, expected one of `account`, `region`, \
             `access_keys`, `clusters`, `vpcs`, `load_balancers`, `repositories`, `namespaces`, `hosted_zones`, `service_linked_roles` at line 5 column 1",
        ),
        (
            "port: 443",
            "port: https",
            "the account file does not read: load_balancers[0].listeners[0].port: invalid type: string \"https\", \
             expected u16 at line 58 column 15",
        ),
        (
            "subnets: [subnet-0a1b2c3d4e5f60718,",
            "subnets: [subnet-00000000000000000,",
            "load_balancers.hokusai-development: the file has no subnet subnet-00000000000000000",
        ),
        (
            "security_groups: [sg-0e5f60718293a4b5c]",
            "security_groups: [sg-0]",
            "load_balancers.hokusai-development: the file has no security group sg-0",
        ),
        (
            "vpc: vpc-0d4e5f60718293a4b\n    hosted_zone",
            "vpc: vpc-0\n    hosted_zone",
            "namespaces.hokusai-development.local: the file has no network vpc-0",
        ),
        (
            "peer: sg-0e5f60718293a4b5c",
            "peer: sg-0",
            "security_groups.hokusai-development-tasks: the file has no security group sg-0",
        ),
        (
            "load_balancer: hokusai-development",
            "load_balancer: other",
            "hosted_zones.hokus.ai: the file has no load balancer other",
        ),
        (
            "digest: sha256:e3b2",
            "digest: sha256:f3b2",
            "repositories.hokusai/contracts: the file has no manifest with digest \
             sha256:f3b2f48cedcca91bff24a873b4150e5fe486cf72581f8830d727d3333ea4a282",
        ),
    ] {
        assert_eq!(refused(from, to), expected);
    }
}
