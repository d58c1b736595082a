//! The policy `reconciler policy` prints, given to a role whose session reconciles: enough for everything, and nothing in it unused.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use contracts::reconciler::aws::Aws;
use contracts::reconciler::aws::ecs::strategy::answer;
use contracts::reconciler::controller::source::Source;
use contracts::reconciler::converge::{Outcome, remove};
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::observe::look;
use contracts::reconciler::policy::policy;
use contracts::reconciler::spec::Spec;
use contracts::reconciler::store::{Cause, Draft, Store};
use contracts::simulator::client;
use serde_json::{Value, json};

use crate::account::{Account, DEVELOPMENT};
use crate::controller::Loop;
use crate::strategies::manifest;

/// The account with a reconciler that is a session of a role with this policy and no other right.
async fn with_rights(manifest: &str, document: &Value) -> Account {
    let mut account = Account::of(manifest).await;
    account.aws = Aws::over(&session(&account, document));
    account
}

/// Such a session.
fn session(account: &Account, document: &Value) -> SdkConfig {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": { "AWS": format!("arn:aws:iam::{}:root", account.spec.account) },
        }],
    });
    let role = json!({
        "RoleName": "reconciler", "AssumeRolePolicyDocument": trust.to_string(), "MaxSessionDuration": 43_200,
    });
    let role = account.call("iam", "CreateRole", role);
    grant(account, document);
    let session = json!({
        "RoleArn": role["Role"]["Arn"], "RoleSessionName": "reconcile", "DurationSeconds": 43_200,
    });
    let session = account.call("sts", "AssumeRole", session);
    let text = |member: &str| session["Credentials"][member].as_str().unwrap().to_owned();
    let credentials = Credentials::new(
        text("AccessKeyId"),
        text("SecretAccessKey"),
        Some(text("SessionToken")),
        None,
        "a session of the role",
    );
    client::config(&account.simulator)
        .to_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// Gives the reconciler this policy in place of what it had.
fn grant(account: &Account, document: &Value) {
    let rights = json!({
        "RoleName": "reconciler", "PolicyName": "rights", "PolicyDocument": document.to_string(),
    });
    account.call("iam", "PutRolePolicy", rights);
}

fn believed(manifest: &str) -> Spec {
    Spec::believe(&Manifest::parse("manifest.yaml", manifest).unwrap()).unwrap()
}

/// A manifest with what it could also ask for.
fn grown(manifest: &str, more: &str) -> Spec {
    let manifest = Manifest::parse("manifest.yaml", manifest).unwrap();
    let Ok(manifest) = manifest.patched(Manifest::parse("more.yaml", more).unwrap()) else {
        panic!("nothing is removed");
    };
    Spec::believe(&manifest).unwrap()
}

const MORE: &str = "
spec:
  scaling: {schedules: [{name: night, at: cron(0 22 * * ? *), min: 2, max: 4}]}
  dashboard: false
  logs: {metricFilters: [{name: warnings, pattern: warn, metric: Warnings, namespace: Hokusai/Contracts}]}
";

/// Strategies that lose no time.
const BLUE_GREEN: &str = "{ strategy: blueGreen, bakeMinutes: 0 }";
const CANARY: &str = "{ strategy: canary, bakeMinutes: 0, stepBakeMinutes: 0, test: { host: test.contracts.hokus.ai, priority: 101 } }";

/// The same, and a rollout that waits for a person.
const MORE_HELD: &str = "
spec:
  scaling: {schedules: [{name: night, at: cron(0 22 * * ? *), min: 2, max: 4}]}
  dashboard: false
  logs: {metricFilters: [{name: warnings, pattern: warn, metric: Warnings, namespace: Hokusai/Contracts}]}
  rollout: {hooks: [{at: [postScaleUp], timeoutMinutes: 60}]}
  task: {environment: {LOG_LEVEL: debug}}
";

/// Lets a rollout go on as soon as it waits for a person.
async fn continue_when_held(account: &Account) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (_, observed) = look(&account.aws.read, &account.spec).await.unwrap();
        if let Some(pause) = observed.service.and_then(|running| running.paused) {
            return answer(&account.aws.write, &pause, false).await.unwrap();
        }
    }
}

/// Somebody else's edits to everything the reconciler puts right.
fn edit(account: &Account) {
    let spec = &account.spec;
    let only = |service: &'static str, operation: &str, list: &str, input: Value| {
        let listed = account.call(service, operation, input);
        listed[list].as_array().unwrap().clone()
    };
    let elb = "elasticloadbalancing";
    let balancer = &only(elb, "DescribeLoadBalancers", "LoadBalancers", json!({}))[0];
    let listener = &only(
        elb,
        "DescribeListeners",
        "Listeners",
        json!({ "LoadBalancerArn": balancer["LoadBalancerArn"] }),
    )[0];
    let rules = only(
        elb,
        "DescribeRules",
        "Rules",
        json!({ "ListenerArn": listener["ListenerArn"] }),
    );
    let priority = spec.load_balancer.priority.to_string();
    let rule = rules
        .iter()
        .find(|rule| rule["Priority"] == json!(priority))
        .unwrap();
    let group = &only(
        elb,
        "DescribeTargetGroups",
        "TargetGroups",
        json!({ "Names": [spec.load_balancer.target_group] }),
    )[0]["TargetGroupArn"];
    let names = only("servicediscovery", "ListServices", "Services", json!({}));
    let name = names
        .iter()
        .find(|service| service["Name"] == json!(spec.discovery.service))
        .unwrap();
    let anyone = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "*", "Resource": "*",
    }] });
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "ec2.amazonaws.com" },
    }] });
    let role = &spec.task.task_role;
    let resource = format!("service/{}/{}", spec.cluster, spec.name);
    let scaling = json!({
        "PolicyName": "by-hand", "ServiceNamespace": "ecs", "ResourceId": resource,
        "ScalableDimension": "ecs:service:DesiredCount", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 10.0,
            "PredefinedMetricSpecification": { "PredefinedMetricType": "ECSServiceAverageCPUUtilization" },
        },
    });
    let alarm = json!({
        "AlarmName": format!("{}-obsolete", spec.name), "Namespace": "AWS/ECS", "MetricName": "CPUUtilization",
        "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Tags": [{ "Key": "hokus.ai/unit", "Value": spec.name }],
    });
    let edits = [
        (
            "logs",
            "PutRetentionPolicy",
            json!({ "logGroupName": spec.logs.group, "retentionInDays": 1 }),
        ),
        (
            "iam",
            "PutRolePolicy",
            json!({ "RoleName": role, "PolicyName": "by-hand", "PolicyDocument": anyone.to_string() }),
        ),
        (
            "iam",
            "AttachRolePolicy",
            json!({ "RoleName": role, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess" }),
        ),
        (
            "iam",
            "UpdateAssumeRolePolicy",
            json!({ "RoleName": role, "PolicyDocument": trust.to_string() }),
        ),
        (
            elb,
            "ModifyTargetGroup",
            json!({ "TargetGroupArn": group, "HealthCheckIntervalSeconds": 60 }),
        ),
        (
            elb,
            "ModifyTargetGroupAttributes",
            json!({ "TargetGroupArn": group, "Attributes": [
                { "Key": "deregistration_delay.timeout_seconds", "Value": "77" },
            ] }),
        ),
        (
            elb,
            "ModifyRule",
            json!({ "RuleArn": rule["RuleArn"], "Conditions": [
                { "Field": "host-header", "Values": ["elsewhere.hokus.ai"] },
            ] }),
        ),
        (
            elb,
            "SetRulePriorities",
            json!({ "RulePriorities": [{ "RuleArn": rule["RuleArn"], "Priority": 77 }] }),
        ),
        (
            "servicediscovery",
            "UpdateService",
            json!({ "Id": name["Id"], "Service": { "DnsConfig": { "DnsRecords": [{ "Type": "A", "TTL": 77 }] } } }),
        ),
        (
            "sns",
            "Subscribe",
            json!({ "TopicArn": spec.topic_arn(), "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:932100697590:by-hand" }),
        ),
        ("application-autoscaling", "PutScalingPolicy", scaling),
        ("monitoring", "PutMetricAlarm", alarm),
        (
            "monitoring",
            "PutDashboard",
            json!({
                "DashboardName": spec.name, "DashboardBody": "{\"widgets\":[]}",
                "Tags": [{ "Key": "hokus.ai/unit", "Value": spec.name }],
            }),
        ),
        (
            "ecs",
            "UpdateService",
            json!({ "cluster": spec.cluster, "service": spec.name, "desiredCount": 0 }),
        ),
    ];
    for (service, operation, input) in edits {
        account.call(service, operation, input);
    }
}

/// What the verbs do with what is published.
async fn publish(account: &Account) {
    let store = Store::of(&account.aws, &account.spec.name);
    let draft = Draft {
        manifest: Some(DEVELOPMENT.to_owned()),
        author: None,
        commit: None,
        cause: Cause::Reconcile,
    };
    let history = store.history().await.unwrap();
    let publication = store.publish(&history, &draft, 1).await.unwrap();
    store.pause(None, None, 2).await.unwrap();
    store.resume().await.unwrap();
    let published = store.current(Some(&publication)).await.unwrap();
    assert_eq!(published.current, Some(publication));
}

/// The policy without one action.
fn without(policy: &Value, action: &str) -> String {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut() {
        let actions = statement["Action"].as_array_mut().unwrap();
        actions.retain(|granted| granted != action);
    }
    statements.retain(|statement| statement["Action"] != json!([]));
    policy.to_string()
}

#[tokio::test(start_paused = true)]
async fn the_printed_policy_is_enough_and_nothing_in_it_is_unused() {
    whole_life(DEVELOPMENT, async |account| {
        account.spec = grown(DEVELOPMENT, MORE);
        account.reconcile().await
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn so_it_is_where_ecs_moves_the_requests() {
    let manifest = manifest(CANARY);
    whole_life(&manifest, async |account| {
        account.spec = grown(&manifest, MORE_HELD);
        tokio::join!(account.reconcile(), continue_when_held(account)).0
    })
    .await;
}

/// A unit made, grown, edited by others, rolled back, published and destroyed by a reconciler that has the printed policy.
async fn whole_life(
    manifest: &str,
    grow: impl AsyncFnOnce(&mut Account) -> (Outcome, Vec<String>),
) {
    let base = believed(manifest);
    let policy = policy(&[&base]);
    let mut account = with_rights(manifest, &policy).await;
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "to create: {steps:#?}");
    // What the manifest gains and loses again.
    let (outcome, steps) = grow(&mut account).await;
    assert_eq!(outcome, Outcome::Settled, "to grow: {steps:#?}");
    account.spec = base;
    edit(&account);
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "to put right: {steps:#?}");

    account.behaves("0.1.1", "pull_seconds: 20, crash: { code: 1 }");
    account.image("0.1.1");
    let (outcome, steps) = account.reconcile().await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{steps:#?}");

    publish(&account).await;
    let deadline = Duration::from_secs(1800);
    let outcome = remove(&account.aws, &account.spec, deadline, |_| ()).await;
    assert_eq!(outcome, Outcome::Settled, "to destroy");

    let asked = account.simulator.asked();
    println!("{} questions to IAM", asked.len());
    assert!(
        asked
            .iter()
            .all(|asked| asked.allowed_by(&policy.to_string()))
    );
    let statements = policy["Statement"].as_array().unwrap();
    let granted = statements
        .iter()
        .flat_map(|statement| statement["Action"].as_array().unwrap());
    let unused: Vec<&Value> = granted
        .filter(|action| {
            let less = without(&policy, action.as_str().unwrap());
            asked.iter().all(|asked| asked.allowed_by(&less))
        })
        .collect();
    assert_eq!(unused, Vec::<&Value>::new());
    // A statement all of whose resources could go would be one too many, whatever its actions.
    for (index, statement) in statements.iter().enumerate() {
        let mut less = policy.clone();
        less["Statement"].as_array_mut().unwrap().remove(index);
        let less = less.to_string();
        assert!(
            !asked.iter().all(|asked| asked.allowed_by(&less)),
            "{statement} is unused"
        );
    }
}

/// Whoever goes to another strategy and back gives the reconciler the policy of the manifest that is to be, each time.
#[tokio::test(start_paused = true)]
async fn the_policy_of_another_strategy_is_enough_to_get_there() {
    let mut account = with_rights(DEVELOPMENT, &policy(&[&believed(DEVELOPMENT)])).await;
    let rolling = account.spec.clone();
    for spec in [
        rolling.clone(),
        believed(&manifest(BLUE_GREEN)),
        believed(&manifest(CANARY)),
        rolling,
    ] {
        grant(&account, &policy(&[&spec]));
        account.spec = spec;
        account.set("debug");
        let (outcome, steps) = account.reconcile_within(Duration::from_secs(7200)).await;
        assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
        println!("{steps:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_taken_away_is_missed_by_name() {
    let whole = policy(&[&believed(DEVELOPMENT)]);
    for (action, error) in [
        ("iam:PassRole", "is not authorized to perform: iam:PassRole"),
        (
            "elasticloadbalancing:CreateRule",
            "is not authorized to perform: elasticloadbalancing:CreateRule",
        ),
    ] {
        let less = serde_json::from_str(&without(&whole, action)).unwrap();
        let account = with_rights(DEVELOPMENT, &less).await;
        let (outcome, steps) = account.reconcile().await;
        assert_ne!(outcome, Outcome::Settled);
        assert!(steps.iter().any(|step| step.contains(error)), "{steps:#?}");
    }
}

/// Whoever keeps the policy of before still has the circuit breaker, and is told what could not be read.
#[tokio::test(start_paused = true)]
async fn without_the_right_to_see_why_a_rollout_fails_it_is_rolled_back_all_the_same() {
    let whole = policy(&[&believed(DEVELOPMENT)]);
    let less = serde_json::from_str(&without(&whole, "ecs:ListTasks")).unwrap();
    let mut account = with_rights(DEVELOPMENT, &less).await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    account.behaves("0.1.1", "crash: { code: 1 }");
    account.image("0.1.1");
    let (outcome, steps) = account.reconcile().await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{steps:#?}");
    assert_eq!(account.mutating().get("ecs.StopServiceDeployment"), None);
}

/// The loop needs no right beyond its units': to list what is published is `ssm:DescribeParameters`, which each unit's secrets
/// need, and which AWS gives on everything or not at all.
#[tokio::test(start_paused = true)]
async fn the_loop_over_what_is_published_needs_the_rights_of_its_units_and_no_more() {
    let account = Account::new().await;
    publish(&account).await;
    account.simulator.clear_calls();
    let whole = policy(&[&account.spec]);
    let region = account.simulator.region().to_owned();
    let source = Source::Published {
        region,
        units: BTreeSet::new(),
    };
    let looping = Loop::by(&account, session(&account, &whole), source.clone());
    looping
        .shows("settled", |unit| unit.state == "settled")
        .await;
    let asked = account.simulator.asked();
    assert!(
        asked
            .iter()
            .all(|asked| asked.allowed_by(&whole.to_string()))
    );

    let account = Account::new().await;
    publish(&account).await;
    let less = without(&whole, "ssm:DescribeParameters");
    let less = serde_json::from_str(&less).unwrap();
    let looping = Loop::by(&account, session(&account, &less), source);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let error = looping.board.read().source_error.unwrap();
    let missed = "is not authorized to perform: ssm:DescribeParameters";
    assert!(error.contains(missed), "{error}");
}
