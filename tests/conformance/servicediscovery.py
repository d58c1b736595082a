"""Cloud Map: namespaces, services, instances, discovery, operations, tags."""


def drive(t):
    cloudmap = t.client("servicediscovery")
    namespaces(t, cloudmap)
    space = t.account["namespace"]
    service = services(t, cloudmap, space)
    instances(t, cloudmap, service)
    discovery(t, cloudmap, service)
    tags(t, cloudmap, service)
    in_use(t, cloudmap, space, service)


def status(cloudmap, operation):
    return cloudmap.get_operation(OperationId=operation)["Operation"]["Status"]


def made(t, cloudmap, what, reply):
    """Waits for an operation; gives it."""
    operation = reply["OperationId"]
    t.until(f"{what} succeeds", lambda: status(cloudmap, operation), "SUCCESS")
    return cloudmap.get_operation(OperationId=operation)["Operation"]


def namespaces(t, cloudmap):
    name = t.unique("conformance") + ".local"
    reply = cloudmap.create_private_dns_namespace(Name=name, Vpc=t.account["vpc"], Description="one",
                                                  CreatorRequestId="request-1",
                                                  Tags=[{"Key": "a", "Value": "b"}])
    t.same("a namespace takes a moment", status(cloudmap, reply["OperationId"]), "PENDING")
    t.refused("a namespace under way, asked for again", "DuplicateRequest", cloudmap.create_private_dns_namespace, Name=name,
              Vpc=t.account["vpc"], CreatorRequestId="request-1")
    operation = made(t, cloudmap, "CreatePrivateDnsNamespace", reply)
    t.same("its operation", (operation["Type"], sorted(operation["Targets"])), ("CREATE_NAMESPACE", ["NAMESPACE"]))
    private = operation["Targets"]["NAMESPACE"]
    space = cloudmap.get_namespace(Id=private)["Namespace"]
    t.same("a private DNS namespace reads back",
           (space["Name"], space["Type"], space["Description"], space["ServiceCount"],
            space["Properties"]["DnsProperties"]["SOA"],
            space["Properties"]["HttpProperties"]), (name, "DNS_PRIVATE", "one", 0, {"TTL": 15}, {"HttpName": name}))
    t.same("its zone has an id", space["Properties"]["DnsProperties"]["HostedZoneId"].startswith("Z"), True)
    t.same("its tags", cloudmap.list_tags_for_resource(ResourceARN=space["Arn"])["Tags"], [{"Key": "a", "Value": "b"}])
    t.refused("a namespace of the same name", "NamespaceAlreadyExists", cloudmap.create_private_dns_namespace, Name=name,
              Vpc=t.account["vpc"], CreatorRequestId="request-2")
    t.refused("a namespace of no name", "InvalidInput", cloudmap.create_private_dns_namespace, Name="", Vpc=t.account["vpc"])
    reply = cloudmap.create_private_dns_namespace(Name="nowhere.local", Vpc="vpc-00000000000000000")
    t.until("a namespace in no network fails later", lambda: status(cloudmap, reply["OperationId"]), "FAIL")
    t.same("why it failed", cloudmap.get_operation(OperationId=reply["OperationId"])["Operation"]["ErrorCode"],
           "CANNOT_CREATE_HOSTED_ZONE")

    made(t, cloudmap, "UpdatePrivateDnsNamespace", cloudmap.update_private_dns_namespace(
        Id=private, Namespace={"Description": "two", "Properties": {"DnsProperties": {"SOA": {"TTL": 60}}}}))
    space = cloudmap.get_namespace(Id=space["Arn"])["Namespace"]
    t.same("an updated namespace reads back by its ARN", (space["Description"], space["Properties"]["DnsProperties"]["SOA"]),
           ("two", {"TTL": 60}))

    web = t.unique("web")
    http = made(t, cloudmap, "CreateHttpNamespace", cloudmap.create_http_namespace(Name=web))["Targets"]["NAMESPACE"]
    t.refused("an HTTP namespace of a name in use", "NamespaceAlreadyExists", cloudmap.create_http_namespace, Name=web)
    made(t, cloudmap, "UpdateHttpNamespace", cloudmap.update_http_namespace(Id=http, Namespace={"Description": "three"}))
    space = cloudmap.get_namespace(Id=http)["Namespace"]
    t.same("an HTTP namespace reads back", (space["Type"], space["Description"], space["Properties"]),
           ("HTTP", "three", {"HttpProperties": {"HttpName": web}}))
    t.refused("a private namespace is not updated as an HTTP one", "InvalidInput", cloudmap.update_http_namespace, Id=private,
              Namespace={"Description": "x"})
    t.refused("an HTTP namespace has no start of authority", "InvalidInput", cloudmap.update_private_dns_namespace, Id=http,
              Namespace={"Properties": {"DnsProperties": {"SOA": {"TTL": 60}}}})
    t.refused("a DNS service in an HTTP namespace", "InvalidInput", cloudmap.create_service, Name="x", NamespaceId=http,
              DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]})

    listed = cloudmap.list_namespaces(Filters=[{"Name": "TYPE", "Values": ["HTTP"]}])["Namespaces"]
    t.same("namespaces are listed by type", [one["Id"] for one in listed], [http])
    listed = [page["Namespaces"] for page in cloudmap.get_paginator("list_namespaces").paginate(PaginationConfig={"PageSize": 1})]
    t.same("namespaces are listed in pages", [len(page) for page in listed], [1, 1, 1])
    t.refused("a page of no size", "InvalidInput", cloudmap.list_namespaces, MaxResults=0)
    operations = cloudmap.list_operations(Filters=[
        {"Name": "NAMESPACE_ID", "Values": [http]},
        {"Name": "TYPE", "Values": ["CREATE_NAMESPACE", "UPDATE_NAMESPACE"], "Condition": "IN"}])
    t.same("operations are listed by namespace and type", [one["Status"] for one in operations["Operations"]],
           ["SUCCESS", "SUCCESS"])
    t.refused("operations by an unknown filter", "InvalidInput", cloudmap.list_operations,
              Filters=[{"Name": "X", "Values": ["y"]}])
    t.refused("an unknown operation", "OperationNotFound", cloudmap.get_operation, OperationId="operation-absent")

    for one in (private, http):
        made(t, cloudmap, f"DeleteNamespace {one[:3]} {'private' if one == private else 'http'}",
             cloudmap.delete_namespace(Id=one))
    t.refused("a deleted namespace", "NamespaceNotFound", cloudmap.get_namespace, Id=private)
    t.refused("deleting it again", "NamespaceNotFound", cloudmap.delete_namespace, Id=private)


def services(t, cloudmap, space):
    name = t.unique("service")
    service = cloudmap.create_service(
        Name=name, Description="one", CreatorRequestId="request-3", HealthCheckCustomConfig={"FailureThreshold": 3},
        DnsConfig={"NamespaceId": space, "DnsRecords": [{"Type": "A", "TTL": 10}]})["Service"]
    want = {
        "Name": name, "NamespaceId": space, "Description": "one", "InstanceCount": 0, "Type": "DNS_HTTP",
        "DnsConfig": {"NamespaceId": space, "RoutingPolicy": "MULTIVALUE", "DnsRecords": [{"Type": "A", "TTL": 10}]},
        "HealthCheckCustomConfig": {"FailureThreshold": 1}, "CreatorRequestId": "request-3",
    }
    t.same("a service reads back", {key: service.get(key) for key in want}, want)
    t.same("it reads the same later", cloudmap.get_service(Id=service["Id"])["Service"], service)
    t.refused("a service of the same name", "ServiceAlreadyExists", cloudmap.create_service, Name=name, NamespaceId=space)
    t.refused("a service in no namespace", "NamespaceNotFound", cloudmap.create_service, Name="x", NamespaceId="ns-absent")
    t.refused("an unknown service", "ServiceNotFound", cloudmap.get_service, Id="srv-absent")

    plain = cloudmap.create_service(Name=t.unique("plain"), NamespaceId=space, Type="HTTP")["Service"]
    t.same("a service without DNS", (plain["Type"], "DnsConfig" in plain), ("HTTP", False))
    listed = cloudmap.list_services(Filters=[{"Name": "NAMESPACE_ID", "Values": [space]}])["Services"]
    t.same("services are listed", sorted(one["Id"] for one in listed), sorted([service["Id"], plain["Id"]]))
    t.refused("services by an unknown filter", "InvalidInput", cloudmap.list_services, Filters=[{"Name": "X", "Values": ["y"]}])
    cloudmap.delete_service(Id=plain["Id"])
    t.refused("deleting a service again", "ServiceNotFound", cloudmap.delete_service, Id=plain["Id"])

    made(t, cloudmap, "UpdateService", cloudmap.update_service(
        Id=service["Id"], Service={"Description": "two", "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 20}]}}))
    read = cloudmap.get_service(Id=service["Id"])["Service"]
    t.same("an updated service reads back", (read["Description"], read["DnsConfig"]["DnsRecords"]),
           ("two", [{"Type": "A", "TTL": 20}]))
    t.refused("updating an unknown service", "ServiceNotFound", cloudmap.update_service, Id="srv-absent",
              Service={"Description": "x"})
    return read


def instances(t, cloudmap, service):
    known = {"ServiceId": service["Id"], "InstanceId": "i-1"}
    attributes = {"AWS_INSTANCE_IPV4": "10.0.2.7", "AWS_INSTANCE_PORT": "3001", "stage": "blue"}
    operation = made(t, cloudmap, "RegisterInstance", cloudmap.register_instance(**known, Attributes=attributes))
    t.same("its operation's targets", operation["Targets"], {"SERVICE": service["Id"], "INSTANCE": "i-1"})
    t.refused("an A record needs an address", "InvalidInput", cloudmap.register_instance, ServiceId=service["Id"],
              InstanceId="i-2",
              Attributes={"x": "y"})
    t.refused("an instance of no service", "ServiceNotFound", cloudmap.register_instance, ServiceId="srv-absent",
              InstanceId="i-2",
              Attributes=attributes)
    cloudmap.register_instance(ServiceId=service["Id"], InstanceId="i-2", Attributes={"AWS_INSTANCE_IPV4": "10.0.3.7"})
    t.same("an instance reads back", cloudmap.get_instance(**known)["Instance"]["Attributes"], attributes)
    t.refused("an unknown instance", "InstanceNotFound", cloudmap.get_instance, ServiceId=service["Id"], InstanceId="i-absent")
    pages = cloudmap.get_paginator("list_instances").paginate(ServiceId=service["Id"], PaginationConfig={"PageSize": 1})
    t.same("instances are listed in pages", [[one["Id"] for one in page["Instances"]] for page in pages], [["i-1"], ["i-2"]])
    t.refused("instances of an unknown service", "ServiceNotFound", cloudmap.list_instances, ServiceId="srv-absent")

    t.same("instances begin healthy", cloudmap.get_instances_health_status(ServiceId=service["Id"])["Status"],
           {"i-1": "HEALTHY", "i-2": "HEALTHY"})
    cloudmap.update_instance_custom_health_status(**known, Status="UNHEALTHY")
    t.same("a custom health status is kept",
           cloudmap.get_instances_health_status(ServiceId=service["Id"], Instances=["i-1"])["Status"], {"i-1": "UNHEALTHY"})
    t.refused("health of an unknown instance", "InstanceNotFound", cloudmap.get_instances_health_status, ServiceId=service["Id"],
              Instances=["i-absent"])
    t.refused("health set of an unknown instance", "InstanceNotFound", cloudmap.update_instance_custom_health_status,
              ServiceId=service["Id"], InstanceId="i-absent", Status="HEALTHY")


def discovery(t, cloudmap, service):
    names = {"NamespaceName": t.account["namespace_name"], "ServiceName": service["Name"]}
    found = cloudmap.discover_instances(**names)
    t.same("healthy instances are discovered", [one["InstanceId"] for one in found["Instances"]], ["i-2"])
    t.same("with all they are known by", [found["Instances"][0][key] for key in ("NamespaceName", "ServiceName", "HealthStatus")],
           [names["NamespaceName"], names["ServiceName"], "HEALTHY"])
    found = cloudmap.discover_instances(**names, HealthStatus="ALL", QueryParameters={"stage": "blue"})
    t.same("instances are discovered by attribute", [one["InstanceId"] for one in found["Instances"]], ["i-1"])
    found = cloudmap.discover_instances(**names, HealthStatus="ALL", OptionalParameters={"stage": "green"})
    t.same("optional attributes nobody has are ignored", len(found["Instances"]), 2)
    before = cloudmap.discover_instances_revision(**names)["InstancesRevision"]
    cloudmap.register_instance(ServiceId=service["Id"], InstanceId="i-3", Attributes={"AWS_INSTANCE_IPV4": "10.0.3.8"})
    t.same("the revision counts changes", cloudmap.discover_instances_revision(**names)["InstancesRevision"] > before, True)
    t.refused("discovery in an unknown namespace", "NamespaceNotFound", cloudmap.discover_instances, NamespaceName="absent.local",
              ServiceName=service["Name"])
    t.refused("discovery of an unknown service", "ServiceNotFound", cloudmap.discover_instances_revision,
              NamespaceName=t.account["namespace_name"], ServiceName="absent")


def tags(t, cloudmap, service):
    cloudmap.tag_resource(ResourceARN=service["Arn"], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    cloudmap.untag_resource(ResourceARN=service["Arn"], TagKeys=["a"])
    t.same("tags are set and taken away", cloudmap.list_tags_for_resource(ResourceARN=service["Arn"])["Tags"],
           [{"Key": "b", "Value": "2"}])
    absent = service["Arn"].replace(service["Id"], "srv-absent")
    t.refused("tags of nothing", "ResourceNotFoundException", cloudmap.list_tags_for_resource, ResourceARN=absent)
    t.refused("tagging nothing", "ResourceNotFoundException", cloudmap.tag_resource, ResourceARN=absent, Tags=[])
    t.refused("untagging nothing", "ResourceNotFoundException", cloudmap.untag_resource, ResourceARN=absent, TagKeys=["a"])


def in_use(t, cloudmap, space, service):
    for number in (1, 2, 3):
        cloudmap.deregister_instance(ServiceId=service["Id"], InstanceId=f"i-{number}")
    t.refused("an instance that is gone", "InstanceNotFound", cloudmap.deregister_instance, ServiceId=service["Id"],
              InstanceId="i-1")
    cloudmap.delete_service(Id=service["Id"])
    t.refused("a service that is gone", "ServiceNotFound", cloudmap.get_service, Id=service["Id"])
    busy = cloudmap.create_service(Name=t.unique("busy"), NamespaceId=space, Type="HTTP")["Service"]["Id"]
    cloudmap.register_instance(ServiceId=busy, InstanceId="i-1", Attributes={"a": "b"})
    t.refused("a service with instances", "ResourceInUse", cloudmap.delete_service, Id=busy)
    t.refused("a namespace with a service", "ResourceInUse", cloudmap.delete_namespace, Id=space)
