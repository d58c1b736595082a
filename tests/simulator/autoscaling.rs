//! Application Auto Scaling through its SDK, on a service of the simulated ECS.

use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::operation::put_scaling_policy::builders::PutScalingPolicyFluentBuilder;
use aws_sdk_applicationautoscaling::operation::register_scalable_target::builders::RegisterScalableTargetFluentBuilder;
use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ServiceNamespace,
    TargetTrackingScalingPolicyConfiguration,
};
use contracts::simulator::{Simulator, autoscaling, ecs};

use crate::{code, in_process, refusal, simulator};

const SERVICE: &str = "service/hokusai-development/hokusai-contracts-development";

struct Scaling {
    simulator: Simulator,
    client: Client,
}

impl Scaling {
    /// An account with one service of one task.
    async fn new() -> Scaling {
        let simulator = simulator();
        let config = in_process(&simulator);
        crate::add_service(&config).await;
        Scaling {
            client: Client::new(&config),
            simulator,
        }
    }

    fn register(&self, minimum: i32, maximum: i32) -> RegisterScalableTargetFluentBuilder {
        self.client
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(SERVICE)
            .min_capacity(minimum)
            .max_capacity(maximum)
    }

    fn track(
        &self,
        name: &str,
        metric: PredefinedMetricSpecification,
    ) -> PutScalingPolicyFluentBuilder {
        let configuration = TargetTrackingScalingPolicyConfiguration::builder()
            .target_value(70.0)
            .predefined_metric_specification(metric)
            .build()
            .unwrap();
        self.client
            .put_scaling_policy()
            .policy_name(name)
            .policy_type(PolicyType::TargetTrackingScaling)
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(SERVICE)
            .target_tracking_scaling_policy_configuration(configuration)
    }

    async fn alarms(&self) -> Vec<aws_sdk_cloudwatch::types::MetricAlarm> {
        let client = aws_sdk_cloudwatch::Client::new(&in_process(&self.simulator));
        client
            .describe_alarms()
            .send()
            .await
            .unwrap()
            .metric_alarms()
            .to_vec()
    }
}

fn metric(kind: MetricType) -> PredefinedMetricSpecification {
    PredefinedMetricSpecification::builder()
        .predefined_metric_type(kind)
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_scalable_target_reads_back_the_service_linked_role_and_raises_the_count() {
    let scaling = Scaling::new().await;
    let registered = scaling
        .register(2, 10)
        .role_arn("arn:aws:iam::1:role/mine")
        .send()
        .await
        .unwrap();
    let found = scaling
        .client
        .describe_scalable_targets()
        .service_namespace(ServiceNamespace::Ecs)
        .send()
        .await
        .unwrap();
    let [target] = found.scalable_targets() else {
        panic!("one target expected: {found:?}")
    };
    assert_eq!((target.min_capacity(), target.max_capacity()), (2, 10));
    assert_eq!(
        target.role_arn(),
        "arn:aws:iam::932100697590:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
    );
    assert_eq!(
        target.scalable_target_arn(),
        registered.scalable_target_arn()
    );
    assert_eq!(
        scaling
            .simulator
            .with(|world, _| ecs::desired_count(world, SERVICE)),
        Some(2)
    );

    // Left out is left alone.
    let widened = scaling
        .register(2, 12)
        .set_min_capacity(None)
        .send()
        .await
        .unwrap();
    assert_eq!(
        widened.scalable_target_arn(),
        registered.scalable_target_arn()
    );
    let tagged = scaling.register(2, 12).tags("a", "b").send().await;
    assert_eq!(code(tagged), "ValidationException");
    let arn = registered.scalable_target_arn().unwrap();
    scaling
        .client
        .tag_resource()
        .resource_arn(arn)
        .tags("a", "b")
        .send()
        .await
        .unwrap();
    let tags = scaling
        .client
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await
        .unwrap();
    assert_eq!(tags.tags().unwrap().get("a").map(String::as_str), Some("b"));
}

#[tokio::test]
async fn scaling_is_refused_as_aws_refuses_it() {
    let scaling = Scaling::new().await;
    let (refused, message) = refusal(
        scaling
            .register(1, 2)
            .resource_id("service/hokusai-development/absent")
            .send()
            .await,
    );
    assert_eq!(refused, "ValidationException");
    assert_eq!(
        message,
        "ECS service doesn't exist: service/hokusai-development/absent"
    );
    assert_eq!(
        code(scaling.register(3, 2).send().await),
        "ValidationException"
    );
    assert_eq!(
        code(scaling.register(-1, 2).send().await),
        "ValidationException"
    );
    assert_eq!(
        code(scaling.register(1, 2).set_max_capacity(None).send().await),
        "ValidationException"
    );
    let cpu = || metric(MetricType::EcsServiceAverageCpuUtilization);
    assert_eq!(
        code(scaling.track("cpu", cpu()).send().await),
        "ObjectNotFoundException"
    );
    let deregister = || {
        scaling
            .client
            .deregister_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .resource_id(SERVICE)
    };
    assert_eq!(code(deregister().send().await), "ObjectNotFoundException");
    scaling.register(1, 2).send().await.unwrap();
    let delete = scaling
        .client
        .delete_scaling_policy()
        .policy_name("absent")
        .service_namespace(ServiceNamespace::Ecs)
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .resource_id(SERVICE);
    assert_eq!(code(delete.send().await), "ObjectNotFoundException");
    assert_eq!(
        code(
            scaling
                .track("alb", metric(MetricType::AlbRequestCountPerTarget))
                .send()
                .await
        ),
        "ValidationException"
    );
    assert_eq!(
        code(
            scaling
                .track(
                    "ec2",
                    metric(MetricType::Ec2SpotFleetRequestAverageCpuUtilization)
                )
                .send()
                .await
        ),
        "ValidationException"
    );
    let tags = scaling.client.list_tags_for_resource();
    let tags = tags.resource_arn(
        "arn:aws:application-autoscaling:us-east-1:932100697590:scalable-target/absent",
    );
    assert_eq!(code(tags.send().await), "ResourceNotFoundException");
}

#[tokio::test]
async fn a_policy_makes_two_alarms_and_takes_them_with_it() {
    let scaling = Scaling::new().await;
    scaling.register(2, 10).send().await.unwrap();
    let put = scaling
        .track("cpu", metric(MetricType::EcsServiceAverageCpuUtilization))
        .send()
        .await
        .unwrap();
    assert_eq!(put.alarms().len(), 2);
    let alarms = scaling.alarms().await;
    let described: Vec<_> = alarms
        .iter()
        .map(|alarm| {
            (
                alarm.threshold().unwrap(),
                alarm.evaluation_periods().unwrap(),
                alarm.alarm_actions()[0].as_str(),
            )
        })
        .collect();
    assert_eq!(
        described,
        [(70.0, 3, put.policy_arn()), (63.0, 15, put.policy_arn())]
    );
    assert!(alarms.iter().all(|alarm| {
        alarm
            .alarm_name()
            .unwrap()
            .starts_with(&format!("TargetTracking-{SERVICE}-Alarm"))
    }));

    // Put again with another target: the same policy, alarms that follow it.
    let again = scaling
        .track(
            "cpu",
            metric(MetricType::EcsServiceAverageMemoryUtilization),
        )
        .send()
        .await
        .unwrap();
    assert_eq!(again.policy_arn(), put.policy_arn());
    let alarms = scaling.alarms().await;
    assert!(
        alarms.len() == 2
            && alarms
                .iter()
                .all(|alarm| alarm.metric_name() == Some("MemoryUtilization"))
    );

    let described = scaling
        .client
        .describe_scaling_policies()
        .service_namespace(ServiceNamespace::Ecs)
        .send()
        .await
        .unwrap();
    let [policy] = described.scaling_policies() else {
        panic!("one policy expected: {described:?}")
    };
    assert_eq!(
        (policy.policy_type(), policy.alarms().len()),
        (&PolicyType::TargetTrackingScaling, 2)
    );
    let configuration = policy
        .target_tracking_scaling_policy_configuration()
        .unwrap();
    assert_eq!(
        (
            configuration.target_value(),
            configuration.disable_scale_in()
        ),
        (70.0, Some(false))
    );

    // The service's end is theirs.
    scaling
        .simulator
        .with(|world, _| autoscaling::forget_service(world, SERVICE));
    assert_eq!(scaling.alarms().await.len(), 0);
    let described = scaling
        .client
        .describe_scaling_policies()
        .service_namespace(ServiceNamespace::Ecs)
        .send()
        .await
        .unwrap();
    assert_eq!(described.scaling_policies().len(), 0);
}

#[tokio::test]
async fn policies_come_in_pages() {
    let scaling = Scaling::new().await;
    scaling.register(2, 10).send().await.unwrap();
    for name in ["a", "b", "c"] {
        scaling
            .track(name, metric(MetricType::EcsServiceAverageCpuUtilization))
            .send()
            .await
            .unwrap();
    }
    let page = || {
        scaling
            .client
            .describe_scaling_policies()
            .service_namespace(ServiceNamespace::Ecs)
            .max_results(2)
    };
    let first = page().send().await.unwrap();
    let second = page()
        .next_token(first.next_token().unwrap())
        .send()
        .await
        .unwrap();
    let names = |policies: &[aws_sdk_applicationautoscaling::types::ScalingPolicy]| {
        policies
            .iter()
            .map(|policy| policy.policy_name().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (
            names(first.scaling_policies()),
            names(second.scaling_policies())
        ),
        (vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()])
    );
    assert_eq!(
        code(page().next_token("invented").send().await),
        "InvalidNextTokenException"
    );
}
