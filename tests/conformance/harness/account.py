"""What the account under test holds before a script runs: `t.account`.

Gives plain names and ids: id, region, cluster, vpc, subnets, security_groups, load_balancer and listener (ARNs), namespace,
namespace_name, hosted_zone (Cloud Map's), zone (the public one), repository, image_digest. Of the simulator they are those of its
account file; elsewhere `furnish` makes the like of them through the API.
"""

import yaml

from .drive import REGION, bare_client

FILE = "tests/fixtures/account.yaml"


def images():
    """The images of its repository: manifests with tags, an index before what it points at."""
    with open(FILE) as file:
        return yaml.safe_load(file)["repositories"][0]["images"]


def simulated():
    """What the account file says."""
    with open(FILE) as file:
        account = yaml.safe_load(file)
    vpc, balancer, repository = account["vpcs"][0], account["load_balancers"][0], account["repositories"][0]
    space, number = account["namespaces"][0], account["account"]
    prefix = f"arn:aws:elasticloadbalancing:{account['region']}:{number}"
    path = f"app/{balancer['name']}/{balancer['id']}"
    return {
        "id": number,
        "region": account["region"],
        "cluster": account["clusters"][0]["name"],
        "vpc": vpc["id"],
        "subnets": [subnet["id"] for subnet in vpc["subnets"]],
        "security_groups": [group["id"] for group in vpc["security_groups"]],
        "load_balancer": f"{prefix}:loadbalancer/{path}",
        "listener": f"{prefix}:listener/{path}/{balancer['listeners'][0]['id']}",
        "namespace": space["id"],
        "namespace_name": space["name"],
        "hosted_zone": space["hosted_zone"],
        "zone": account["hosted_zones"][0]["id"],
        "repository": repository["name"],
        "image_digest": repository["images"][0]["digest"],
    }


def furnish(endpoint):
    """Makes in an empty account what the account file describes, under the same names; the ids are the endpoint's own."""
    wanted = simulated()

    def client(service):
        return bare_client(endpoint, service)

    client("ecs").create_cluster(clusterName=wanted["cluster"])
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{2 + number}.0/24", AvailabilityZone=REGION + zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    groups = [ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in ("tasks", "alb")]
    groups_rule = {"IpProtocol": "tcp", "FromPort": 3001, "ToPort": 3001, "UserIdGroupPairs": [{"GroupId": groups[1]}]}
    ec2.authorize_security_group_ingress(GroupId=groups[0], IpPermissions=[groups_rule])
    elbv2 = client("elbv2")
    balancer = elbv2.create_load_balancer(Name=wanted["cluster"], Subnets=subnets, SecurityGroups=groups[1:])
    balancer = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    # The certificate must exist for it.
    certificate = client("acm").request_certificate(
        DomainName="*.hokus.ai", SubjectAlternativeNames=["hokus.ai"], KeyAlgorithm="EC_prime256v1", ValidationMethod="DNS")
    listener = elbv2.create_listener(
        LoadBalancerArn=balancer, Protocol="HTTPS", Port=443, Certificates=[{"CertificateArn": certificate["CertificateArn"]}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"}}])
    spaces = client("servicediscovery")
    spaces.create_private_dns_namespace(Name=wanted["namespace_name"], Vpc=vpc)
    space = spaces.list_namespaces()["Namespaces"][0]["Id"]
    zone = spaces.get_namespace(Id=space)["Namespace"]["Properties"]["DnsProperties"].get("HostedZoneId")
    ecr = client("ecr")
    ecr.create_repository(repositoryName=wanted["repository"])
    pushed = [ecr.put_image(repositoryName=wanted["repository"], imageManifest=image["manifest"], **(
        {"imageTag": image["tags"][0]} if image["tags"] else {})) for image in reversed(images())][-1]
    zones = client("route53")
    public = zones.create_hosted_zone(Name="hokus.ai", CallerReference="furnish")["HostedZone"]["Id"]
    host = elbv2.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"][0]
    alias = {"HostedZoneId": host["CanonicalHostedZoneId"], "DNSName": f"dualstack.{host['DNSName']}.",
             "EvaluateTargetHealth": True}
    records = [{"Name": "contracts.hokus.ai.", "Type": "A", "AliasTarget": alias},
               {"Name": "*.hokus.ai.", "Type": "TXT", "TTL": 300, "ResourceRecords": [{"Value": '"v=spf1 -all"'}]}]
    zones.change_resource_record_sets(HostedZoneId=public, ChangeBatch={
        "Changes": [{"Action": "CREATE", "ResourceRecordSet": record} for record in records]})
    return {
        **wanted, "vpc": vpc, "subnets": subnets, "security_groups": groups, "load_balancer": balancer,
        "listener": listener["Listeners"][0]["ListenerArn"], "namespace": space, "hosted_zone": zone,
        "image_digest": pushed["image"]["imageId"]["imageDigest"], "zone": public.removeprefix("/hostedzone/"),
    }
