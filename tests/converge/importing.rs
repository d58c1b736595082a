//! Services made by others, each as a manifest on which the plan is empty; and the way from the one of existing-service.md
//! §6 to the one the product wants, with somebody asking for it all the while.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use contracts::reconciler::converge::{Outcome, Progress, converge};
use contracts::reconciler::graph;
use contracts::reconciler::import::{Asked, Imported, hand_over, import};
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::observe::look;
use contracts::reconciler::plan::{Plan, plan};
use contracts::reconciler::spec::Spec;
use contracts::simulator::elbv2::route::{self, Route};
use contracts::simulator::{Call, Simulator};
use serde_json::{Value, json};

use crate::account::Account;
use crate::by_hand::{self, HOST, PLAIN_KEY};

fn asked(account: &Account) -> Asked {
    Asked {
        service: account.spec.name.clone(),
        cluster: account.spec.cluster.clone(),
        region: account.spec.region.clone(),
        load_balancer: None,
        host: None,
        discovery: None,
    }
}

/// Imports, and holds what every import promises: nothing written, the text is the manifest, and its plan is empty.
async fn imported(account: &Account, asked: &Asked) -> Imported {
    account.simulator.clear_calls();
    let imported = import(&account.aws.read, asked).await.unwrap();
    println!("{}", imported.text);
    assert_eq!(account.mutating(), Default::default());
    let manifest = Manifest::parse("imported.yaml", &imported.text).unwrap();
    let spec = Spec::believe(&manifest).unwrap();
    assert_eq!(spec, imported.spec);
    let plan = planned(account, &spec).await;
    assert!(plan.is_settled(), "{plan}");
    imported
}

async fn planned(account: &Account, spec: &Spec) -> Plan {
    let (wanted, observed) = look(&account.aws.read, spec).await.unwrap();
    plan(spec, &wanted, &observed)
}

/// Until a service made by hand runs.
async fn started() {
    tokio::time::sleep(Duration::from_secs(300)).await;
}

#[tokio::test(start_paused = true)]
async fn what_this_program_made_is_imported_without_anything_left() {
    let account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    let imported = imported(&account, &asked(&account)).await;
    assert!(imported.spec.leave.is_empty(), "{:#?}", imported.spec.leave);
    assert!(imported.untagged.is_empty(), "{:?}", imported.untagged);
}

#[tokio::test(start_paused = true)]
async fn a_service_in_no_target_group_is_imported_with_its_faults_named_and_its_key_unseen() {
    let account = Account::with_the_old_port().await;
    by_hand::make(&account, false);
    started().await;
    let nothing = import(&account.aws.read, &asked(&account))
        .await
        .unwrap_err();
    assert!(
        nothing.to_string().ends_with("say --host NAME"),
        "{nothing}"
    );

    let asked = Asked {
        host: Some(HOST.to_owned()),
        ..asked(&account)
    };
    let imported = imported(&account, &asked).await;
    assert!(!imported.text.contains(PLAIN_KEY));
    let warnings = imported.warnings.join("\n");
    assert!(
        warnings.contains("HOKUSAI_API_KEY stands in the task definition in plain text"),
        "{warnings}"
    );
    assert!(warnings.contains("loadBalancers is empty"), "{warnings}");
    assert!(!warnings.contains(PLAIN_KEY));
    let left = &imported.spec.leave;
    for place in [
        "service.target_group",
        "task_definition.container.environment.HOKUSAI_API_KEY",
        "scalable_target",
        "discovery",
    ] {
        assert!(left.contains_key(place), "{place} in {left:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_with_other_scaling_and_foreign_secrets_is_imported() {
    let account = Account::with_the_old_port().await;
    by_hand::make(&account, true);
    started().await;
    let resource = format!("service/{}/{}", account.spec.cluster, account.spec.name);
    let target = json!({
        "ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 1, "MaxCapacity": 4,
    });
    account.call("application-autoscaling", "RegisterScalableTarget", target);
    let policy = json!({
        "PolicyName": "cpu-by-terraform", "PolicyType": "TargetTrackingScaling", "ServiceNamespace": "ecs",
        "ResourceId": resource, "ScalableDimension": "ecs:service:DesiredCount",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 55.5, "PredefinedMetricSpecification": { "PredefinedMetricType": "ECSServiceAverageCPUUtilization" },
        },
    });
    account.call("application-autoscaling", "PutScalingPolicy", policy);
    let mut definition = account.call(
        "ecs",
        "DescribeTaskDefinition",
        json!({ "taskDefinition": "hokusai-contracts-task" }),
    )["taskDefinition"]
        .clone();
    let mut container = definition["containerDefinitions"][0].take();
    container["secrets"].as_array_mut().unwrap().push(json!({
        "name": "FROM_ELSEWHERE", "valueFrom": "arn:aws:secretsmanager:us-east-1:932100697590:secret:other-AbCdEf",
    }));
    let register = json!({
        "family": "hokusai-contracts-task", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc",
        "cpu": "256", "memory": "512", "executionRoleArn": definition["executionRoleArn"], "taskRoleArn": definition["taskRoleArn"],
        "containerDefinitions": [container],
    });
    account.call(
        "secretsmanager",
        "CreateSecret",
        json!({ "Name": "other", "SecretString": "x", "ClientRequestToken": "00000000-0000-4000-8000-000000000001" }),
    );
    account.call("ecs", "RegisterTaskDefinition", register);
    let update = json!({
        "cluster": account.spec.cluster, "service": account.spec.name, "taskDefinition": "hokusai-contracts-task:1",
        "healthCheckGracePeriodSeconds": 120,
    });
    account.call("ecs", "UpdateService", update);
    started().await;
    let imported = imported(&account, &asked(&account)).await;
    assert_eq!(imported.spec.health.grace_period_seconds, 120);
    assert_eq!(
        (imported.spec.scaling.min, imported.spec.scaling.max),
        (1, 4)
    );

    // The newer revision, with the secret that no manifest can name.
    let update = json!({
        "cluster": account.spec.cluster, "service": account.spec.name, "taskDefinition": "hokusai-contracts-task:2",
    });
    account.call("ecs", "UpdateService", update);
    let text = import(&account.aws.read, &asked(&account))
        .await
        .unwrap()
        .text;
    assert!(
        text.contains("task_definition.container.secrets.FROM_ELSEWHERE"),
        "{text}"
    );
}

/// What became of each request, in order: why it cannot have been answered, if it was not.
pub type Answers = Arc<Mutex<Vec<Result<(), String>>>>;

/// Asks for the host every quarter of a second.
pub fn ask(account: &Account) -> Answers {
    let answers = Answers::default();
    let (simulator, noted) = (account.simulator.clone(), Arc::clone(&answers));
    let cluster = account.spec.cluster.clone();
    tokio::spawn(async move {
        loop {
            let route = simulator.with(|world, _| {
                let route = route::choose(world, 443, HOST, "/health");
                if let Route::Target(ticket) = &route {
                    route::finished(world, ticket);
                }
                route
            });
            let answered = match &route {
                Route::Target(ticket) => {
                    let (address, port) = (ticket.target.ip().to_string(), ticket.target.port());
                    listens(&simulator, &cluster, &address, port)
                }
                Route::Fixed { .. } | Route::NoTarget | Route::NoListener => Err(String::new()),
            };
            let now = simulator.now();
            let answered = answered.map_err(|why| format!("{now}: {route:?} {why}"));
            noted.lock().unwrap().push(answered);
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    });
    answers
}

/// Whether a task with this address runs and has a container on this port; or what it does instead.
fn listens(simulator: &Simulator, cluster: &str, address: &str, port: u16) -> Result<(), String> {
    let call = |operation: &str, input: Value| {
        simulator
            .answer(&Call {
                service: "ecs",
                operation: operation.to_owned(),
                input: input.as_object().unwrap().clone(),
                principal: None,
                now: simulator.now(),
            })
            .unwrap()
    };
    let arns = call("ListTasks", json!({ "cluster": cluster }))["taskArns"].clone();
    let tasks = call(
        "DescribeTasks",
        json!({ "cluster": cluster, "tasks": arns }),
    );
    let tasks = tasks["tasks"].as_array().unwrap();
    let has_address = |task: &&Value| task.to_string().contains(&format!("\"{address}\""));
    let task = tasks
        .iter()
        .find(has_address)
        .ok_or("no task has the address")?;
    let definition = call(
        "DescribeTaskDefinition",
        json!({ "taskDefinition": task["taskDefinitionArn"] }),
    );
    let container = &definition["taskDefinition"]["containerDefinitions"][0];
    let mappings = container["portMappings"].as_array().unwrap();
    if !mappings
        .iter()
        .any(|mapping| mapping["containerPort"] == port)
    {
        return Err(format!("the task listens on {mappings:?}"));
    }
    // Until SIGTERM it answers; that comes with STOPPING.
    match task["lastStatus"].as_str().unwrap() {
        "RUNNING" | "DEACTIVATING" => Ok(()),
        other => Err(format!("the task is {other}")),
    }
}

/// From the service made by hand to the development manifest: what the plan says, and then doing it.
async fn reaches_the_target(joined: bool) -> (String, Vec<String>, Vec<Result<(), String>>) {
    let account = Account::with_the_old_port().await;
    by_hand::make(&account, joined);
    started().await;
    let asked = Asked {
        host: Some(HOST.to_owned()),
        ..asked(&account)
    };
    let imported = imported(&account, &asked).await;
    account.simulator.clear_calls();
    let tagged = hand_over(&account.aws, &imported).await.unwrap();
    let written = account.mutating();
    assert!(
        written.keys().all(|call| call.contains("Tag")),
        "handing over only tags: {written:?}"
    );
    assert_eq!(written.values().sum::<u64>(), tagged.len() as u64);
    let again = self::imported(&account, &asked).await;
    assert!(again.untagged.is_empty(), "{:?}", again.untagged);

    let (wanted, observed) = look(&account.aws.read, &account.spec).await.unwrap();
    let mut first = plan(&account.spec, &wanted, &observed).to_string();
    for finding in graph::check(&account.spec, &wanted, &observed) {
        first.push_str(&format!("{finding}\n"));
    }
    assert!(!first.contains(PLAIN_KEY), "{first}");
    let answers = ask(&account);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut steps = Vec::new();
    let outcome = converge(
        &account.aws,
        &account.spec,
        Duration::from_secs(3600),
        |progress| {
            if let Progress::Applied { step, error } = progress {
                assert_eq!(*error, None, "{step}");
                println!("{} {}", account.simulator.now(), step.call.operation());
                steps.push(format!("{} {}", step.call.operation(), step.subject.name));
            }
        },
    );
    let outcome = outcome.await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let services = json!({ "cluster": account.spec.cluster, "services": [account.spec.name] });
    let services = account.call("ecs", "DescribeServices", services);
    for event in services["services"][0]["events"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
    {
        println!("{} {}", event["createdAt"], event["message"]);
    }
    let answers = answers.lock().unwrap().clone();

    let groups = account.call("elasticloadbalancing", "DescribeTargetGroups", json!({}));
    let names: Vec<&str> = groups["TargetGroups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["TargetGroupName"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["hokusai-contracts-3001"], "the old one is gone");
    let (outcome, more) = account.reconcile().await;
    assert_eq!((outcome, more), (Outcome::Settled, vec![]));
    (first, steps, answers)
}

#[tokio::test(start_paused = true)]
async fn the_service_by_hand_gets_to_the_product_s_without_losing_a_request() {
    let (plan, steps, answers) = reaches_the_target(false).await;
    println!("{plan}\n{steps:#?}");
    for fault in [
        "container.port: 8002 → 3001",
        "target group hokusai-contracts-3001: loadBalancers is empty",
        "container.environment.HOKUSAI_API_KEY",
    ] {
        assert!(plan.contains(fault), "{fault} in {plan}");
    }
    // As it was found nothing was answered at all: that is its outage. From the first answer on nothing is lost.
    let before = answers.iter().take_while(|answer| answer.is_err()).count();
    let failed: Vec<_> = answers
        .iter()
        .skip(before)
        .filter(|it| it.is_err())
        .collect();
    println!(
        "{} probes: {before} before the first answer, as it was found; {} failed after: {failed:#?}",
        answers.len(),
        failed.len()
    );
    assert!(before > 0 && before < answers.len() && failed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_port_is_moved_by_a_new_target_group_without_losing_a_request() {
    let (plan, steps, answers) = reaches_the_target(true).await;
    println!("{plan}\n{steps:#?}");
    let failed: Vec<_> = answers.iter().filter(|answer| answer.is_err()).collect();
    println!(
        "{} probes, {} failed: {failed:#?}",
        answers.len(),
        failed.len()
    );
    assert!(answers.len() > 100 && failed.is_empty());
    let at = |step: &str| {
        let found = steps.iter().position(|each| each.starts_with(step));
        found.unwrap_or_else(|| panic!("{step} in {steps:#?}"))
    };
    let created = at("elasticloadbalancing:CreateTargetGroup hokusai-contracts-3001");
    let switched = at("ecs:UpdateService");
    let removed = at("elasticloadbalancing:DeleteTargetGroup hokusai-contracts-tg-dev");
    assert!(created < switched && switched < removed, "{steps:#?}");
}
