//! Deployment strategies: what the service says of its own, the hook that holds a rollout, and the answer to it.

use aws_sdk_ecs::types::builders::DeploymentConfigurationBuilder;
use aws_sdk_ecs::types::{
    CanaryConfiguration, DeploymentConfiguration, DeploymentLifecycleHook,
    DeploymentLifecycleHookAction, DeploymentLifecycleHookStage, DeploymentLifecycleHookStatus,
    DeploymentLifecycleHookTargetType, DeploymentLifecycleHookTimeoutConfiguration,
    DeploymentStrategy, LinearConfiguration, ServiceDeploymentStatus,
};

use crate::reconciler::aws::{AwsError, Clients, failed};
use crate::reconciler::normal::{number, text};
use crate::reconciler::observed::Pause;
use crate::reconciler::resource::{Hook, Service};

/// What a service's deployment configuration says of its strategy.
pub(super) struct Strategy {
    pub name: String,
    pub bake_minutes: i32,
    pub step_percent: Option<f64>,
    pub step_bake_minutes: Option<i32>,
    pub hooks: Vec<Hook>,
}

pub(super) fn normal(found: Option<&DeploymentConfiguration>) -> Strategy {
    let strategy = found.and_then(|found| found.strategy.as_ref());
    let canary = found.and_then(|found| found.canary_configuration.as_ref());
    let linear = found.and_then(|found| found.linear_configuration.as_ref());
    let hooks = found.map(DeploymentConfiguration::lifecycle_hooks);
    let mut hooks: Vec<Hook> = hooks.unwrap_or_default().iter().map(hook).collect();
    hooks.sort();
    Strategy {
        name: strategy
            .map_or(
                const { text("service.strategy") },
                DeploymentStrategy::as_str,
            )
            .to_owned(),
        bake_minutes: found
            .and_then(|found| found.bake_time_in_minutes)
            .unwrap_or(const { number("service.bake_minutes") }),
        step_percent: canary
            .and_then(|canary| canary.canary_percent)
            .or(linear.and_then(|linear| linear.step_percent)),
        step_bake_minutes: canary
            .and_then(|canary| canary.canary_bake_time_in_minutes)
            .or(linear.and_then(|linear| linear.step_bake_time_in_minutes)),
        hooks,
    }
}

fn hook(found: &DeploymentLifecycleHook) -> Hook {
    let stages = found.lifecycle_stages().iter();
    // A function may be given a time limit as well; ours have AWS's.
    let timeout = found.timeout_configuration.as_ref();
    Hook {
        stages: stages.map(|stage| stage.as_str().to_owned()).collect(),
        function: found.hook_target_arn.clone(),
        role: found.role_arn.clone(),
        timeout_minutes: timeout.and_then(|timeout| timeout.timeout_in_minutes),
        timeout_action: timeout
            .and_then(|timeout| timeout.action.as_ref())
            .map(|action| action.as_str().to_owned()),
    }
}

/// The strategy's members of the deployment configuration. Hooks are sent without any as well: an update that leaves them out
/// keeps those there were.
pub(super) fn configuration(service: &Service) -> DeploymentConfigurationBuilder {
    let name = service.strategy.as_str();
    let canary = (name == "CANARY").then(|| {
        CanaryConfiguration::builder()
            .set_canary_percent(service.step_percent)
            .set_canary_bake_time_in_minutes(service.step_bake_minutes)
            .build()
    });
    let linear = (name == "LINEAR").then(|| {
        LinearConfiguration::builder()
            .set_step_percent(service.step_percent)
            .set_step_bake_time_in_minutes(service.step_bake_minutes)
            .build()
    });
    DeploymentConfiguration::builder()
        .strategy(DeploymentStrategy::from(name))
        .bake_time_in_minutes(service.bake_minutes)
        .set_canary_configuration(canary)
        .set_linear_configuration(linear)
        .set_lifecycle_hooks(Some(service.hooks.iter().map(sent).collect()))
}

fn sent(hook: &Hook) -> DeploymentLifecycleHook {
    let Hook {
        stages,
        function,
        role,
        timeout_minutes,
        timeout_action,
    } = hook;
    let kind = match function {
        Some(_) => DeploymentLifecycleHookTargetType::AwsLambda,
        None => DeploymentLifecycleHookTargetType::Pause,
    };
    let action = timeout_action.as_deref();
    let timeout = timeout_minutes.map(|minutes| {
        DeploymentLifecycleHookTimeoutConfiguration::builder()
            .timeout_in_minutes(minutes)
            .set_action(action.map(DeploymentLifecycleHookAction::from))
            .build()
    });
    let stages = stages.iter().map(String::as_str);
    DeploymentLifecycleHook::builder()
        .target_type(kind)
        .set_hook_target_arn(function.clone())
        .set_role_arn(role.clone())
        .set_lifecycle_stages(Some(
            stages.map(DeploymentLifecycleHookStage::from).collect(),
        ))
        .set_timeout_configuration(timeout)
        .build()
}

/// The hook of the rollout under way that waits for a person, if one does.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html>
pub(super) async fn paused(
    aws: &Clients,
    cluster: &str,
    service: &str,
) -> Result<Option<Pause>, AwsError> {
    let call = aws
        .ecs
        .list_service_deployments()
        .cluster(cluster)
        .service(service)
        .status(ServiceDeploymentStatus::InProgress);
    let reply = call
        .send()
        .await
        .map_err(failed("ecs:ListServiceDeployments"))?;
    let newest = reply.service_deployments().first();
    let Some(arn) = newest.and_then(|brief| brief.service_deployment_arn.clone()) else {
        return Ok(None);
    };
    let call = aws
        .ecs
        .describe_service_deployments()
        .service_deployment_arns(&arn);
    let reply = call
        .send()
        .await
        .map_err(failed("ecs:DescribeServiceDeployments"))?;
    let Some(found) = reply.service_deployments().first() else {
        return Ok(None);
    };
    let waits = found
        .lifecycle_hook_details()
        .iter()
        .find(|hook| hook.status == Some(DeploymentLifecycleHookStatus::AwaitingAction));
    Ok(waits.and_then(|hook| {
        Some(Pause {
            deployment: arn,
            hook: hook.hook_id.clone()?,
            stage: found
                .lifecycle_stage
                .as_ref()
                .map_or_else(String::new, |stage| stage.as_str().to_owned()),
            expires: hook.expires_at.map(|at| at.secs()),
            then: hook
                .timeout_action
                .as_ref()
                .map_or_else(String::new, |action| action.as_str().to_owned()),
        })
    }))
}

/// Answers a pause: on, or back.
pub async fn answer(aws: &Clients, pause: &Pause, back: bool) -> Result<(), AwsError> {
    let action = match back {
        true => DeploymentLifecycleHookAction::Rollback,
        false => DeploymentLifecycleHookAction::Continue,
    };
    let call = aws
        .ecs
        .continue_service_deployment()
        .service_deployment_arn(&pause.deployment)
        .hook_id(&pause.hook)
        .action(action);
    call.send()
        .await
        .map_err(failed("ecs:ContinueServiceDeployment"))
        .map(drop)
}
