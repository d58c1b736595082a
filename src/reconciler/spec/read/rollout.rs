//! `spec.rollout`: how a new revision takes over from the one before.

use std::collections::BTreeSet;

use crate::reconciler::manifest::fields::{Fields, Reading};
use crate::reconciler::manifest::value::{choice, whole, wrong};
use crate::reconciler::spec::parse;
use crate::reconciler::spec::{
    Asks, Hook, LoadBalancer, Scaling, ScalingMetric, Shift, ShiftStep, Shifting, Strategy,
    TestRoute,
};

/// API_DeploymentConfiguration: minutes of a day.
const BAKE_MINUTES_MAX: u32 = 1440;
/// Two weeks: API_DeploymentLifecycleHookTimeoutConfiguration.
const HOOK_MINUTES_MAX: u32 = 20_160;
/// Nobody can follow more.
const HOOKS_MAX: usize = 8;
/// A target group's name has at most 32 characters.
const GROUP_MAX: usize = 32;

/// The stages at which a hook may be, as the manifest and as ECS has them.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>
const STAGES: [(&str, &str); 8] = [
    ("reconcileService", "RECONCILE_SERVICE"),
    ("preScaleUp", "PRE_SCALE_UP"),
    ("postScaleUp", "POST_SCALE_UP"),
    ("testTrafficShift", "TEST_TRAFFIC_SHIFT"),
    ("postTestTrafficShift", "POST_TEST_TRAFFIC_SHIFT"),
    ("preProductionTrafficShift", "PRE_PRODUCTION_TRAFFIC_SHIFT"),
    ("productionTrafficShift", "PRODUCTION_TRAFFIC_SHIFT"),
    (
        "postProductionTrafficShift",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
    ),
];
/// Where ECS takes no pause.
const NO_PAUSE: [&str; 2] = ["TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Rolling,
    BlueGreen,
    Canary,
    Linear,
}

pub(super) fn strategy(
    fields: Fields<'_>,
    balancer: Option<&LoadBalancer>,
    reading: &Reading<'_>,
) -> Option<Strategy> {
    let name = fields.or(
        "strategy",
        "rolling",
        choice(&[
            ("rolling", Name::Rolling),
            ("blueGreen", Name::BlueGreen),
            ("canary", Name::Canary),
            ("linear", Name::Linear),
        ])
        .meaning(
            "rolling replaces task by task. The others start all new tasks beside the old ones and move the requests: blueGreen \
             all at once, canary a share first, linear in equal shares.",
        ),
    );
    let bake = fields.or(
        "bakeMinutes",
        5,
        whole(0, BAKE_MINUTES_MAX).meaning(
            "Minutes both revisions run once all requests have moved; an alarm meanwhile moves them back at once. Not for \
             rolling.",
        ),
    );
    let percent = fields.or(
        "stepPercent",
        10,
        whole(3, 100)
            .meaning("Percent of the requests that move first (canary) or in each step (linear)."),
    );
    let step_bake = fields.or(
        "stepBakeMinutes",
        5,
        whole(0, BAKE_MINUTES_MAX)
            .meaning("Minutes until the next step of canary or linear; an alarm meanwhile moves the requests back."),
    );
    let group = fields.optional(
        "alternateTargetGroup",
        parse::name(GROUP_MAX, "-")
            .meaning(
                "The second target group's name, where requests move; spec.loadBalancer.targetGroup with -b where left out.",
            )
            .example("hokusai-contracts-3001-b"),
    );
    let test = match fields.section(
        "test",
        "A host name that leads to the new revision before requests move to it.",
    ) {
        None => Some(None),
        Some(fields) => test(fields).map(Some),
    };
    let hooks = fields.each(
        "hooks",
        (0, HOOKS_MAX),
        "What holds a rollout that moves requests until it is answered: a Lambda function, or a person (`reconciler continue`).",
        |fields| hook(fields),
    );
    fields.end();
    let (name, test, hooks, balancer) = (name?, test?, hooks?, balancer?);
    let group = group?;
    if name == Name::Rolling {
        let unused = [
            ("test", test.is_some()),
            ("hooks", !hooks.is_empty()),
            ("alternateTargetGroup", group.is_some()),
        ];
        for (field, _) in unused.into_iter().filter(|(_, is_there)| *is_there) {
            reading.refuse(
                &format!("spec.rollout.{field}"),
                wrong(
                    "means nothing to strategy rolling, which moves no requests",
                    "remove it, or write strategy: blueGreen",
                ),
            );
        }
        return Some(Strategy::Rolling);
    }
    let target_group = group.unwrap_or_else(|| format!("{}-b", balancer.target_group));
    if target_group == balancer.target_group || target_group.len() > GROUP_MAX {
        reading.refuse(
            "spec.rollout.alternateTargetGroup",
            wrong(
                format!(
                    "would be {target_group:?}, which cannot be the second target group's name"
                ),
                format!("write another, of at most {GROUP_MAX} characters"),
            ),
        );
    }
    if let Some(test) = &test {
        apart(test, balancer, reading);
    }
    for (index, hook) in hooks.iter().enumerate() {
        let pause = matches!(hook.asks, Asks::Person { .. });
        if pause && NO_PAUSE.iter().any(|stage| hook.stages.contains(*stage)) {
            reading.refuse(
                &format!("spec.rollout.hooks[{index}].at"),
                wrong(
                    "names a stage while requests move, where ECS asks functions only",
                    "write the stage before or after it",
                ),
            );
        }
    }
    let step = ShiftStep {
        percent: percent?,
        bake_minutes: step_bake?,
    };
    let shift = match name {
        Name::Rolling | Name::BlueGreen => Shift::BlueGreen,
        Name::Canary => Shift::Canary(step),
        Name::Linear => Shift::Linear(step),
    };
    Some(Strategy::Shifting(Shifting {
        shift,
        bake_minutes: bake?,
        target_group,
        test,
        hooks,
    }))
}

fn test(fields: Fields<'_>) -> Option<TestRoute> {
    let host = fields.required(
        "host",
        parse::host()
            .meaning("The host name whose requests go to the new revision.")
            .example("test.contracts.hokus.ai"),
    );
    let priority = fields.required(
        "priority",
        whole(1, 50000)
            .meaning("Its listener rule's priority.")
            .example(101),
    );
    fields.end();
    Some(TestRoute {
        host: host?,
        priority: priority?,
    })
}

fn apart(test: &TestRoute, balancer: &LoadBalancer, reading: &Reading<'_>) {
    let same = [
        ("host", test.host == balancer.host),
        ("priority", test.priority == balancer.priority),
    ];
    for (field, _) in same.into_iter().filter(|(_, same)| *same) {
        reading.refuse(
            &format!("spec.rollout.test.{field}"),
            wrong(
                format!("is spec.loadBalancer.{field} too"),
                "write another, so that tests and users take different ways",
            ),
        );
    }
}

fn hook(fields: Fields<'_>) -> Option<Hook> {
    let stages: Option<BTreeSet<String>> = fields.list(
        "at",
        (1, STAGES.len()),
        choice(&STAGES.map(|(name, stage)| (name, stage.to_owned())))
            .meaning("The stages at whose end the rollout is held."),
    );
    let function = fields.optional(
        "function",
        parse::function()
            .meaning("ARN of the Lambda function that answers; left out: a person does, with `reconciler continue`.")
            .example("arn:aws:lambda:us-east-1:932100697590:function:hokusai-gate"),
    );
    let timeout = fields.or(
        "timeoutMinutes",
        1440,
        whole(1, HOOK_MINUTES_MAX).meaning("Minutes ECS waits for a person."),
    );
    let continues = fields.or(
        "onTimeout",
        "rollback",
        choice(&[("rollback", false), ("continue", true)])
            .meaning("What ECS does when no person has answered by then."),
    );
    fields.end();
    let asks = match function? {
        Some(function) => Asks::Function(function),
        None => Asks::Person {
            timeout_minutes: timeout?,
            timeout_continues: continues?,
        },
    };
    Some(Hook {
        stages: stages?,
        asks,
    })
}

/// Requests cannot be counted by target group while they move between two: AWS does not support ALBRequestCountPerTarget for
/// blue/green deployments.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html>
pub(super) fn scales(strategy: &Strategy, scaling: &Scaling, reading: &Reading<'_>) {
    if *strategy == Strategy::Rolling {
        return;
    }
    let why = || {
        wrong(
            "counts the requests of one target group, and this strategy moves them between two",
            "scale on cpuPercent, or write strategy: rolling",
        )
    };
    if scaling.requests_per_target.is_some() {
        reading.refuse("spec.scaling.requestsPerTarget", why());
    }
    for (index, step) in scaling.steps.iter().enumerate() {
        if step.metric == ScalingMetric::RequestsPerTarget {
            reading.refuse(&format!("spec.scaling.steps[{index}].metric"), why());
        }
    }
}
