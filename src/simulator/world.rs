//! Everything the simulated account holds: one state per service, one source of identifiers.
//!
//! Plain data behind one lock: no clock, no sockets, no processes. Randomness is seeded, so that the same calls at
//! the same times give the same identifiers. A service's state is changed by its own module only.

use super::{
    account, acm, autoscaling, cloudwatch, ecr, ecs, elbv2, iam, image, load, logs, route53,
    secretsmanager, servicediscovery, sns, ssm, sts,
};

/// The simulated account.
pub struct World {
    /// The twelve-digit account number.
    pub account: String,
    /// The region every ARN names.
    pub region: String,
    /// Where its APIs answer, such as `http://127.0.0.1:4566`; absent where no server stands before it. Given, never changed.
    pub endpoint: Option<String>,
    /// Who may sign requests; given, never changed.
    pub access_keys: Vec<account::AccessKey>,
    /// Networks with their subnets and security groups; given, never changed.
    pub vpcs: Vec<account::Vpc>,
    /// Clusters, task definitions, services, tasks.
    pub ecs: ecs::State,
    /// Load balancers, listeners, rules, target groups.
    pub elbv2: elbv2::State,
    /// Scalable targets and scaling policies.
    pub autoscaling: autoscaling::State,
    /// Alarms and metric data.
    pub cloudwatch: cloudwatch::State,
    /// Image repositories.
    pub ecr: ecr::State,
    /// How images behave; given, and changed by whoever plays AWS.
    pub images: image::State,
    /// Roles and their policies.
    pub iam: iam::State,
    /// What services are busy with.
    pub load: load::State,
    /// Log groups, streams, events.
    pub logs: logs::State,
    /// Cloud Map namespaces, services, instances.
    pub servicediscovery: servicediscovery::State,
    /// Parameters.
    pub ssm: ssm::State,
    /// Secrets.
    pub secretsmanager: secretsmanager::State,
    /// Topics and subscriptions.
    pub sns: sns::State,
    /// Hosted zones.
    pub route53: route53::State,
    /// Certificates.
    pub acm: acm::State,
    /// Sessions of roles.
    pub sts: sts::State,
    random: fastrand::Rng,
}

impl World {
    /// An empty account whose identifiers follow from `seed`.
    pub fn new(account: impl Into<String>, region: impl Into<String>, seed: u64) -> Self {
        World {
            account: account.into(),
            region: region.into(),
            endpoint: None,
            access_keys: Vec::new(),
            vpcs: Vec::new(),
            ecs: ecs::State::default(),
            elbv2: elbv2::State::default(),
            autoscaling: autoscaling::State::default(),
            cloudwatch: cloudwatch::State::default(),
            ecr: ecr::State::default(),
            images: image::State::default(),
            iam: iam::State::default(),
            load: load::State::default(),
            logs: logs::State::default(),
            servicediscovery: servicediscovery::State::default(),
            ssm: ssm::State::default(),
            secretsmanager: secretsmanager::State::default(),
            sns: sns::State::default(),
            route53: route53::State::default(),
            acm: acm::State::default(),
            sts: sts::State::default(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Fresh lower-case hexadecimal digits, as AWS builds ids from (32 for an ECS task, 16 for a target group).
    pub fn hex(&mut self, digits: usize) -> String {
        (0..digits)
            .map(|_| char::from_digit(self.random.u32(0..16), 16).unwrap_or('0'))
            .collect()
    }

    /// Fresh letters and digits, as Secrets Manager ends its ARNs with.
    pub fn letters(&mut self, count: usize) -> String {
        (0..count).map(|_| self.random.alphanumeric()).collect()
    }

    /// A fresh version 4 UUID, as AWS names alarms' policies and Cloud Map operations.
    pub fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.random.u128(..).to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// `arn:aws:<service>:<region>:<account>:<resource>`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account
        )
    }

    /// The subnet of that id and the network it is in.
    pub fn subnet(&self, id: &str) -> Option<(&account::Vpc, &account::Subnet)> {
        self.vpcs
            .iter()
            .find_map(|vpc| Some((vpc, vpc.subnets.iter().find(|subnet| subnet.id == id)?)))
    }
}
