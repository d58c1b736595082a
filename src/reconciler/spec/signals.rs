//! The manifest's `alarms`, `slo`, `notifications` and `dashboard`: their fields, defaults and bounds.
//!
//! Takes the fields, gives the Spec's parts; leaving one out is the same as writing its default. The defaults are what
//! the service is asked for (99.9 % available, answers within 2 s) and what its own `/health/detailed` calls degraded.

use serde_json::json;
use serde_yaml::{Mapping, Value};

use super::{Alarms, LatencyObjective, Notifications, Slo, parse};
use crate::reconciler::manifest::fields::{Fields, Reading};
use crate::reconciler::manifest::value::{
    Type, Wrong, flag, kind, pattern, positive, text, whole, wrong,
};
use crate::reconciler::resource::Subscription;

/// The section `alarms`.
pub fn alarms(fields: Fields<'_>) -> Option<Alarms> {
    let error_percent = fields.or(
        "errorPercent",
        5,
        percent()
            .meaning("Share of the requests of five minutes that the tasks may answer with 5xx."),
    );
    let requests_min = fields.or(
        "requestsMin",
        20,
        whole(1, 1_000_000)
            .meaning("Requests of five minutes below which there is no such share: one failure of three is no rate."),
    );
    let latency = fields.or(
        "latencyP99Seconds",
        2,
        positive().meaning("Seconds within which 99 of 100 requests must be answered."),
    );
    let cpu_percent = fields.or(
        "cpuPercent",
        70,
        whole(1, 100).meaning("Average CPU above which an alarm is raised."),
    );
    let memory_percent = fields.or(
        "memoryPercent",
        80,
        whole(1, 100).meaning("Average memory above which an alarm is raised."),
    );
    let queue_depth = fields.or(
        "queueDepth",
        100,
        parse::unless_off(1, 10_000)
            .meaning("Contract deployments that may wait; false for no alarm."),
    );
    let queue_age = fields.or(
        "queueAgeSeconds",
        900,
        parse::unless_off(60, 86_400)
            .meaning("Age of the oldest contract deployment that is neither deployed nor failed; false for no alarm."),
    );
    let balance_min = fields.or(
        "balanceMin",
        0.1,
        parse::or_false(positive()).meaning(
            "What the deployer's account should have, in the chain's coin; false for no alarm.",
        ),
    );
    let rpc_failures = fields.or(
        "rpcFailures",
        20,
        parse::unless_off(1, 1_000_000)
            .meaning("Requests that an RPC endpoint may leave unanswered in five minutes, all tasks together; false for no alarm."),
    );
    let stop_rollout = fields.or(
        "stopRollout",
        false,
        flag().meaning("Whether the alarms on errors and latency stop a rollout and undo it."),
    );
    fields.end();
    Some(Alarms {
        error_percent: error_percent?,
        requests_min: requests_min?,
        latency_p99_seconds: latency?,
        cpu_percent: cpu_percent?,
        memory_percent: memory_percent?,
        queue_depth: queue_depth?,
        queue_age_seconds: queue_age?,
        balance_min: balance_min?,
        rpc_failures: rpc_failures?,
        stop_rollout: stop_rollout?,
    })
}

/// The section `slo`.
pub fn slo(fields: Fields<'_>) -> Option<Slo> {
    let availability = fields.or(
        "availability",
        "99.9%",
        availability().meaning(
            "Share of requests not answered with 5xx, over 30 days; none for no such promise.",
        ),
    );
    let promised = Mapping::from_iter([(Value::from("p99"), Value::from("2s"))]);
    let latency = fields.or(
        "latency",
        promised,
        latency().meaning(
            "A percentile and the time within which it is answered; none for no such promise.",
        ),
    );
    fields.end();
    Some(Slo {
        availability: availability?,
        latency: latency?,
    })
}

/// The section `notifications`; `unit` is the unit's name where it is known.
pub fn notifications(
    fields: Fields<'_>,
    unit: Option<&str>,
    reading: &Reading<'_>,
) -> Option<Notifications> {
    let topic = fields.optional(
        "topic",
        topic()
            .meaning(
                "The SNS topic alarms are sent to: the name of one of this unit's own, which is the unit's name and \
                 -alarms where nothing is said, or the ARN of one that is there already.",
            )
            .example("hokusai-contracts-development-alarms"),
    );
    let subscriptions = fields.list(
        "subscriptions",
        (0, 100),
        subscription().meaning(
            "Everyone who hears of alarms, each a protocol and an endpoint: one that is not here is ended. People and web \
             servers confirm once.",
        ),
    );
    fields.end();
    let topic = topic?.unwrap_or_else(|| format!("{}-alarms", unit.unwrap_or_default()));
    let subscriptions = subscriptions?;
    if !is_arn(&topic) {
        return Some(Notifications::Own {
            topic,
            subscriptions,
        });
    }
    if !subscriptions.is_empty() {
        let fix = "subscribe where the topic is made, or write a name instead of its ARN";
        reading.refuse(
            "spec.notifications.subscriptions",
            wrong("are of a topic that is only referenced", fix),
        );
    }
    Some(Notifications::Existing { topic_arn: topic })
}

/// CloudWatch acts on topics of its own region only.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>
pub fn topic_is_local(
    notifications: &Notifications,
    account: &str,
    region: &str,
    reading: &Reading<'_>,
) {
    let Notifications::Existing { topic_arn } = notifications else {
        return;
    };
    let here = format!("arn:aws:sns:{region}:{account}:");
    if !topic_arn.starts_with(&here) {
        reading.refuse(
            "spec.notifications.topic",
            wrong(
                format!("is {topic_arn:?}, which is of another account or region"),
                format!("name a topic whose ARN begins with {here}"),
            ),
        );
    }
}

fn is_arn(topic: &str) -> bool {
    topic.starts_with("arn:")
}

/// A topic's name, or the ARN of one that is there.
fn topic() -> Type<String> {
    let expression = r"^(arn:aws:sns:[a-z0-9-]+:[0-9]{12}:)?[A-Za-z0-9_-]+$";
    let fix = "write a topic's ARN, arn:aws:sns:REGION:ACCOUNT:NAME, or a name of letters, digits, - and _";
    pattern(300, expression, fix)
}

/// What a subscription's endpoint is, by protocol; and an example of it.
const PROTOCOLS: [(&str, &str, &str); 4] = [
    ("email", r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "alerts@hokus.ai"),
    ("https", r"^https://\S+$", "https://events.example.com/aws"),
    (
        "sqs",
        r"^arn:aws:sqs:\S+$",
        "arn:aws:sqs:us-east-1:932100697590:alarms",
    ),
    (
        "lambda",
        r"^arn:aws:lambda:\S+$",
        "arn:aws:lambda:us-east-1:932100697590:function:alarms",
    ),
];

/// `email: alerts@hokus.ai`: a protocol and an endpoint.
fn subscription() -> Type<Subscription> {
    let endpoint = |(_, expression, example): &(&str, &str, &str)| {
        pattern(2048, *expression, format!("write one such as {example}"))
    };
    let properties = PROTOCOLS
        .iter()
        .map(|protocol| (protocol.0.to_owned(), endpoint(protocol).schema().clone()));
    let schema = json!({
        "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
        "properties": properties.collect::<serde_json::Map<_, _>>(),
    });
    Type::new(schema, move |value| {
        let entry = value.as_mapping().filter(|mapping| mapping.len() == 1);
        let entry = entry.and_then(|mapping| mapping.iter().next());
        let known = entry.and_then(|(name, value)| {
            let protocol = PROTOCOLS
                .iter()
                .find(|(known, ..)| name.as_str() == Some(known));
            Some((protocol?, value))
        });
        let Some((protocol, value)) = known else {
            let names = PROTOCOLS.map(|(name, ..)| name).join(", ");
            return Err(wrong(
                format!("should be a protocol and an endpoint, is {}", kind(value)),
                format!("write `email: alerts@hokus.ai`; protocols are {names}"),
            ));
        };
        Ok(Subscription {
            protocol: protocol.0.to_owned(),
            endpoint: endpoint(protocol).read(value)?,
        })
    })
}

/// A share of 100, above 0 and below 100.
fn percent() -> Type<f64> {
    let below = |percent| {
        if percent < 100.0 {
            Ok(percent)
        } else {
            let fix = "write a number above 0 and below 100";
            Err(wrong(format!("is {percent}"), fix))
        }
    };
    positive().and(below).with("exclusiveMaximum", json!(100))
}

/// `99.9%`, or `none` for no objective. 100 % leaves no budget, and less than 90 % is a slip of the pen.
fn availability() -> Type<Option<f64>> {
    let read = |text: String| -> Result<Option<f64>, Wrong> {
        if text == "none" {
            return Ok(None);
        }
        let percent = text.strip_suffix('%').and_then(|text| text.parse().ok());
        let percent = percent.filter(|percent: &f64| (90.0..100.0).contains(percent));
        let fix = "write a share from 90% to below 100%, such as 99.9%, or none";
        percent
            .map(Some)
            .ok_or_else(|| wrong(format!("is {text:?}"), fix))
    };
    text()
        .and(read)
        .with("pattern", json!(r"^(9\d(\.\d+)?%|none)$"))
}

/// `{p99: 2s}`, or `none` for no objective.
fn latency() -> Type<Option<LatencyObjective>> {
    let times = json!({ "type": "string", "pattern": r"^\d+(\.\d+)?m?s$" });
    let schema = json!({ "anyOf": [
        { "const": "none" },
        {
            "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
            "patternProperties": { r"^p[5-9]\d(\.\d+)?$": times },
        },
    ] });
    Type::new(schema, |value| {
        if value.as_str() == Some("none") {
            return Ok(None);
        }
        let entry = value.as_mapping().filter(|mapping| mapping.len() == 1);
        let entry = entry.and_then(|mapping| mapping.iter().next());
        let objective = entry.and_then(|(name, time)| {
            Some(LatencyObjective {
                percent: name.as_str()?.strip_prefix('p')?.parse().ok()?,
                seconds: seconds(time.as_str()?)?,
            })
        });
        let fits = |LatencyObjective { percent, seconds }: &LatencyObjective| {
            (50.0..100.0).contains(percent) && *seconds > 0.0 && *seconds <= 60.0
        };
        let fix = "write a percentile from p50 and a time of at most 60s, such as {p99: 2s} or {p95: 500ms}, or none";
        let objective = objective.filter(fits);
        objective
            .map(Some)
            .ok_or_else(|| wrong(format!("is {}", kind(value)), fix))
    })
}

/// `2s` or `500ms`.
fn seconds(time: &str) -> Option<f64> {
    match time.strip_suffix("ms") {
        Some(number) => number.parse::<f64>().ok().map(|number| number / 1000.0),
        None => time.strip_suffix('s')?.parse().ok(),
    }
}
