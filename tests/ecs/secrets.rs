//! What a task gets of Secrets Manager, by every form of `valueFrom`, and its network interface as EC2 describes it.

use contracts::simulator::World;
use contracts::simulator::ecs::{self, Effect};
use serde_json::{Value, json};

use crate::account::{self, ask};

const VALUE: &str = r#"{"key":"0xk3y","port":6379}"#;
const FIRST: &str = "00000000-0000-4000-8000-000000000001";

/// The account with a secret of two versions, which the execution role may read unless it is kept from it; the
/// secret's ARN.
fn furnished(may_read: bool) -> (World, account::Surroundings, String) {
    let mut world = account::bare();
    let surroundings = account::furnish(&mut world);
    let made = json!({ "Name": "hokusai/key", "ClientRequestToken": FIRST, "SecretString": "old" });
    let made = ask(&mut world, 0, "secretsmanager", "CreateSecret", made).unwrap();
    let put = json!({
        "SecretId": "hokusai/key", "SecretString": VALUE, "ClientRequestToken": FIRST.replace("01", "02"),
    });
    ask(&mut world, 0, "secretsmanager", "PutSecretValue", put).unwrap();
    let arn = made["ARN"].as_str().unwrap().to_owned();
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn,
    }]});
    let inline = json!({
        "RoleName": "contracts-execution", "PolicyName": "secrets", "PolicyDocument": policy.to_string(),
    });
    if may_read {
        ask(&mut world, 0, "iam", "PutRolePolicy", inline).unwrap();
    }
    (world, surroundings, arn)
}

/// Runs one task with `SECRET` from `value_from`, until its process is to start or it has stopped: the variable, or the
/// stopped reason.
fn started(
    world: &mut World,
    surroundings: &account::Surroundings,
    value_from: &str,
) -> Result<String, String> {
    let secrets = json!({ "secrets": [{ "name": "SECRET", "valueFrom": value_from }] });
    let definition = account::task_definition(secrets);
    account::ecs(world, "RegisterTaskDefinition", definition).unwrap();
    let service = account::service(surroundings, json!({ "desiredCount": 1 }));
    account::ecs(world, "CreateService", service).unwrap();
    for now in (0..60_000).step_by(100) {
        for effect in ecs::step(world, now) {
            if let Effect::Start(start) = effect {
                return Ok(start.environment.0["SECRET"].clone());
            }
        }
        let report = ecs::tasks_report(world);
        let reasons = report["tasks"].as_array().unwrap().iter();
        let reason = reasons
            .filter_map(|task| task["stoppedReason"].as_str())
            .next();
        if let Some(reason) = reason {
            return Err(reason.to_owned());
        }
    }
    panic!("a minute without a start")
}

#[test]
fn a_variable_is_the_whole_secret_one_key_of_it_or_an_older_version() {
    for (suffix, expected) in [
        ("", VALUE),
        (":key::", "0xk3y"),
        (":port:AWSCURRENT:", "6379"),
        ("::AWSPREVIOUS:", "old"),
        (":::00000000-0000-4000-8000-000000000001", "old"),
    ] {
        let (mut world, surroundings, arn) = furnished(true);
        let value = started(&mut world, &surroundings, &format!("{arn}{suffix}"));
        assert_eq!(value.as_deref(), Ok(expected), "{suffix}");
    }
}

#[test]
fn a_secret_that_cannot_be_had_stops_the_task_with_the_agents_words() {
    const FAILED: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
                          failed: unable to retrieve secret from asm: service call has been retried 1 time(s): ";
    let check = |may_read: bool, change: fn(&mut World, &str), suffix: &str, expected: &str| {
        let (mut world, surroundings, arn) = furnished(may_read);
        change(&mut world, &arn);
        let reason = started(&mut world, &surroundings, &format!("{arn}{suffix}")).unwrap_err();
        let rest = reason
            .strip_prefix(FAILED)
            .unwrap_or(&reason)
            .replace(&arn, "ARN");
        assert!(rest.starts_with(expected), "{rest}");
        assert!(!reason.contains("k3y"), "{reason}");
    };
    let as_it_is = |_: &mut World, _: &str| {};
    check(
        true,
        as_it_is,
        ":absent::",
        "retrieved secret from Secrets Manager did not contain json key absent",
    );
    check(
        true,
        as_it_is,
        "::NONE:",
        "failed to fetch secret ARN from secrets manager: ResourceNotFoundException: Secrets Manager can't find the \
         specified secret value for staging label: NONE",
    );
    check(true, as_it_is, ":key:AWSPREVIOUS:", "invalid character");
    check(
        true,
        |world, arn| {
            let input = json!({ "SecretId": arn });
            ask(world, 0, "secretsmanager", "DeleteSecret", input).unwrap();
        },
        "",
        "failed to fetch secret ARN from secrets manager: InvalidRequestException",
    );
    check(
        true,
        |world, arn| {
            let input = json!({ "SecretId": arn, "ForceDeleteWithoutRecovery": true });
            ask(world, 0, "secretsmanager", "DeleteSecret", input).unwrap();
        },
        "",
        "failed to fetch secret ARN from secrets manager: ResourceNotFoundException",
    );
    check(false, as_it_is, "", "AccessDeniedException");
}

#[test]
fn a_secret_is_gone_when_its_recovery_window_is_over() {
    const DAY: u64 = 86_400_000;
    let (mut world, _, arn) = furnished(true);
    let input = json!({ "SecretId": arn, "RecoveryWindowInDays": 7 });
    ask(&mut world, 0, "secretsmanager", "DeleteSecret", input).unwrap();
    let mut describe = |now: u64| {
        let input = json!({ "SecretId": arn });
        ask(&mut world, now, "secretsmanager", "DescribeSecret", input)
            .map_err(|refusal| refusal.code)
    };
    assert!(describe(7 * DAY - 1).is_ok());
    assert_eq!(describe(7 * DAY), Err("ResourceNotFoundException"));
}

#[test]
fn a_running_task_has_a_network_interface_in_its_services_security_groups() {
    let (mut world, surroundings, arn) = furnished(true);
    let interfaces = |world: &mut World, filters: Value| {
        ask(
            world,
            0,
            "ec2",
            "DescribeNetworkInterfaces",
            json!({ "Filter": filters }),
        )
        .unwrap()["networkInterfaceSet"]
            .clone()
    };
    assert_eq!(interfaces(&mut world, json!([])), json!([]));
    started(&mut world, &surroundings, &arn).unwrap();
    let by_group = json!([{ "Name": "group-id", "Value": ["sg-0c3d4e5f607182930"] }]);
    let found = interfaces(&mut world, by_group);
    let report = ecs::tasks_report(&world);
    assert_eq!(found[0]["privateIpAddress"], report["tasks"][0]["address"]);
    assert_eq!(
        found[0]["groupSet"][0]["groupName"],
        "hokusai-development-tasks"
    );
    assert_eq!(found[0]["requesterManaged"], true);
    let by_other = json!([{ "Name": "group-id", "Value": ["sg-0e5f60718293a4b5c"] }]);
    assert_eq!(interfaces(&mut world, by_other), json!([]));
    let subnet = json!({ "SubnetId": [found[0]["subnetId"]] });
    let subnets = ask(&mut world, 0, "ec2", "DescribeSubnets", subnet).unwrap();
    assert_eq!(subnets["subnetSet"][0]["availableIpAddressCount"], 250);
}
