//! Cloud Map through its SDK.

use std::collections::BTreeMap;

use aws_sdk_servicediscovery::Client;
use aws_sdk_servicediscovery::operation::create_service::builders::CreateServiceFluentBuilder;
use aws_sdk_servicediscovery::types::{
    DnsConfig, DnsRecord, HealthCheckCustomConfig, OperationStatus, RecordType, Service,
    ServiceChange, ServiceFilter, ServiceFilterName, Tag,
};
use contracts::simulator::{Simulator, servicediscovery};

use crate::{code, in_process, simulator};

const NAMESPACE: &str = "ns-u5f60718293a4b5c";
const DOMAIN: &str = "hokusai-development.local";

/// AWS fixed the threshold at 1, and still reads the structure back.
#[allow(deprecated)]
fn failure_threshold(service: &Service) -> Option<i32> {
    service.health_check_custom_config()?.failure_threshold()
}

fn new() -> (Simulator, Client) {
    let simulator = simulator();
    let client = Client::new(&in_process(&simulator));
    (simulator, client)
}

fn create(client: &Client, name: &str) -> CreateServiceFluentBuilder {
    let record = DnsRecord::builder()
        .r#type(RecordType::A)
        .ttl(10)
        .build()
        .unwrap();
    #[allow(
        deprecated,
        reason = "AWS fixed the threshold at 1 and still reads the structure back"
    )]
    let health = HealthCheckCustomConfig::builder()
        .failure_threshold(3)
        .build();
    client
        .create_service()
        .name(name)
        .namespace_id(NAMESPACE)
        .dns_config(DnsConfig::builder().dns_records(record).build().unwrap())
        .health_check_custom_config(health)
}

#[tokio::test]
async fn a_service_reads_back_as_aws_gives_it() {
    let (_, client) = new();
    let namespaces = client.list_namespaces().send().await.unwrap();
    assert_eq!(
        (
            namespaces.namespaces()[0].name(),
            namespaces.namespaces()[0].id()
        ),
        (Some(DOMAIN), Some(NAMESPACE))
    );
    let created = create(&client, "contracts")
        .send()
        .await
        .unwrap()
        .service
        .unwrap();
    let id = created.id().unwrap();
    let service = client
        .get_service()
        .id(id)
        .send()
        .await
        .unwrap()
        .service
        .unwrap();
    assert_eq!(service, created);
    assert_eq!(
        service.arn(),
        Some(format!("arn:aws:servicediscovery:us-east-1:932100697590:service/{id}").as_str())
    );
    let dns = service.dns_config().unwrap();
    assert_eq!(
        dns.routing_policy().map(|policy| policy.as_str()),
        Some("MULTIVALUE")
    );
    assert_eq!(dns.dns_records()[0].ttl(), 10);
    assert_eq!(failure_threshold(&service), Some(1));

    let record = DnsRecord::builder()
        .r#type(RecordType::A)
        .ttl(60)
        .build()
        .unwrap();
    let dns = aws_sdk_servicediscovery::types::DnsConfigChange::builder()
        .dns_records(record)
        .build()
        .unwrap();
    let change = ServiceChange::builder()
        .description("d")
        .dns_config(dns)
        .build();
    let operation = client
        .update_service()
        .id(id)
        .service(change)
        .send()
        .await
        .unwrap();
    let operation = client
        .get_operation()
        .operation_id(operation.operation_id().unwrap())
        .send()
        .await
        .unwrap()
        .operation
        .unwrap();
    assert_eq!(operation.status(), Some(&OperationStatus::Success));
    let service = client
        .get_service()
        .id(id)
        .send()
        .await
        .unwrap()
        .service
        .unwrap();
    assert_eq!(
        (
            service.description(),
            service.dns_config().unwrap().dns_records()[0].ttl()
        ),
        (Some("d"), 60)
    );
}

#[tokio::test]
async fn cloud_map_refuses_as_aws_does() {
    let (_, client) = new();
    let service = create(&client, "contracts")
        .send()
        .await
        .unwrap()
        .service
        .unwrap();
    assert_eq!(
        code(create(&client, "contracts").send().await),
        "ServiceAlreadyExists"
    );
    assert_eq!(
        code(
            create(&client, "no_such")
                .namespace_id("ns-absent")
                .send()
                .await
        ),
        "NamespaceNotFound"
    );
    assert_eq!(code(create(&client, "-x").send().await), "InvalidInput");
    assert_eq!(
        code(client.get_service().id("srv-absent").send().await),
        "ServiceNotFound"
    );
    assert_eq!(
        code(client.get_namespace().id("ns-absent").send().await),
        "NamespaceNotFound"
    );
    assert_eq!(
        code(client.get_operation().operation_id("absent").send().await),
        "OperationNotFound"
    );
    let id = service.id().unwrap();
    let register = || client.register_instance().service_id(id).instance_id("i-1");
    assert_eq!(
        code(register().attributes("x", "y").send().await),
        "InvalidInput"
    );
    register()
        .attributes("AWS_INSTANCE_IPV4", "127.0.0.10")
        .send()
        .await
        .unwrap();
    assert_eq!(
        code(client.delete_service().id(id).send().await),
        "ResourceInUse"
    );
    let deregister = || {
        client
            .deregister_instance()
            .service_id(id)
            .instance_id("i-1")
    };
    deregister().send().await.unwrap();
    assert_eq!(code(deregister().send().await), "InstanceNotFound");
    client.delete_service().id(id).send().await.unwrap();
    assert_eq!(
        code(client.delete_service().id(id).send().await),
        "ServiceNotFound"
    );
}

#[tokio::test]
async fn tasks_that_ecs_registers_are_discovered() {
    let (simulator, client) = new();
    let service = create(&client, "contracts")
        .send()
        .await
        .unwrap()
        .service
        .unwrap();
    let (id, arn) = (service.id().unwrap(), service.arn().unwrap());
    for (task, address, health) in [
        ("t1", "127.0.0.10", "HEALTHY"),
        ("t2", "127.0.0.11", "UNHEALTHY"),
    ] {
        let attributes = BTreeMap::from([
            ("AWS_INSTANCE_IPV4".to_owned(), address.to_owned()),
            ("AWS_INIT_HEALTH_STATUS".to_owned(), health.to_owned()),
        ]);
        simulator.with(|world, _| {
            servicediscovery::register_instance(world, arn, task, attributes).unwrap()
        });
    }
    let discovered = client
        .discover_instances()
        .namespace_name(DOMAIN)
        .service_name("contracts")
        .send()
        .await
        .unwrap();
    let ids = |instances: &[aws_sdk_servicediscovery::types::HttpInstanceSummary]| {
        instances
            .iter()
            .map(|instance| instance.instance_id().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(discovered.instances()), ["t1"]);
    let all = client
        .discover_instances()
        .namespace_name(DOMAIN)
        .service_name("contracts")
        .health_status("ALL".into());
    assert_eq!(ids(all.send().await.unwrap().instances()), ["t1", "t2"]);
    simulator.with(|world, _| servicediscovery::deregister_instance(world, arn, "t1"));
    let listed = client.list_instances().service_id(id).send().await.unwrap();
    assert_eq!(
        listed
            .instances()
            .iter()
            .map(|instance| instance.id().unwrap())
            .collect::<Vec<_>>(),
        ["t2"]
    );
}

#[tokio::test]
async fn services_are_listed_by_namespace_in_pages_and_carry_tags() {
    let (_, client) = new();
    for name in ["a", "b", "c"] {
        create(&client, name).send().await.unwrap();
    }
    let by = |namespace: &str| {
        ServiceFilter::builder()
            .name(ServiceFilterName::NamespaceId)
            .values(namespace)
            .build()
            .unwrap()
    };
    let first = client
        .list_services()
        .filters(by(NAMESPACE))
        .max_results(2)
        .send()
        .await
        .unwrap();
    let rest = client
        .list_services()
        .filters(by(NAMESPACE))
        .next_token(first.next_token().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            first.services().len(),
            rest.services().len(),
            rest.next_token()
        ),
        (2, 1, None)
    );
    assert_eq!(
        client
            .list_services()
            .filters(by("ns-other"))
            .send()
            .await
            .unwrap()
            .services()
            .len(),
        0
    );
    let arn = rest.services()[0].arn().unwrap();
    let tag = Tag::builder()
        .key("unit")
        .value("contracts")
        .build()
        .unwrap();
    client
        .tag_resource()
        .resource_arn(arn)
        .tags(tag.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(
        client
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
            .await
            .unwrap()
            .tags(),
        [tag]
    );
    client
        .untag_resource()
        .resource_arn(arn)
        .tag_keys("unit")
        .send()
        .await
        .unwrap();
    assert_eq!(
        client
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
            .await
            .unwrap()
            .tags(),
        []
    );
    assert_eq!(
        code(
            client
                .list_tags_for_resource()
                .resource_arn("arn:absent")
                .send()
                .await
        ),
        "ResourceNotFoundException"
    );
}
