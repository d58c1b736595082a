//! What a step, a wait or an obstacle is about: a kind and a name, printed the same everywhere.

use std::fmt;

use serde::Serialize;

/// The kinds of AWS resources a unit touches or refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "each is AWS's own noun")]
pub enum Kind {
    Cluster,
    LoadBalancer,
    HttpsListener,
    Namespace,
    Parameter,
    Repository,
    Image,
    Record,
    Subnet,
    SecurityGroup,
    LogGroup,
    MetricFilter,
    Role,
    TargetGroup,
    ListenerRule,
    Discovery,
    TaskDefinition,
    Service,
    ScalableTarget,
    ScalingPolicy,
    ScheduledAction,
    Topic,
    Subscription,
    Alarm,
    CompositeAlarm,
    Dashboard,
}

/// One resource by kind and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Subject {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub name: String,
}

impl Subject {
    /// A kind and a name.
    pub fn new(kind: Kind, name: &str) -> Self {
        Subject {
            kind,
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Subject { kind, name } = self;
        write!(f, "{kind} {name}")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Cluster => "cluster",
            Kind::LoadBalancer => "load balancer",
            Kind::HttpsListener => "HTTPS listener on 443 of",
            Kind::Namespace => "DNS namespace",
            Kind::Parameter => "SSM parameter",
            Kind::Repository => "image repository",
            Kind::Image => "image",
            Kind::Record => "DNS record",
            Kind::Subnet => "subnet",
            Kind::SecurityGroup => "security group",
            Kind::LogGroup => "log group",
            Kind::MetricFilter => "metric filter",
            Kind::Role => "role",
            Kind::TargetGroup => "target group",
            Kind::ListenerRule => "listener rule",
            Kind::Discovery => "discovery name",
            Kind::TaskDefinition => "task definition",
            Kind::Service => "service",
            Kind::ScalableTarget => "scalable target",
            Kind::ScalingPolicy => "scaling policy",
            Kind::ScheduledAction => "scheduled action",
            Kind::Topic => "topic",
            Kind::Subscription => "subscription",
            Kind::Alarm => "alarm",
            Kind::CompositeAlarm => "composite alarm",
            Kind::Dashboard => "dashboard",
        })
    }
}
