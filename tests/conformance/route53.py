"""Route 53: a zone and the record that leads to the load balancer, read only."""


def drive(t):
    client = t.client("route53")
    zone = t.account["zone"]
    host = t.client("elbv2").describe_load_balancers(LoadBalancerArns=[t.account["load_balancer"]])
    host = host["LoadBalancers"][0]

    # Zones.
    listed = client.list_hosted_zones()
    t.same("a zone", [(one["Name"], one["Config"]["PrivateZone"]) for one in listed["HostedZones"]
                      if one["Id"] == f"/hostedzone/{zone}"], [("hokus.ai.", False)])
    t.same("the page", (listed["IsTruncated"], listed["MaxItems"]), (False, "100"))
    t.refused("a page of no size", "InvalidInput", client.list_hosted_zones, http=400, MaxItems="none")
    named = client.list_hosted_zones_by_name(DNSName="hokus.ai", MaxItems="1")
    t.same("a zone by its name", [one["Id"] for one in named["HostedZones"]], [f"/hostedzone/{zone}"])
    t.same("names after it", client.list_hosted_zones_by_name(DNSName="zzz.zzz.")["HostedZones"], [])
    t.refused("an id without a name", "InvalidInput", client.list_hosted_zones_by_name, HostedZoneId=zone)
    read = client.get_hosted_zone(Id=zone)
    t.same("four name servers", len(read["DelegationSet"]["NameServers"]), 4)
    t.same("the records are counted", read["HostedZone"]["ResourceRecordSetCount"], 4)
    t.same("the id as lists give it", client.get_hosted_zone(Id=f"/hostedzone/{zone}")["HostedZone"]["Name"], "hokus.ai.")
    t.refused("no such zone", "NoSuchHostedZone", client.get_hosted_zone, http=404, Id="ZABSENT")

    # Records.
    records = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    t.same("records in DNS order, an asterisk in octal", [(one["Name"], one["Type"]) for one in records],
           [("hokus.ai.", "NS"), ("hokus.ai.", "SOA"), ("\\052.hokus.ai.", "TXT"), ("contracts.hokus.ai.", "A")])
    t.same("an alias of the load balancer", records[-1], {
        "Name": "contracts.hokus.ai.", "Type": "A", "AliasTarget": {
            "HostedZoneId": host["CanonicalHostedZoneId"], "DNSName": f"dualstack.{host['DNSName'].lower()}.",
            "EvaluateTargetHealth": True}})
    t.same("a plain record", (records[2]["TTL"], records[2]["ResourceRecords"]), (300, [{"Value": '"v=spf1 -all"'}]))
    page = client.list_resource_record_sets(HostedZoneId=zone, MaxItems="1")
    t.same("the next record", (page["IsTruncated"], page["NextRecordName"], page["NextRecordType"]),
           (True, "hokus.ai.", "SOA"))
    pages = client.get_paginator("list_resource_record_sets").paginate(
        HostedZoneId=zone, PaginationConfig={"PageSize": 3})
    t.same("records in pages", [len(page["ResourceRecordSets"]) for page in pages], [3, 1])
    start = client.list_resource_record_sets(
        HostedZoneId=zone, StartRecordName="contracts.hokus.ai", StartRecordType="A", MaxItems="1")
    t.same("from a name on", [one["Name"] for one in start["ResourceRecordSets"]], ["contracts.hokus.ai."])
    t.refused("a type without a name", "InvalidInput", client.list_resource_record_sets, HostedZoneId=zone,
              StartRecordType="A")
    t.refused("records of no zone", "NoSuchHostedZone", client.list_resource_record_sets, HostedZoneId="ZABSENT")

    # Tags.
    tags = client.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone)["ResourceTagSet"]
    t.same("no tags", (tags["ResourceId"], tags["Tags"]), (zone, []))
    t.refused("tags of no zone", "NoSuchHostedZone", client.list_tags_for_resource, http=404,
              ResourceType="hostedzone", ResourceId="ZABSENT")
