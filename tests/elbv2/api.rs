//! The API: AWS's defaults on read-back, its forms, its refusals.

use contracts::simulator::elbv2;
use serde_json::{Value, json};

use crate::{LISTENER, LOAD_BALANCER, VPC, account_world, ask, create_target_group, forward_host};

#[test]
fn a_target_group_made_with_the_least_reads_back_with_awss_defaults() {
    let mut world = account_world();
    let input = json!({ "Name": "contracts", "Protocol": "HTTP", "Port": "3001", "VpcId": VPC });
    let made = ask(&mut world, "CreateTargetGroup", input).unwrap();
    let arn = made["TargetGroups"][0]["TargetGroupArn"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        arn.starts_with(
            "arn:aws:elasticloadbalancing:us-east-1:932100697590:targetgroup/contracts/"
        ),
        "{arn}"
    );
    assert_eq!(arn.rsplit('/').next().unwrap().len(), 16);
    let expected = json!({ "TargetGroups": [{
        "TargetGroupArn": arn, "TargetGroupName": "contracts", "Protocol": "HTTP", "Port": 3001, "VpcId": VPC,
        "HealthCheckProtocol": "HTTP", "HealthCheckPort": "traffic-port", "HealthCheckEnabled": true,
        "HealthCheckIntervalSeconds": 30, "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2, "HealthCheckPath": "/", "Matcher": { "HttpCode": "200" },
        "LoadBalancerArns": [], "TargetType": "instance", "ProtocolVersion": "HTTP1", "IpAddressType": "ipv4",
    }] });
    assert_eq!(made, expected);
    assert_eq!(
        ask(
            &mut world,
            "DescribeTargetGroups",
            json!({ "Names": ["contracts"] })
        )
        .unwrap(),
        expected
    );

    let attributes = ask(
        &mut world,
        "DescribeTargetGroupAttributes",
        json!({ "TargetGroupArn": arn }),
    )
    .unwrap();
    let attributes: Vec<String> = attributes["Attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attribute| {
            format!(
                "{}={}",
                attribute["Key"].as_str().unwrap(),
                attribute["Value"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        attributes.join("\n"),
        "\
deregistration_delay.timeout_seconds=300
load_balancing.algorithm.anomaly_mitigation=off
load_balancing.algorithm.type=round_robin
load_balancing.cross_zone.enabled=use_load_balancer_configuration
slow_start.duration_seconds=0
stickiness.app_cookie.cookie_name=
stickiness.app_cookie.duration_seconds=86400
stickiness.enabled=false
stickiness.lb_cookie.duration_seconds=86400
stickiness.type=lb_cookie
target_group_health.dns_failover.minimum_healthy_targets.count=1
target_group_health.dns_failover.minimum_healthy_targets.percentage=off
target_group_health.unhealthy_state_routing.minimum_healthy_targets.count=1
target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage=off"
    );
}

#[test]
fn creating_a_target_group_again_gives_the_same_one_and_other_settings_are_refused() {
    let mut world = account_world();
    let first = create_target_group(&mut world, "contracts", json!({}));
    assert_eq!(
        create_target_group(&mut world, "contracts", json!({})),
        first
    );
    let other = json!({ "Name": "contracts", "Protocol": "HTTP", "Port": 8002, "VpcId": VPC, "TargetType": "ip" });
    let refused = ask(&mut world, "CreateTargetGroup", other).unwrap_err();
    assert_eq!(refused.code, "DuplicateTargetGroupName");
    assert_eq!(
        refused.message,
        "A target group with the same name 'contracts' exists, but with different settings"
    );
}

#[test]
fn a_rule_reads_back_in_both_forms_whichever_was_used() {
    let mut world = account_world();
    let group = create_target_group(&mut world, "contracts", json!({}));
    let short = json!({ "ListenerArn": LISTENER, "Priority": "20",
        "Conditions": [{ "Field": "host-header", "Values": ["contracts.hokus.ai"] }],
        "Actions": [{ "Type": "forward", "TargetGroupArn": group }] });
    let long = json!({ "ListenerArn": LISTENER, "Priority": 10,
        "Conditions": [{ "Field": "host-header", "HostHeaderConfig": { "Values": ["contracts.hokus.ai"] } }],
        "Actions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": [{ "TargetGroupArn": group }] } }] });
    let expected = |arn: &Value, priority: &str| {
        json!({
            "RuleArn": arn, "Priority": priority, "IsDefault": false, "Transforms": [],
            "Conditions": [{ "Field": "host-header", "Values": ["contracts.hokus.ai"],
                "HostHeaderConfig": { "Values": ["contracts.hokus.ai"] } }],
            "Actions": [{ "Type": "forward", "TargetGroupArn": group, "ForwardConfig": {
                "TargetGroups": [{ "TargetGroupArn": group, "Weight": 1 }],
                "TargetGroupStickinessConfig": { "Enabled": false } } }],
        })
    };
    for (input, priority) in [(short, "20"), (long, "10")] {
        let made = ask(&mut world, "CreateRule", input).unwrap();
        assert_eq!(
            made["Rules"][0],
            expected(&made["Rules"][0]["RuleArn"], priority)
        );
    }

    // In order of priority, the default rule last.
    let rules = ask(
        &mut world,
        "DescribeRules",
        json!({ "ListenerArn": LISTENER }),
    )
    .unwrap();
    let priorities: Vec<_> = rules["Rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["Priority"].clone())
        .collect();
    assert_eq!(priorities, ["10", "20", "default"]);
    let default = &rules["Rules"][2];
    assert_eq!(default["IsDefault"], true);
    let fixed = json!([{ "Type": "fixed-response",
        "FixedResponseConfig": { "StatusCode": "404", "ContentType": "text/plain", "MessageBody": "" } }]);
    assert_eq!(default["Actions"], fixed);

    let groups = ask(
        &mut world,
        "DescribeTargetGroups",
        json!({ "LoadBalancerArn": LOAD_BALANCER }),
    )
    .unwrap();
    assert_eq!(
        groups["TargetGroups"][0]["LoadBalancerArns"],
        json!([LOAD_BALANCER])
    );
}

#[test]
fn a_rule_with_weights_reads_back_without_the_short_form() {
    let mut world = account_world();
    let (blue, green) = (
        create_target_group(&mut world, "blue", json!({})),
        create_target_group(&mut world, "green", json!({})),
    );
    let rule = forward_host(&mut world, 1, "contracts.hokus.ai", &blue);
    let tuples = json!([{ "TargetGroupArn": blue, "Weight": "100" }, { "TargetGroupArn": green, "Weight": "0" }]);
    let action = json!({ "Type": "forward", "ForwardConfig": { "TargetGroups": tuples } });
    let changed = ask(
        &mut world,
        "ModifyRule",
        json!({ "RuleArn": rule, "Actions": [action] }),
    )
    .unwrap();
    let expected = json!([{ "Type": "forward", "ForwardConfig": {
        "TargetGroups": [{ "TargetGroupArn": blue, "Weight": 100 }, { "TargetGroupArn": green, "Weight": 0 }],
        "TargetGroupStickinessConfig": { "Enabled": false } } }]);
    assert_eq!(changed["Rules"][0]["Actions"], expected);
    assert_eq!(
        changed["Rules"][0]["Conditions"][0]["Values"],
        json!(["contracts.hokus.ai"])
    );
    assert!(elbv2::target_group_is_attached(&world, &green));
}

#[test]
fn two_rules_can_swap_priorities_in_one_call_and_clash_in_two() {
    let mut world = account_world();
    let group = create_target_group(&mut world, "contracts", json!({}));
    let first = forward_host(&mut world, 1, "a.hokus.ai", &group);
    let second = forward_host(&mut world, 2, "b.hokus.ai", &group);
    let clash = json!({ "RulePriorities": [{ "RuleArn": first, "Priority": 2 }] });
    assert_eq!(
        ask(&mut world, "SetRulePriorities", clash)
            .unwrap_err()
            .code,
        "PriorityInUse"
    );
    let swap = json!({ "RulePriorities": [
        { "RuleArn": first, "Priority": 2 }, { "RuleArn": second, "Priority": 1 }] });
    ask(&mut world, "SetRulePriorities", swap).unwrap();
    let rules = ask(
        &mut world,
        "DescribeRules",
        json!({ "ListenerArn": LISTENER }),
    )
    .unwrap();
    assert_eq!(rules["Rules"][0]["RuleArn"], json!(second));
}

#[test]
fn the_load_balancer_and_its_listener_read_back_as_the_fixture_says() {
    let mut world = account_world();
    let balancers = ask(
        &mut world,
        "DescribeLoadBalancers",
        json!({ "Names": ["hokusai-development"] }),
    )
    .unwrap();
    let balancer = &balancers["LoadBalancers"][0];
    assert_eq!(balancer["LoadBalancerArn"], LOAD_BALANCER);
    assert_eq!(balancer["State"], json!({ "Code": "active" }));
    assert_eq!(balancer["CanonicalHostedZoneId"], "Z35SXDOTRQ7X7K");
    let zones: Vec<_> = balancer["AvailabilityZones"]
        .as_array()
        .unwrap()
        .iter()
        .map(|z| z["ZoneName"].clone())
        .collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1b"]);
    let dns = balancer["DNSName"].as_str().unwrap();
    assert!(
        dns.starts_with("hokusai-development-") && dns.ends_with(".us-east-1.elb.amazonaws.com"),
        "{dns}"
    );

    let listeners = ask(
        &mut world,
        "DescribeListeners",
        json!({ "LoadBalancerArn": LOAD_BALANCER }),
    )
    .unwrap();
    let listener = &listeners["Listeners"][0];
    assert_eq!(
        (&listener["ListenerArn"], &listener["Port"]),
        (&json!(LISTENER), &json!(443))
    );
    assert_eq!(listener["Protocol"], "HTTPS");
    let certificates = ask(
        &mut world,
        "DescribeListenerCertificates",
        json!({ "ListenerArn": LISTENER }),
    )
    .unwrap();
    assert_eq!(certificates["Certificates"][0]["IsDefault"], true);
    assert_eq!(
        certificates["Certificates"][0]["CertificateArn"],
        listener["Certificates"][0]["CertificateArn"]
    );
    let attributes = ask(
        &mut world,
        "DescribeLoadBalancerAttributes",
        json!({ "LoadBalancerArn": LOAD_BALANCER }),
    )
    .unwrap();
    let idle = json!({ "Key": "idle_timeout.timeout_seconds", "Value": "60" });
    assert!(attributes["Attributes"].as_array().unwrap().contains(&idle));
}

#[test]
fn tags_are_kept_per_resource_of_every_kind() {
    let mut world = account_world();
    let tags = json!({ "Tags": [{ "Key": "owner", "Value": "contracts" }] });
    let group = create_target_group(&mut world, "contracts", tags);
    let rule = forward_host(&mut world, 1, "contracts.hokus.ai", &group);
    let all = json!([group, rule, LISTENER, LOAD_BALANCER]);
    let more = json!({ "ResourceArns": all, "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "" }] });
    ask(&mut world, "AddTags", more).unwrap();
    ask(
        &mut world,
        "RemoveTags",
        json!({ "ResourceArns": [group], "TagKeys": ["b", "absent"] }),
    )
    .unwrap();
    let described = ask(&mut world, "DescribeTags", json!({ "ResourceArns": all })).unwrap();
    let pairs = |index: usize| -> Vec<String> {
        let tags = described["TagDescriptions"][index]["Tags"]
            .as_array()
            .unwrap()
            .iter();
        tags.map(|tag| {
            format!(
                "{}={}",
                tag["Key"].as_str().unwrap(),
                tag["Value"].as_str().unwrap()
            )
        })
        .collect()
    };
    assert_eq!(pairs(0), ["a=1", "owner=contracts"]);
    for index in 1..4 {
        assert_eq!(pairs(index), ["a=1", "b="]);
    }
}

#[test]
fn listings_come_in_pages_that_add_up() {
    let mut world = account_world();
    for number in 0..7 {
        create_target_group(&mut world, &format!("group-{number}"), json!({}));
    }
    let mut names = Vec::new();
    let mut input = json!({ "PageSize": 3 });
    let mut pages = 0;
    loop {
        pages += 1;
        let page = ask(&mut world, "DescribeTargetGroups", input.clone()).unwrap();
        let groups = page["TargetGroups"].as_array().unwrap();
        names.extend(
            groups
                .iter()
                .map(|group| group["TargetGroupName"].as_str().unwrap().to_owned()),
        );
        match page.get("NextMarker") {
            Some(marker) => input["Marker"] = marker.clone(),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(
        names,
        (0..7)
            .map(|number| format!("group-{number}"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn targets_register_with_their_groups_port_unless_they_name_one() {
    let mut world = account_world();
    let group = create_target_group(
        &mut world,
        "contracts",
        json!({ "HealthCheckPort": "9000" }),
    );
    forward_host(&mut world, 1, "contracts.hokus.ai", &group);
    let targets = json!([{ "Id": "10.0.2.10" }, { "Id": "10.0.2.10", "Port": "3002" }, { "Id": "10.0.2.10" }]);
    ask(
        &mut world,
        "RegisterTargets",
        json!({ "TargetGroupArn": group, "Targets": targets }),
    )
    .unwrap();
    let health = ask(
        &mut world,
        "DescribeTargetHealth",
        json!({ "TargetGroupArn": group }),
    )
    .unwrap();
    let initial = json!({ "State": "initial", "Reason": "Elb.RegistrationInProgress",
        "Description": "Target registration is in progress" });
    let described = |port: u16| {
        json!({ "Target": { "Id": "10.0.2.10", "Port": port, "AvailabilityZone": "all" },
            "HealthCheckPort": "9000", "TargetHealth": initial })
    };
    assert_eq!(
        health["TargetHealthDescriptions"],
        json!([described(3001), described(3002)])
    );

    let absent = json!({ "TargetGroupArn": group, "Targets": [{ "Id": "10.0.2.99" }] });
    let health = ask(&mut world, "DescribeTargetHealth", absent.clone()).unwrap();
    let target_health = &health["TargetHealthDescriptions"][0]["TargetHealth"];
    assert_eq!(
        (&target_health["State"], &target_health["Reason"]),
        (&json!("unused"), &json!("Target.NotRegistered"))
    );
    // "If the specified target does not exist, the action returns successfully" (API_DeregisterTargets).
    ask(&mut world, "DeregisterTargets", absent).unwrap();
}

#[test]
fn a_used_target_group_cannot_be_deleted_and_a_free_one_can() {
    let mut world = account_world();
    let group = create_target_group(&mut world, "contracts", json!({}));
    let rule = forward_host(&mut world, 1, "contracts.hokus.ai", &group);
    let delete = json!({ "TargetGroupArn": group });
    assert_eq!(
        ask(&mut world, "DeleteTargetGroup", delete.clone())
            .unwrap_err()
            .code,
        "ResourceInUse"
    );
    ask(&mut world, "DeleteRule", json!({ "RuleArn": rule })).unwrap();
    ask(&mut world, "DeleteTargetGroup", delete.clone()).unwrap();
    assert_eq!(
        ask(&mut world, "DeleteTargetGroup", delete)
            .unwrap_err()
            .code,
        "TargetGroupNotFound"
    );
}

#[test]
fn what_aws_refuses_is_refused_with_its_code_and_changes_nothing() {
    let mut world = account_world();
    let group = create_target_group(&mut world, "contracts", json!({}));
    let rule = forward_host(&mut world, 10, "contracts.hokus.ai", &group);
    let rules = ask(
        &mut world,
        "DescribeRules",
        json!({ "ListenerArn": LISTENER }),
    )
    .unwrap();
    let default = rules["Rules"][1]["RuleArn"].clone();
    let before = snapshot(&mut world);

    let absent_group =
        "arn:aws:elasticloadbalancing:us-east-1:932100697590:targetgroup/absent/0123456789abcdef";
    let host = json!([{ "Field": "host-header", "Values": ["x.hokus.ai"] }]);
    let forward = json!([{ "Type": "forward", "TargetGroupArn": group }]);
    let new_group = |changes: Value| {
        let mut input = json!({ "Name": "new", "Protocol": "HTTP", "Port": 3001, "VpcId": VPC, "TargetType": "ip" });
        input
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        ("CreateTargetGroup", input)
    };
    let new_rule = |changes: Value| {
        let mut input = json!({ "ListenerArn": LISTENER, "Priority": 11, "Conditions": host.clone(), "Actions": forward.clone() });
        input
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        ("CreateRule", input)
    };
    let attribute = |key: &str, value: &str| {
        (
            "ModifyTargetGroupAttributes",
            json!({ "TargetGroupArn": group, "Attributes": [{ "Key": key, "Value": value }] }),
        )
    };
    let many: Vec<String> = (0..21).map(|_| group.clone()).collect();
    let cases: Vec<((&str, Value), &str, &str)> = vec![
        (
            new_group(json!({ "Name": null })),
            "ValidationError",
            "Value null at 'name'",
        ),
        (
            new_group(json!({ "Name": "-new" })),
            "ValidationError",
            "begin or end with '-'",
        ),
        (
            new_group(json!({ "Name": "a_b" })),
            "ValidationError",
            "alphanumeric",
        ),
        (
            new_group(json!({ "Name": "n".repeat(33) })),
            "ValidationError",
            "'32' characters",
        ),
        (
            new_group(json!({ "Protocol": null })),
            "ValidationError",
            "A protocol must be specified",
        ),
        (
            new_group(json!({ "Port": null })),
            "ValidationError",
            "A port must be specified",
        ),
        (
            new_group(json!({ "Port": 65536 })),
            "ValidationError",
            "between '1' and '65535'",
        ),
        (
            new_group(json!({ "VpcId": "vpc-0" })),
            "ValidationError",
            "The VPC ID 'vpc-0' is not found",
        ),
        (
            new_group(json!({ "TargetType": "lambda" })),
            "ValidationError",
            "does not model",
        ),
        (
            new_group(json!({ "HealthCheckTimeoutSeconds": 30 })),
            "ValidationError",
            "Health check timeout '30' must be smaller than the interval '30'",
        ),
        (
            new_group(json!({ "HealthCheckIntervalSeconds": 4 })),
            "ValidationError",
            "'4' must be within '5-300'",
        ),
        (
            new_group(json!({ "HealthyThresholdCount": "eleven" })),
            "ValidationError",
            "'eleven' must be within '2-10'",
        ),
        (
            new_group(json!({ "UnhealthyThresholdCount": 1 })),
            "ValidationError",
            "'1' must be within '2-10'",
        ),
        (
            new_group(json!({ "HealthCheckPath": "health" })),
            "ValidationError",
            "must begin with a '/'",
        ),
        (
            new_group(json!({ "HealthCheckPort": "0" })),
            "ValidationError",
            "'traffic-port'",
        ),
        (
            new_group(json!({ "HealthCheckEnabled": "false" })),
            "ValidationError",
            "must be true",
        ),
        (
            new_group(json!({ "Matcher": { "HttpCode": "100-299" } })),
            "ValidationError",
            "within '200-499'",
        ),
        (
            new_group(json!({ "Matcher": { "HttpCode": "abc" } })),
            "ValidationError",
            "within '200-499'",
        ),
        (
            new_group(json!({ "Tags": [{ "Key": "a" }, { "Key": "a" }] })),
            "DuplicateTagKeys",
            "'a'",
        ),
        (
            new_group(json!({ "Tags": [{ "Key": "aws:x" }] })),
            "ValidationError",
            "aws: prefixed",
        ),
        (
            (
                "ModifyTargetGroup",
                json!({ "TargetGroupArn": group, "HealthCheckTimeoutSeconds": 5 }),
            ),
            "ValidationError",
            "Health check timeout '5' must be smaller than the interval '5'",
        ),
        (
            (
                "ModifyTargetGroup",
                json!({ "TargetGroupArn": absent_group }),
            ),
            "TargetGroupNotFound",
            "not found",
        ),
        (
            ("DescribeTargetGroups", json!({ "Names": ["absent"] })),
            "TargetGroupNotFound",
            "not found",
        ),
        (
            (
                "DescribeTargetGroups",
                json!({ "Names": ["contracts"], "TargetGroupArns": [group] }),
            ),
            "ValidationError",
            "at the same time",
        ),
        (
            ("DescribeTargetGroups", json!({ "PageSize": 401 })),
            "ValidationError",
            "between '1' and '400'",
        ),
        (
            ("DescribeTargetGroups", json!({ "Marker": "x" })),
            "ValidationError",
            "marker",
        ),
        (
            attribute("deregistration_delay.timeout_seconds", "3601"),
            "ValidationError",
            "'0-3600'",
        ),
        (
            attribute("unknown", "1"),
            "ValidationError",
            "'unknown' is not recognized",
        ),
        (
            attribute("stickiness.enabled", "true"),
            "ValidationError",
            "does not model",
        ),
        (
            attribute("load_balancing.algorithm.type", "fastest"),
            "ValidationError",
            "must be one of",
        ),
        (
            new_rule(json!({ "Priority": 10 })),
            "PriorityInUse",
            "Priority '10' is currently in use",
        ),
        (
            new_rule(json!({ "Priority": 50001 })),
            "ValidationError",
            "between '1' and '50000'",
        ),
        (
            new_rule(json!({ "ListenerArn": "arn:absent" })),
            "ListenerNotFound",
            "not found",
        ),
        (
            new_rule(json!({ "Conditions": [] })),
            "ValidationError",
            "A condition must be specified",
        ),
        (
            new_rule(json!({ "Conditions": [{ "Field": "host", "Values": ["x"] }] })),
            "ValidationError",
            "Condition field 'host' must be one of",
        ),
        (
            new_rule(json!({ "Conditions": [{ "Field": "host-header", "Values": ["a", "b"] }] })),
            "ValidationError",
            "the limit is '1'",
        ),
        (
            new_rule(json!({ "Conditions": [{ "Field": "host-header", "Values": [] }] })),
            "ValidationError",
            "A condition value must be specified",
        ),
        (
            new_rule(json!({ "Actions": [] })),
            "ValidationError",
            "At least one action",
        ),
        (
            new_rule(json!({ "Actions": [{ "Type": "forward", "TargetGroupArn": absent_group }] })),
            "TargetGroupNotFound",
            "not found",
        ),
        (
            new_rule(
                json!({ "Actions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "302" } }] }),
            ),
            "ValidationError",
            "(2|4|5)",
        ),
        (
            ("ModifyRule", json!({ "RuleArn": rule })),
            "ValidationError",
            "Either conditions or actions",
        ),
        (
            (
                "ModifyRule",
                json!({ "RuleArn": default, "Actions": forward }),
            ),
            "OperationNotPermitted",
            "Default rule",
        ),
        (
            ("DeleteRule", json!({ "RuleArn": default })),
            "OperationNotPermitted",
            "Default rule",
        ),
        (
            ("DeleteRule", json!({ "RuleArn": "arn:absent" })),
            "RuleNotFound",
            "not found",
        ),
        (
            ("DescribeRules", json!({})),
            "ValidationError",
            "either listener rule ARNs or a listener ARN",
        ),
        (
            ("DescribeRules", json!({ "ListenerArn": "arn:absent" })),
            "ListenerNotFound",
            "not found",
        ),
        (
            ("DescribeRules", json!({ "RuleArns": ["arn:absent"] })),
            "RuleNotFound",
            "not found",
        ),
        (
            ("DescribeListeners", json!({})),
            "ValidationError",
            "either listener ARNs or a load balancer ARN",
        ),
        (
            (
                "DescribeListeners",
                json!({ "ListenerArns": ["arn:absent"] }),
            ),
            "ListenerNotFound",
            "not found",
        ),
        (
            ("DescribeLoadBalancers", json!({ "Names": ["absent"] })),
            "LoadBalancerNotFound",
            "absent",
        ),
        (
            (
                "DescribeTargetHealth",
                json!({ "TargetGroupArn": absent_group }),
            ),
            "TargetGroupNotFound",
            "not found",
        ),
        (
            (
                "RegisterTargets",
                json!({ "TargetGroupArn": group, "Targets": [{ "Id": "8.8.8.8" }] }),
            ),
            "InvalidTarget",
            "8.8.8.8",
        ),
        (
            (
                "RegisterTargets",
                json!({ "TargetGroupArn": group, "Targets": [{ "Id": "i-0" }] }),
            ),
            "InvalidTarget",
            "i-0",
        ),
        (
            (
                "RegisterTargets",
                json!({ "TargetGroupArn": group, "Targets": [] }),
            ),
            "ValidationError",
            "At least one",
        ),
        (
            ("DescribeTags", json!({ "ResourceArns": many })),
            "ValidationError",
            "'20'",
        ),
        (
            ("DescribeTags", json!({ "ResourceArns": [absent_group] })),
            "TargetGroupNotFound",
            "not found",
        ),
        (
            ("AddTags", json!({ "ResourceArns": [group], "Tags": [] })),
            "ValidationError",
            "At least one tag",
        ),
        (
            ("CreateTrustStore", json!({})),
            "UnknownOperationException",
            "CreateTrustStore",
        ),
    ];
    for ((operation, input), code, message) in cases {
        let refusal =
            ask(&mut world, operation, input.clone()).expect_err(&format!("{operation} {input}"));
        assert_eq!(
            (refusal.code, refusal.status),
            (code, 400),
            "{operation} {input}: {}",
            refusal.message
        );
        assert!(
            refusal.message.contains(message),
            "{operation} {input}: {}",
            refusal.message
        );
    }
    assert_eq!(snapshot(&mut world), before);
}

fn snapshot(world: &mut contracts::simulator::World) -> Vec<Value> {
    let groups = ask(world, "DescribeTargetGroups", json!({})).unwrap();
    let group = groups["TargetGroups"][0]["TargetGroupArn"].clone();
    vec![
        ask(world, "DescribeRules", json!({ "ListenerArn": LISTENER })).unwrap(),
        ask(
            world,
            "DescribeTargetGroupAttributes",
            json!({ "TargetGroupArn": group }),
        )
        .unwrap(),
        ask(world, "DescribeTags", json!({ "ResourceArns": [group] })).unwrap(),
        ask(
            world,
            "DescribeTargetHealth",
            json!({ "TargetGroupArn": group }),
        )
        .unwrap(),
        groups,
    ]
}
