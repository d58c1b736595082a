//! What is referred to and never made, as it is observed; and what is never read.

use contracts::reconciler::desired::desired;
use contracts::reconciler::observe::observe;
use contracts::reconciler::observed::{Address, Image};
use serde_json::json;

use crate::account::Account;

#[tokio::test(start_paused = true)]
async fn image_network_certificate_and_dns_are_facts() {
    let account = Account::new().await;
    let spec = &account.spec;
    let observed = observe(&account.aws.read, spec, &desired(spec))
        .await
        .unwrap();
    assert_eq!(
        observed.image,
        Image::Found {
            digest: "sha256:e3b2f48cedcca91bff24a873b4150e5fe486cf72581f8830d727d3333ea4a282"
                .to_owned(),
            size_bytes: 12_163_481,
            platforms: ["linux/amd64".to_owned()].into(),
        }
    );
    let balancer = observed.load_balancer.unwrap();
    let zones: Vec<(&str, &str)> = observed
        .subnets
        .values()
        .map(|subnet| (subnet.vpc.as_str(), subnet.zone.as_str()))
        .collect();
    assert_eq!(
        zones,
        [
            (balancer.vpc.as_str(), "us-east-1a"),
            (balancer.vpc.as_str(), "us-east-1b")
        ]
    );
    let theirs = balancer.security_groups.first().unwrap();
    let ours = spec.network.security_groups.first().unwrap();
    let (tasks, balancers) = (
        &observed.security_groups[ours],
        &observed.security_groups[theirs],
    );
    assert!(
        tasks
            .ingress
            .iter()
            .any(|permission| permission.admits(3001, theirs))
    );
    assert!(
        !tasks
            .ingress
            .iter()
            .any(|permission| permission.admits(8002, theirs))
    );
    assert!(
        balancers
            .egress
            .iter()
            .any(|permission| permission.admits(3001, ours))
    );
    let [certificate] = observed.certificates.as_slice() else {
        panic!("{:?}", observed.certificates)
    };
    assert_eq!(
        certificate.domains,
        ["*.hokus.ai".to_owned(), "hokus.ai".to_owned()].into()
    );
    assert_eq!(certificate.status, "ISSUED");
    assert_eq!(observed.dns.zone.as_deref(), Some("Z0718293A4B5C6D7E8F90"));
    assert_eq!(observed.dns.records["A"], [balancer.dns_name].into());
}

/// A host without records of its own has those of the wildcard beside it; one in no zone has none.
#[tokio::test(start_paused = true)]
async fn dns_is_looked_up_as_a_resolver_would() {
    let mut account = Account::new().await;
    for (host, zone, records) in [
        ("other.hokus.ai", Some("Z0718293A4B5C6D7E8F90"), vec!["TXT"]),
        ("hokus.ai", Some("Z0718293A4B5C6D7E8F90"), vec!["NS", "SOA"]),
        ("contracts.example.com", None, vec![]),
    ] {
        account.spec.load_balancer.host = host.to_owned();
        let wanted = desired(&account.spec);
        let observed = observe(&account.aws.read, &account.spec, &wanted)
            .await
            .unwrap();
        let found: Vec<&str> = observed.dns.records.keys().map(String::as_str).collect();
        assert_eq!(
            (observed.dns.zone.as_deref(), found),
            (zone, records),
            "{host}"
        );
    }
}

/// The one rule about values: addresses of type String are read, nothing else is, whatever the manifest calls it.
#[tokio::test(start_paused = true)]
async fn no_value_but_an_address_of_type_string_is_ever_asked_for() {
    let account = Account::new().await;
    let secret = "/hokusai/development/contracts/model_registry_address";
    account.call("ssm", "DeleteParameter", json!({ "Name": secret }));
    let input = json!({ "Name": secret, "Value": "0xsecret", "Type": "SecureString" });
    account.call("ssm", "PutParameter", input);
    let spec = &account.spec;
    let observed = observe(&account.aws.read, spec, &desired(spec))
        .await
        .unwrap();
    assert_eq!(observed.addresses[secret], Address::Secret);
    let token_manager = "/hokusai/development/contracts/token_manager_address";
    assert!(matches!(
        observed.addresses[token_manager],
        Address::Value(_)
    ));
    let values: Vec<String> = account
        .simulator
        .journal()
        .iter()
        .filter(|entry| entry.service == "ssm" && entry.operation.starts_with("GetParameter"))
        .map(|entry| format!("{} {}", entry.operation, entry.input["Names"]))
        .collect();
    assert_eq!(values, [format!("GetParameters [\"{token_manager}\"]")]);
}
