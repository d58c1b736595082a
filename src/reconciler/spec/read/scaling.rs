//! `spec.scaling`: how many tasks, and why more.

use crate::reconciler::manifest::fields::{Fields, Reading};
use crate::reconciler::manifest::value::{choice, flag, positive, text, whole, wrong};
use crate::reconciler::spec::parse;
use crate::reconciler::spec::{
    Scaling, ScalingMetric, Schedule, StepChange, StepScaling, Suspended, Threshold,
};

/// AWS's quotas are 50 policies and 200 scheduled actions a target; nobody can follow so many.
const STEPS_MAX: usize = 10;
const SCHEDULES_MAX: usize = 20;
/// AWS takes up to 20 steps a policy.
/// <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-limits.html>
const CHANGES_MAX: usize = 20;
const TASKS_MAX: u32 = 5000;

pub(super) fn scaling(fields: Fields<'_>, reading: &Reading<'_>) -> Option<Scaling> {
    let tasks = |meaning| whole(1, TASKS_MAX).meaning(meaning);
    let min = fields.or("min", 2, tasks("The fewest tasks."));
    let max = fields.or("max", 10, tasks("The most tasks; not below min."));
    let cpu_percent = fields.or(
        "cpuPercent",
        60,
        parse::unless_off(1, 100).meaning(
            "The average CPU that is held by adding and removing tasks; false: not looked at.",
        ),
    );
    let memory_percent = fields.or(
        "memoryPercent",
        70,
        parse::unless_off(1, 100).meaning(
            "The average memory that is held by adding and removing tasks; false: not looked at.",
        ),
    );
    let requests_per_target = fields.or(
        "requestsPerTarget",
        false,
        parse::unless_off(1, 10_000_000)
            .meaning("Requests a minute that each task is to have, held by adding and removing tasks; false: not looked at."),
    );
    let scale_in = fields.or(
        "scaleInCooldownSeconds",
        300,
        whole(0, 86_400).meaning(
            "Seconds between two steps down. Longer than the other: a wrong step down costs more than a wrong step up.",
        ),
    );
    let scale_out = fields.or(
        "scaleOutCooldownSeconds",
        60,
        whole(0, 86_400).meaning("Seconds between two steps up."),
    );
    let steps = fields.each(
        "steps",
        (0, STEPS_MAX),
        "Jumps: tasks added or removed at once when a metric is beyond a threshold. What is held above moves by itself; these \
         are for what comes faster.",
        |fields| step(fields),
    );
    let schedules = fields.each(
        "schedules",
        (0, SCHEDULES_MAX),
        "Other bounds at other times. Each holds until the next; between them the count still follows the load.",
        |fields| schedule(fields),
    );
    let suspended = suspended(fields.mapping(
        "suspended",
        "What autoscaling must not do for now, such as during a migration.",
    ));
    fields.end();
    ordered(reading, "spec.scaling", min, max);
    if let Some(schedules) = &schedules {
        for (index, schedule) in schedules.iter().enumerate() {
            let field = format!("spec.scaling.schedules[{index}]");
            ordered(reading, &field, Some(schedule.min), Some(schedule.max));
        }
        let names = schedules.iter().map(|schedule| &schedule.name);
        super::once(reading, "spec.scaling.schedules", names);
    }
    if let Some(steps) = &steps {
        let names = steps.iter().map(|step| &step.name);
        super::once(reading, "spec.scaling.steps", names);
        for (index, step) in steps.iter().enumerate() {
            rising(
                reading,
                &format!("spec.scaling.steps[{index}].changes"),
                step,
            );
        }
    }
    Some(Scaling {
        min: min?,
        max: max?,
        cpu_percent: cpu_percent?,
        memory_percent: memory_percent?,
        requests_per_target: requests_per_target?,
        scale_in_cooldown_seconds: scale_in?,
        scale_out_cooldown_seconds: scale_out?,
        steps: steps?,
        schedules: schedules?,
        suspended: suspended?,
    })
}

fn ordered(reading: &Reading<'_>, field: &str, min: Option<u32>, max: Option<u32>) {
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        reading.refuse(
            &format!("{field}.max"),
            wrong(
                format!("is {max}, below min, which is {min}"),
                format!("write at least {min}"),
            ),
        );
    }
}

fn name(fields: &Fields<'_>, of: &str) -> Option<String> {
    fields.required(
        "name",
        parse::name(64, "-")
            .meaning(&format!(
                "Ends the name of the {of}, which begins with the unit's."
            ))
            .example("burst"),
    )
}

fn step(fields: Fields<'_>) -> Option<StepScaling> {
    let name = name(&fields, "policy and of its alarm");
    let metric = fields.required(
        "metric",
        choice(&[
            ("cpuPercent", ScalingMetric::Cpu),
            ("memoryPercent", ScalingMetric::Memory),
            ("requestsPerTarget", ScalingMetric::RequestsPerTarget),
        ])
        .meaning("What is watched."),
    );
    let side = fields.or(
        "side",
        "above",
        choice(&[("above", true), ("below", false)])
            .meaning("Whether tasks are added above the threshold or removed below it."),
    );
    let threshold = fields.required(
        "threshold",
        positive()
            .meaning("From where on, in the metric's unit.")
            .example(85),
    );
    let minutes = fields.or(
        "minutes",
        2,
        whole(1, 60).meaning("How many averages of a minute in a row."),
    );
    let changes = fields.each(
        "changes",
        (1, CHANGES_MAX),
        "How many tasks, from how far beyond the threshold on.",
        |fields| {
            let beyond = fields.or(
                "beyond",
                0,
                parse::at_least_zero()
                    .meaning("How far beyond the threshold, in the metric's unit."),
            );
            let tasks = fields.required(
                "tasks",
                whole(1, TASKS_MAX)
                    .meaning("Tasks added, or removed.")
                    .example(2),
            );
            fields.end();
            Some(StepChange {
                beyond: beyond?,
                tasks: tasks?,
            })
        },
    );
    let cooldown_seconds = fields.or(
        "cooldownSeconds",
        60,
        whole(0, 86_400).meaning("Seconds until it may jump again."),
    );
    fields.end();
    let threshold = threshold?;
    Some(StepScaling {
        name: name?,
        metric: metric?,
        threshold: if side? {
            Threshold::Above(threshold)
        } else {
            Threshold::Below(threshold)
        },
        minutes: minutes?,
        changes: changes?,
        cooldown_seconds: cooldown_seconds?,
    })
}

/// The first change is at the threshold itself, each further one beyond the one before: AWS takes no gap and no overlap.
fn rising(reading: &Reading<'_>, field: &str, step: &StepScaling) {
    let mut least = None;
    for (index, change) in step.changes.iter().enumerate() {
        let (fits, fix) = match least {
            None => (
                change.beyond == 0.0,
                "write 0: the first change is at the threshold".to_owned(),
            ),
            Some(least) => (
                change.beyond > least,
                format!("write more than {least}, or order the changes"),
            ),
        };
        if !fits {
            let what = format!("is {}", change.beyond);
            reading.refuse(&format!("{field}[{index}].beyond"), wrong(what, fix));
        }
        least = Some(change.beyond);
    }
}

fn schedule(fields: Fields<'_>) -> Option<Schedule> {
    let name = name(&fields, "scheduled action");
    let at = fields.required(
        "at",
        parse::schedule()
            .meaning("When: cron(minute hour day month weekday year), rate(… hours) or at(yyyy-mm-ddThh:mm:ss).")
            .example("cron(0 8 ? * MON-FRI *)"),
    );
    let time_zone = fields.or(
        "timeZone",
        "UTC",
        text().meaning("The time zone that is meant, by its IANA name; summer time is followed."),
    );
    let tasks = |meaning| whole(1, TASKS_MAX).meaning(meaning);
    let min = fields.required("min", tasks("The fewest tasks from then on.").example(4));
    let max = fields.required("max", tasks("The most tasks from then on.").example(20));
    fields.end();
    Some(Schedule {
        name: name?,
        at: at?,
        time_zone: time_zone?,
        min: min?,
        max: max?,
    })
}

fn suspended(fields: Fields<'_>) -> Option<Suspended> {
    let off = |name, meaning| fields.or(name, false, flag().meaning(meaning));
    let scale_in = off("scaleIn", "No policy removes tasks.");
    let scale_out = off("scaleOut", "No policy adds tasks.");
    let scheduled = off("scheduled", "No schedule changes the bounds.");
    fields.end();
    Some(Suspended {
        scale_in: scale_in?,
        scale_out: scale_out?,
        scheduled: scheduled?,
    })
}
