//! Cloud Map: the service behind the private DNS name.

use aws_sdk_servicediscovery::types::{
    DnsConfig, DnsConfigChange, DnsRecord, HealthCheckCustomConfig, RecordType, RoutingPolicy,
    ServiceChange, ServiceFilter, ServiceFilterName, Tag,
};

use super::{AwsError, Clients, failed, lacking};
use crate::reconciler::observed::Found;
use crate::reconciler::resource::{DiscoveryService, OWNER_TAG};

/// Id of the namespace of this name.
pub async fn namespace(aws: &Clients, name: &str) -> Result<Option<String>, AwsError> {
    let mut pages = aws.discovery.list_namespaces().into_paginator().send();
    while let Some(page) = pages.next().await {
        let namespaces = page
            .map_err(failed("servicediscovery:ListNamespaces"))?
            .namespaces
            .unwrap_or_default();
        if let Some(namespace) = namespaces
            .into_iter()
            .find(|namespace| namespace.name.as_deref() == Some(name))
        {
            return Ok(namespace.id);
        }
    }
    Ok(None)
}

/// A service by name within a namespace.
pub async fn service(
    aws: &Clients,
    namespace_id: &str,
    namespace: &str,
    name: &str,
) -> Result<Option<Found<DiscoveryService>>, AwsError> {
    let operation = "servicediscovery:ListServices";
    let filter = ServiceFilter::builder()
        .name(ServiceFilterName::NamespaceId)
        .values(namespace_id);
    let filter = filter.build().map_err(|_| lacking(operation, "filter"))?;
    let mut pages = aws
        .discovery
        .list_services()
        .filters(filter)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let services = page
            .map_err(failed(operation))?
            .services
            .unwrap_or_default();
        let Some(found) = services
            .into_iter()
            .find(|service| service.name.as_deref() == Some(name))
        else {
            continue;
        };
        let arn = found.arn.ok_or_else(|| lacking(operation, "Arn"))?;
        let tags = aws
            .discovery
            .list_tags_for_resource()
            .resource_arn(&arn)
            .send()
            .await;
        let tags = tags
            .map_err(failed("servicediscovery:ListTagsForResource"))?
            .tags
            .unwrap_or_default();
        let owner = tags
            .into_iter()
            .find(|tag| tag.key == OWNER_TAG)
            .map(|tag| tag.value);
        let record = found
            .dns_config
            .and_then(|dns| dns.dns_records.into_iter().next());
        let value = DiscoveryService {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            record_type: record
                .as_ref()
                .map(|record| record.r#type.as_str().to_owned())
                .unwrap_or_default(),
            ttl_seconds: record.map(|record| record.ttl).unwrap_or_default(),
        };
        return Ok(Some(Found { arn, owner, value }));
    }
    Ok(None)
}

fn record(operation: &'static str, ttl_seconds: i64) -> Result<DnsRecord, AwsError> {
    DnsRecord::builder()
        .r#type(RecordType::A)
        .ttl(ttl_seconds)
        .build()
        .map_err(|_| lacking(operation, "record"))
}

/// Makes the service, owned from the start; ECS reports its tasks' health to it.
pub async fn create(
    aws: &Clients,
    namespace_id: &str,
    service: &DiscoveryService,
    unit: &str,
) -> Result<(), AwsError> {
    let operation = "servicediscovery:CreateService";
    let tag = Tag::builder()
        .key(OWNER_TAG)
        .value(unit)
        .build()
        .map_err(|_| lacking(operation, "tag value"))?;
    let dns = DnsConfig::builder()
        .routing_policy(RoutingPolicy::Multivalue)
        .dns_records(record(operation, service.ttl_seconds)?);
    let dns = dns.build().map_err(|_| lacking(operation, "records"))?;
    let call = aws
        .discovery
        .create_service()
        .name(&service.name)
        .namespace_id(namespace_id)
        .dns_config(dns)
        .health_check_custom_config(HealthCheckCustomConfig::builder().build())
        .tags(tag);
    call.send().await.map_err(failed(operation)).map(drop)
}

/// Sets a new TTL on the service's record. The service's id is the end of its ARN.
pub async fn update(aws: &Clients, arn: &str, ttl_seconds: i64) -> Result<(), AwsError> {
    let operation = "servicediscovery:UpdateService";
    let dns = DnsConfigChange::builder()
        .dns_records(record(operation, ttl_seconds)?)
        .build();
    let dns = dns.map_err(|_| lacking(operation, "records"))?;
    let id = arn.rsplit('/').next().unwrap_or(arn);
    let call = aws
        .discovery
        .update_service()
        .id(id)
        .service(ServiceChange::builder().dns_config(dns).build());
    call.send().await.map_err(failed(operation)).map(drop)
}

/// Removes the service, in which no instance may be registered any more.
pub async fn delete(aws: &Clients, arn: &str) -> Result<(), AwsError> {
    let id = arn.rsplit('/').next().unwrap_or(arn);
    let call = aws.discovery.delete_service().id(id);
    call.send()
        .await
        .map_err(failed("servicediscovery:DeleteService"))
        .map(drop)
}

/// `<service>.<namespace>` of a Cloud Map service, by the listings that `observe` reads too.
pub async fn dns_name(aws: &Clients, arn: &str) -> Result<Option<String>, AwsError> {
    for name in namespaces(aws).await? {
        let Some(id) = namespace(aws, &name).await? else {
            continue;
        };
        let filter = ServiceFilter::builder()
            .name(ServiceFilterName::NamespaceId)
            .values(id);
        let operation = "servicediscovery:ListServices";
        let filter = filter.build().map_err(|_| lacking(operation, "filter"))?;
        let call = aws.discovery.list_services().filters(filter);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let services = page.map_err(failed(operation))?.services;
            let mut services = services.unwrap_or_default().into_iter();
            let found = services.find(|service| service.arn.as_deref() == Some(arn));
            if let Some(service) = found.and_then(|service| service.name) {
                return Ok(Some(format!("{service}.{name}")));
            }
        }
    }
    Ok(None)
}

/// Names of the private DNS namespaces.
pub async fn namespaces(aws: &Clients) -> Result<Vec<String>, AwsError> {
    use aws_sdk_servicediscovery::types::NamespaceType;
    let mut pages = aws.discovery.list_namespaces().into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("servicediscovery:ListNamespaces"))?;
        let private = page.namespaces.unwrap_or_default().into_iter();
        let private = private.filter(|it| it.r#type == Some(NamespaceType::DnsPrivate));
        names.extend(private.filter_map(|namespace| namespace.name));
    }
    Ok(names)
}
