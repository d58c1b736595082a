"""IAM: roles, inline and managed policies, boundaries, tags, policy simulation."""

import json

EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


def policy(*statements, version="2012-10-17"):
    document = {"Version": version, "Statement": list(statements)}
    return json.dumps({key: value for key, value in document.items() if value is not None})


def statement(effect="Allow", action="ssm:GetParameters", resource="*", **more):
    members = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return {key: value for key, value in members.items() if value is not None}


def trust(**principal):
    principal = principal or {"Service": "ecs-tasks.amazonaws.com"}
    return policy(statement(action="sts:AssumeRole", resource=None, Principal=principal))


READ = policy(statement())


def drive(t):
    client = t.client("iam")
    roles(t, client)
    inline(t, client)
    managed(t, client)
    documents(t, client)
    custom_simulation(t, client)
    principal_simulation(t, client)


def roles(t, client):
    name = t.unique("role")
    made = client.create_role(RoleName=name, AssumeRolePolicyDocument=trust(), Path="/unit/", Description="d",
                              Tags=[{"Key": "unit", "Value": "contracts"}])["Role"]
    t.same("role: its ARN and id", [made["Arn"].split(":", 5)[5], made["RoleId"][:4], len(made["RoleId"])],
           [f"role/unit/{name}", "AROA", 21])
    t.same("role: the trust policy is decoded", made["AssumeRolePolicyDocument"], json.loads(trust()))
    found = client.get_role(RoleName=name)["Role"]
    t.same("role: read", [found.get(key) for key in ("Description", "MaxSessionDuration", "Tags", "RoleLastUsed")],
           ["d", 3600, [{"Key": "unit", "Value": "contracts"}], {}])
    client.update_role(RoleName=name, MaxSessionDuration=7200)
    found = client.get_role(RoleName=name)["Role"]
    t.same("role: what an update does not say stays", [found["MaxSessionDuration"], found.get("Description")],
           [7200, "d"])
    client.update_role(RoleName=name, Description="e")
    t.same("role: description updated", client.get_role(RoleName=name)["Role"]["Description"], "e")
    t.same("role: description set", client.update_role_description(
        RoleName=name, Description="f")["Role"]["Description"], "f")
    client.update_assume_role_policy(RoleName=name, PolicyDocument=trust(Service="ecs.amazonaws.com"))
    t.same("role: trust replaced", client.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"],
           json.loads(trust(Service="ecs.amazonaws.com")))
    client.tag_role(RoleName=name, Tags=[{"Key": "a", "Value": "1"}])
    client.untag_role(RoleName=name, TagKeys=["unit"])
    t.same("role: tags", client.list_role_tags(RoleName=name)["Tags"], [{"Key": "a", "Value": "1"}])
    other = t.unique("role")
    client.create_role(RoleName=other, AssumeRolePolicyDocument=trust(), Path="/unit/")
    pages = list(client.get_paginator("list_roles").paginate(PathPrefix="/unit/", PaginationConfig={"PageSize": 1}))
    listed = {role["RoleName"]: role for page in pages for role in page["Roles"]}
    t.same("roles by path and page", [sorted(listed), [len(page["Roles"]) for page in pages]], [sorted([name, other]), [1, 1]])
    listed = listed[name]
    t.same("roles: a listing has no tags", [listed.get("Tags"), listed["MaxSessionDuration"]], [None, 7200])

    boundary = client.create_policy(PolicyName=t.unique("boundary"), PolicyDocument=READ)["Policy"]["Arn"]
    client.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
    t.same("role: boundary", client.get_role(RoleName=name)["Role"]["PermissionsBoundary"],
           {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": boundary})
    t.same("policy: used as a boundary", client.get_policy(PolicyArn=boundary)["Policy"]["PermissionsBoundaryUsageCount"], 1)
    t.refused("delete a policy that is a boundary", "DeleteConflict", client.delete_policy, http=409, PolicyArn=boundary)
    client.delete_role_permissions_boundary(RoleName=name)
    t.same("role: no boundary", client.get_role(RoleName=name)["Role"].get("PermissionsBoundary"), None)
    t.refused("boundary that is no policy", "NoSuchEntity", client.put_role_permissions_boundary, http=404,
              RoleName=name, PermissionsBoundary=boundary + "x")
    t.refused("delete a boundary that is not there", "NoSuchEntity", client.delete_role_permissions_boundary, http=404,
              RoleName=name)
    client.delete_policy(PolicyArn=boundary)

    t.refused("role: made twice", "EntityAlreadyExists", client.create_role, http=409, RoleName=name,
              AssumeRolePolicyDocument=trust())
    t.refused("role: a name with a space", "ValidationError", client.create_role, RoleName="a b",
              AssumeRolePolicyDocument=trust())
    t.refused("role: a path without its slash", "ValidationError", client.create_role, RoleName=t.unique("no"),
              AssumeRolePolicyDocument=trust(), Path="unit")
    t.refused("role: sessions of a minute", "ValidationError", client.create_role, RoleName=t.unique("no"),
              AssumeRolePolicyDocument=trust(), MaxSessionDuration=60)
    t.refused("role: sessions updated to a minute", "ValidationError", client.update_role, RoleName=name,
              MaxSessionDuration=60)
    for wrong, document in {
        "no JSON": "{", "no principal": policy(statement(action="sts:AssumeRole", resource=None)),
        "a resource": policy(statement(action="sts:AssumeRole", Principal={"Service": "x"})),
        "another action": policy(statement(action="s3:GetObject", resource=None, Principal={"Service": "x"})),
        "an unknown principal": trust(Planet="Mars"),
    }.items():
        t.refused(f"trust policy: {wrong}", "MalformedPolicyDocument", client.create_role, RoleName=t.unique("no"),
                  AssumeRolePolicyDocument=document)
    t.refused("trust policy replaced by no JSON", "MalformedPolicyDocument", client.update_assume_role_policy,
              RoleName=name, PolicyDocument="{")
    absent = t.unique("absent")
    for wrong, call, arguments in [
        ("read", client.get_role, {}), ("update", client.update_role, {}), ("tags", client.list_role_tags, {}),
        ("describe", client.update_role_description, {"Description": "d"}), ("delete", client.delete_role, {}),
        ("tag", client.tag_role, {"Tags": [{"Key": "a", "Value": "1"}]}), ("untag", client.untag_role, {"TagKeys": ["a"]}),
        ("inline policies", client.list_role_policies, {}), ("attached", client.list_attached_role_policies, {}),
    ]:
        t.refused(f"role that is not there: {wrong}", "NoSuchEntity", call, http=404, RoleName=absent, **arguments)
    t.refused("roles: a page of 1001", "ValidationError", client.list_roles, MaxItems=1001)
    for role in (name, other):
        client.delete_role(RoleName=role)


def inline(t, client):
    name = t.unique("role")
    client.create_role(RoleName=name, AssumeRolePolicyDocument=trust())
    put = lambda policy_name, document: client.put_role_policy(
        RoleName=name, PolicyName=policy_name, PolicyDocument=document)
    put("secrets", READ)
    put("logs", policy(statement(action="logs:*")))
    t.same("inline policy: read", client.get_role_policy(RoleName=name, PolicyName="secrets")["PolicyDocument"],
           json.loads(READ))
    t.same("inline policies", sorted(client.list_role_policies(RoleName=name)["PolicyNames"]), ["logs", "secrets"])
    t.refused("delete a role with an inline policy", "DeleteConflict", client.delete_role, http=409, RoleName=name)
    t.refused("inline policy: no statement", "MalformedPolicyDocument", client.put_role_policy, RoleName=name,
              PolicyName="x", PolicyDocument=policy())
    t.refused("inline policies of more than 10,240 characters", "LimitExceeded", client.put_role_policy, http=409,
              RoleName=name, PolicyName="x", PolicyDocument=policy(statement(resource=["arn:aws:s3:::" + "x" * 1000] * 11)))
    for policy_name in ("secrets", "logs"):
        client.delete_role_policy(RoleName=name, PolicyName=policy_name)
    t.refused("inline policy: read a deleted one", "NoSuchEntity", client.get_role_policy, http=404, RoleName=name,
              PolicyName="secrets")
    t.refused("inline policy: delete a deleted one", "NoSuchEntity", client.delete_role_policy, http=404, RoleName=name,
              PolicyName="secrets")
    client.delete_role(RoleName=name)


def managed(t, client):
    name, role = t.unique("policy"), t.unique("role")
    client.create_role(RoleName=role, AssumeRolePolicyDocument=trust())
    made = client.create_policy(PolicyName=name, Path="/unit/", PolicyDocument=READ, Description="d",
                                Tags=[{"Key": "unit", "Value": "contracts"}])["Policy"]
    arn = made["Arn"]
    t.same("policy: its ARN and id", [arn.split(":", 5)[5], made["PolicyId"][:4], made["DefaultVersionId"]],
           [f"policy/unit/{name}", "ANPA", "v1"])
    found = client.get_policy(PolicyArn=arn)["Policy"]
    t.same("policy: read", [found.get(key) for key in (
        "Description", "AttachmentCount", "IsAttachable", "PermissionsBoundaryUsageCount", "Tags")],
        ["d", 0, True, 0, [{"Key": "unit", "Value": "contracts"}]])
    version = client.create_policy_version(PolicyArn=arn, PolicyDocument=policy(statement(action="logs:*")))
    t.same("policy: a new version is not the default", [version["PolicyVersion"][key] for key in (
        "VersionId", "IsDefaultVersion")], ["v2", False])
    t.same("policy: the first version is read", client.get_policy_version(
        PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"], json.loads(READ))
    t.refused("policy: delete the default version", "DeleteConflict", client.delete_policy_version, http=409,
              PolicyArn=arn, VersionId="v1")
    client.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    t.same("policy: versions, the newest first", [
        (each["VersionId"], each["IsDefaultVersion"])
        for each in client.list_policy_versions(PolicyArn=arn)["Versions"]], [("v2", True), ("v1", False)])
    for _ in range(3):
        client.create_policy_version(PolicyArn=arn, PolicyDocument=READ, SetAsDefault=True)
    t.same("policy: a new default", client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"], "v5")
    t.refused("policy: a sixth version", "LimitExceeded", client.create_policy_version, http=409, PolicyArn=arn,
              PolicyDocument=READ)
    t.refused("policy: delete with versions", "DeleteConflict", client.delete_policy, http=409, PolicyArn=arn)
    for number in range(1, 5):
        client.delete_policy_version(PolicyArn=arn, VersionId=f"v{number}")
    t.refused("policy: read a version that is not there", "NoSuchEntity", client.get_policy_version, http=404,
              PolicyArn=arn, VersionId="v1")
    t.refused("policy: default to a version that is not there", "NoSuchEntity", client.set_default_policy_version,
              http=404, PolicyArn=arn, VersionId="v1")

    client.attach_role_policy(RoleName=role, PolicyArn=arn)
    client.attach_role_policy(RoleName=role, PolicyArn=arn)
    client.attach_role_policy(RoleName=role, PolicyArn=EXECUTION)
    t.same("attached policies", sorted(each["PolicyName"] for each in client.list_attached_role_policies(
        RoleName=role)["AttachedPolicies"]), ["AmazonECSTaskExecutionRolePolicy", name])
    t.same("attached policies by path", [each["PolicyArn"] for each in client.list_attached_role_policies(
        RoleName=role, PathPrefix="/unit/")["AttachedPolicies"]], [arn])
    t.same("policy: attached once", client.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 1)
    entities = client.list_entities_for_policy(PolicyArn=arn)
    t.same("policy: its roles", [[each["RoleName"] for each in entities["PolicyRoles"]], entities["PolicyUsers"]],
           [[role], []])
    t.same("policies of the account, attached", [each["Arn"] for each in client.list_policies(
        Scope="Local", OnlyAttached=True, PathPrefix="/unit/")["Policies"]], [arn])
    aws = {each["PolicyName"]: each for each in page_through(client, Scope="AWS")}
    t.same("AWS's policies have AWS's ids", aws["AmazonECSTaskExecutionRolePolicy"]["PolicyId"], "ANPAJG4T4G4PV56DE72PY")
    document = client.get_policy_version(PolicyArn=EXECUTION, VersionId="v1")["PolicyVersion"]["Document"]
    t.same("AWS's policy: its actions", document["Statement"][0]["Action"], [
        "ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage",
        "logs:CreateLogStream", "logs:PutLogEvents"])
    client.tag_policy(PolicyArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    client.untag_policy(PolicyArn=arn, TagKeys=["unit"])
    t.same("policy: tags", client.list_policy_tags(PolicyArn=arn)["Tags"], [{"Key": "a", "Value": "1"}])
    t.refused("delete an attached policy", "DeleteConflict", client.delete_policy, http=409, PolicyArn=arn)
    t.refused("delete a role with an attached policy", "DeleteConflict", client.delete_role, http=409, RoleName=role)
    client.detach_role_policy(RoleName=role, PolicyArn=EXECUTION)
    client.detach_role_policy(RoleName=role, PolicyArn=arn)
    t.refused("detach twice", "NoSuchEntity", client.detach_role_policy, http=404, RoleName=role, PolicyArn=arn)
    t.refused("attach what is not there", "NoSuchEntity", client.attach_role_policy, http=404, RoleName=role,
              PolicyArn=arn + "x")
    t.refused("policy: made twice", "EntityAlreadyExists", client.create_policy, http=409, PolicyName=name,
              PolicyDocument=READ)
    t.refused("policy: more than 6,144 characters", "LimitExceeded", client.create_policy, http=409,
              PolicyName=t.unique("no"), PolicyDocument=policy(statement(resource=["arn:aws:s3:::" + "x" * 1000] * 7)))
    t.refused("a version of AWS's policy", "AccessDenied", client.create_policy_version, http=403, PolicyArn=EXECUTION,
              PolicyDocument=READ)
    t.refused("policies of an unknown scope", "ValidationError", client.list_policies, Scope="Mine")
    ten = [client.create_policy(PolicyName=t.unique("many"), PolicyDocument=READ)["Policy"]["Arn"] for _ in range(11)]
    for each in ten[:10]:
        client.attach_role_policy(RoleName=role, PolicyArn=each)
    t.refused("an eleventh policy", "LimitExceeded", client.attach_role_policy, http=409, RoleName=role, PolicyArn=ten[10])
    for each in ten[:10]:
        client.detach_role_policy(RoleName=role, PolicyArn=each)
    for each in [*ten, arn]:
        client.delete_policy(PolicyArn=each)
    for wrong, call, arguments in [
        ("read", client.get_policy, {}), ("versions", client.list_policy_versions, {}), ("tags", client.list_policy_tags, {}),
        ("entities", client.list_entities_for_policy, {}), ("tag", client.tag_policy, {"Tags": [{"Key": "a", "Value": "1"}]}),
        ("untag", client.untag_policy, {"TagKeys": ["a"]}),
    ]:
        t.refused(f"policy that is not there: {wrong}", "NoSuchEntity", call, http=404, PolicyArn=arn, **arguments)
    client.delete_role(RoleName=role)


def page_through(client, **arguments):
    for page in client.get_paginator("list_policies").paginate(**arguments):
        yield from page["Policies"]


def documents(t, client):
    for wrong, document in {
        "no JSON": "{", "a list": "[]", "no version": policy(statement(), version=None),
        "the older version": policy(statement(), version="2008-10-17"),
        "a future version": policy(statement(), version="2030-01-01"),
        "no statement": policy(), "an unknown member": json.dumps({**json.loads(READ), "Extra": 1}),
        "a statement with an unknown member": policy(statement(Extra=1)), "an unknown effect": policy(statement("Maybe")),
        "no action": policy(statement(action=None)), "an action without a vendor": policy(statement(action="GetParameters")),
        "both actions": policy(statement(NotAction="ssm:*")), "no resource": policy(statement(resource=None)),
        "a resource that is no ARN": policy(statement(resource="parameter")),
        "an unknown partition": policy(statement(resource="arn:mars:s3:::x")),
        "a principal": policy(statement(Principal="*")), "one id twice": policy(statement(Sid="a"), statement(Sid="a")),
        "an id with a space": policy(statement(Sid="a b")),
        "an unknown condition": policy(statement(Condition={"StringIs": {"aws:x": "y"}})),
        "a condition key without a vendor": policy(statement(Condition={"StringEquals": {"x": "y"}})),
    }.items():
        t.refused(f"policy document: {wrong}", "MalformedPolicyDocument", client.create_policy, PolicyName=t.unique("no"),
                  PolicyDocument=document)


def decisions(results):
    return [(each["EvalActionName"], each["EvalResourceName"], each["EvalDecision"]) for each in results["EvaluationResults"]]


def custom_simulation(t, client):
    mine, other = "arn:aws:ssm:us-east-1:932100697590:parameter/mine/a", "arn:aws:ssm:us-east-1:932100697590:parameter/other"
    allow = policy(statement(action="ssm:Get*", resource="arn:aws:ssm:*:*:parameter/mine/*"))
    deny = policy(statement("Deny", action="ssm:GetParameterHistory"))
    simulate = lambda *documents, **arguments: client.simulate_custom_policy(PolicyInputList=list(documents), **arguments)
    read = simulate(allow, deny, ActionNames=["ssm:GetParameters", "ssm:GetParameterHistory"], ResourceArns=[mine, other])
    t.same("simulation: every action on every resource", decisions(read), [
        ("ssm:GetParameters", mine, "allowed"), ("ssm:GetParameters", other, "implicitDeny"),
        ("ssm:GetParameterHistory", mine, "explicitDeny"), ("ssm:GetParameterHistory", other, "explicitDeny")])
    matched = [each["MatchedStatements"] for each in read["EvaluationResults"]]
    t.same("simulation: which policy decided", [[each["SourcePolicyId"] for each in one] for one in matched],
           [["PolicyInputList.1"], [], ["PolicyInputList.2"], ["PolicyInputList.2"]])
    # AWS's own example of SimulateCustomPolicy.
    example = '{\n  "Version": "2012-10-17",\n  "Statement": {\n    "Effect": "Allow",\n    "Action": "s3:ListBucket",\n' \
              '    "Resource": "arn:aws:s3:::teambucket"\n  }\n}'
    found = simulate(example, ActionNames=["s3:ListBucket"], ResourceArns=["arn:aws:s3:::teambucket"])
    place = found["EvaluationResults"][0]["MatchedStatements"][0]
    t.same("simulation: where the statement stands", [place["StartPosition"], place["EndPosition"]],
           [{"Line": 3, "Column": 16}, {"Line": 7, "Column": 4}])
    t.same("simulation: without resources, of all", decisions(simulate(READ, ActionNames=["ssm:GetParameters"])),
           [("ssm:GetParameters", "*", "allowed")])
    tagged = policy(statement(action="ecs:CreateService", Condition={"StringEquals": {"aws:RequestTag/unit": "contracts"}}))
    entry = lambda value: [{"ContextKeyName": "aws:RequestTag/unit", "ContextKeyValues": [value], "ContextKeyType": "string"}]
    for what, context, want in (("none", [], "implicitDeny"), ("another", entry("x"), "implicitDeny"),
                                ("the right one", entry("contracts"), "allowed")):
        found = simulate(tagged, ActionNames=["ecs:CreateService"], ContextEntries=context)["EvaluationResults"][0]
        t.same(f"simulation: a condition on a tag, {what}", found["EvalDecision"], want)
        t.same(f"simulation: missing context, {what}", found["MissingContextValues"],
               [] if context else ["aws:RequestTag/unit"])
    bounded = simulate(READ, ActionNames=["ssm:GetParameters"], PermissionsBoundaryPolicyInputList=[allow])
    bounded = bounded["EvaluationResults"][0]
    t.same("simulation: a boundary that does not allow", [
        bounded["EvalDecision"], bounded["PermissionsBoundaryDecisionDetail"]],
        ["implicitDeny", {"AllowedByPermissionsBoundary": False}])
    page = simulate(READ, ActionNames=["ssm:GetParameters", "ssm:PutParameter"], MaxItems=1)
    rest = simulate(READ, ActionNames=["ssm:GetParameters", "ssm:PutParameter"], MaxItems=1, Marker=page["Marker"])
    t.same("simulation: by pages", [page["IsTruncated"], decisions(page), rest["IsTruncated"], decisions(rest)], [
        True, [("ssm:GetParameters", "*", "allowed")], False, [("ssm:PutParameter", "*", "implicitDeny")]])
    for wrong, arguments in {
        "an action without a vendor": dict(ActionNames=["GetParameters"]),
        "a resource that is no ARN": dict(ActionNames=["ssm:GetParameters"], ResourceArns=["mine"]),
        "a number that is none": dict(ActionNames=["ssm:GetParameters"], ContextEntries=[
            {"ContextKeyName": "aws:x", "ContextKeyValues": ["y"], "ContextKeyType": "numeric"}]),
    }.items():
        t.refused(f"simulation: {wrong}", "InvalidInput", client.simulate_custom_policy, PolicyInputList=[READ], **arguments)
    t.refused("simulation: no policy", "InvalidInput", client.simulate_custom_policy, PolicyInputList=["{"],
              ActionNames=["ssm:GetParameters"])


def principal_simulation(t, client):
    name = t.unique("simulated")
    role = client.create_role(RoleName=name, AssumeRolePolicyDocument=trust())["Role"]["Arn"]
    client.put_role_policy(RoleName=name, PolicyName="secrets", PolicyDocument=READ)
    client.attach_role_policy(RoleName=name, PolicyArn=EXECUTION)
    simulate = lambda *actions, **arguments: client.simulate_principal_policy(
        PolicySourceArn=role, ActionNames=list(actions), **arguments)
    read = simulate("ssm:GetParameters", "logs:PutLogEvents", "ssm:DeleteParameter")
    t.same("principal: inline and attached policies", [decision for _, _, decision in decisions(read)],
           ["allowed", "allowed", "implicitDeny"])
    matched = [each["MatchedStatements"][0] for each in read["EvaluationResults"][:2]]
    t.same("principal: which policy decided", [(each["SourcePolicyId"], each["SourcePolicyType"]) for each in matched],
           [(f"role_{name}_secrets", "role"), ("AmazonECSTaskExecutionRolePolicy", "aws-managed")])
    t.same("principal: with one more policy", decisions(simulate(
        "ssm:DeleteParameter", PolicyInputList=[policy(statement(action="ssm:*"))]))[0][2], "allowed")
    boundary = client.create_policy(PolicyName=t.unique("boundary"), PolicyDocument=READ)["Policy"]["Arn"]
    client.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
    t.same("principal: within its boundary", [decision for _, _, decision in decisions(
        simulate("ssm:GetParameters", "logs:PutLogEvents"))], ["allowed", "implicitDeny"])
    t.refused("principal: a role that is not there", "NoSuchEntity", client.simulate_principal_policy, http=404,
              PolicySourceArn=role + "x", ActionNames=["ssm:GetParameters"])
    t.refused("principal: no principal", "InvalidInput", client.simulate_principal_policy,
              PolicySourceArn="arn:aws:s3:::some-bucket-name", ActionNames=["ssm:GetParameters"])
    client.detach_role_policy(RoleName=name, PolicyArn=EXECUTION)
    client.delete_role_policy(RoleName=name, PolicyName="secrets")
    client.delete_role(RoleName=name)
    client.delete_policy(PolicyArn=boundary)
