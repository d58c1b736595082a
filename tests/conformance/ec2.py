"""EC2: the network a service stands in, read only."""


def drive(t):
    client = t.client("ec2")
    vpc, subnets, groups = t.account["vpc"], t.account["subnets"], t.account["security_groups"]
    tasks, balancer = groups

    def by(**values):
        return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in values.items()]

    # Networks.
    one = client.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]
    t.same("a network", (one["VpcId"], one["CidrBlock"], one["State"], one["OwnerId"], one["IsDefault"]),
           (vpc, "10.0.0.0/16", "available", t.account["id"], False))
    t.same("its address block is associated", one["CidrBlockAssociationSet"][0]["CidrBlockState"], {"State": "associated"})
    t.refused("no such network", "InvalidVpcID.NotFound", client.describe_vpcs, http=400, VpcIds=["vpc-0"])
    t.refused("a filter nobody has", "InvalidParameterValue", client.describe_vpcs, Filters=by(colour="red"))
    t.refused("a dry run", "DryRunOperation", client.describe_vpcs, http=412, DryRun=True)

    # Subnets.
    read = client.describe_subnets(SubnetIds=subnets)["Subnets"]
    t.same("subnets", sorted((one["SubnetId"], one["CidrBlock"], one["AvailabilityZone"]) for one in read),
           sorted(zip(subnets, ["10.0.2.0/24", "10.0.3.0/24"], ["us-east-1a", "us-east-1b"], strict=True)))
    t.same("AWS keeps five addresses of a subnet", {one["AvailableIpAddressCount"] for one in read}, {251})
    t.same("a subnet's ARN", read[0]["SubnetArn"],
           f"arn:aws:ec2:us-east-1:{t.account['id']}:subnet/{read[0]['SubnetId']}")
    found = client.describe_subnets(Filters=by(vpc_id=vpc, availability_zone="us-east-1?"))["Subnets"]
    t.same("subnets by filters with a sign for any letter", {one["SubnetId"] for one in found}, set(subnets))
    t.same("subnets by a tag nobody has", client.describe_subnets(Filters=by(**{"tag:a": "b"}))["Subnets"], [])
    t.refused("no such subnet", "InvalidSubnetID.NotFound", client.describe_subnets,
              SubnetIds=[subnets[0], "subnet-0"])
    t.refused("too small a page", "InvalidParameterValue", client.describe_subnets, MaxResults=4)
    t.refused("ids and a page size", "InvalidParameterCombination", client.describe_subnets, SubnetIds=subnets,
              MaxResults=5)

    # Security groups.
    read = client.describe_security_groups(GroupIds=groups)["SecurityGroups"]
    t.same("security groups", {one["GroupId"]: one["VpcId"] for one in read}, {tasks: vpc, balancer: vpc})
    rules = {one["GroupId"]: one["IpPermissions"] for one in read}[tasks]
    t.same("the load balancer may reach the tasks",
           [(rule["IpProtocol"], rule["FromPort"], rule["ToPort"], [pair["GroupId"] for pair in rule["UserIdGroupPairs"]])
            for rule in rules],
           [("tcp", 3001, 3001, [balancer])])
    out = {one["GroupId"]: one["IpPermissionsEgress"] for one in read}[tasks]
    t.same("all protocols have no ports",
           [(rule["IpProtocol"], "FromPort" in rule, [one["CidrIp"] for one in rule["IpRanges"]]) for rule in out],
           [("-1", False, ["0.0.0.0/0"])])
    found = client.describe_security_groups(Filters=[
        {"Name": "ip-permission.group-id", "Values": [balancer]}, {"Name": "vpc-id", "Values": [vpc]}])
    t.same("groups by whom they let in", [one["GroupId"] for one in found["SecurityGroups"]], [tasks])
    t.refused("no such group", "InvalidGroup.NotFound", client.describe_security_groups,
              GroupIds=["sg-00000000000000000"])
    t.refused("a group of the default network", "InvalidGroup.NotFound", client.describe_security_groups,
              GroupNames=["absent"])

    # Their rules.
    read = client.describe_security_group_rules(Filters=by(group_id=tasks))["SecurityGroupRules"]
    kinds = sorted((one["IsEgress"], one["IpProtocol"], one["FromPort"], one["ToPort"]) for one in read)
    t.same("rules, one each, and -1 for no port", kinds, [(False, "tcp", 3001, 3001), (True, "-1", -1, -1)])
    ingress = [one for one in read if not one["IsEgress"]]
    t.same("a rule's other side", [one["ReferencedGroupInfo"]["GroupId"] for one in ingress], [balancer])
    again = client.describe_security_group_rules(SecurityGroupRuleIds=[one["SecurityGroupRuleId"] for one in ingress])
    t.same("a rule by its id", [one["GroupId"] for one in again["SecurityGroupRules"]], [tasks])
    t.refused("no such rule", "InvalidSecurityGroupRuleId.NotFound", client.describe_security_group_rules,
              SecurityGroupRuleIds=["sgr-00000000000000000"])

    # Zones.
    zones = client.describe_availability_zones(ZoneNames=["us-east-1a", "us-east-1b"])["AvailabilityZones"]
    t.same("zones", [(one["ZoneName"], one["State"], one["RegionName"], one["ZoneType"]) for one in zones],
           [(f"us-east-1{letter}", "available", "us-east-1", "availability-zone") for letter in "ab"])
    t.refused("no such zone", "InvalidParameterValue", client.describe_availability_zones, ZoneNames=["us-east-1x"])

    # Network interfaces: none before a task runs.
    found = client.describe_network_interfaces(Filters=by(group_id=tasks, status="in-use"))
    t.same("no interface without a task", found["NetworkInterfaces"], [])
    t.refused("no such interface", "InvalidNetworkInterfaceID.NotFound", client.describe_network_interfaces,
              NetworkInterfaceIds=["eni-00000000000000000"])
    t.refused("a page nobody gave", "InvalidPaginationToken", client.describe_network_interfaces, NextToken="x")
