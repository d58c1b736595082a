//! What services are busy with, and the metrics AWS makes of it: AWS/ECS and AWS/ApplicationELB, minute by minute.
//!
//! Takes a load per service, given by a script, and the time; records metrics from the tasks that run and the targets that
//! are healthy. A service without a load is idle. Changes nothing but metric data.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>

use std::collections::BTreeMap;

use serde::Deserialize;

use super::call::Millis;
use super::cloudwatch::{self, Metric};
use super::ecs::{self, Measured};
use super::elbv2::{self, Traffic};
use super::world::World;

const MINUTE_MILLIS: Millis = 60_000;
const MINUTE_SECONDS: f64 = 60.0;
/// What a script can set.
const SERVICES_MAX: usize = 10_000;

/// What a service is asked to do and what it costs it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Load {
    /// Requests a second to the whole service.
    pub requests_per_second: f64,
    /// How long a target takes for one.
    pub seconds_per_request: f64,
    /// The share answered with a 5xx status, 0 to 1.
    pub error_share: f64,
    /// Processor seconds of one vCPU that a request takes.
    pub cpu_seconds_per_request: f64,
    /// Memory each task uses, in MiB.
    pub memory_mib_per_task: f64,
}

/// Loads by resource id, `service/<cluster>/<service>`, and up to when metrics have been made.
#[derive(Debug, Default)]
pub struct State {
    loads: BTreeMap<String, Load>,
    measured: Option<Millis>,
}

/// A load as `PUT /_simulator/load` takes it.
#[derive(Debug, Deserialize)]
struct Script {
    cluster: String,
    service: String,
    #[serde(flatten)]
    load: BTreeMap<String, f64>,
}

/// Puts a service under a load from now on, instead of the one before.
pub fn set(world: &mut World, cluster: &str, service: &str, load: Load) {
    let loads = &mut world.load.loads;
    let resource = format!("service/{cluster}/{service}");
    if loads.len() < SERVICES_MAX || loads.contains_key(&resource) {
        loads.insert(resource, load);
    }
}

/// The same as a script writes it: JSON with `cluster`, `service` and the members of [`Load`]; absent ones are 0.
pub fn set_by_script(world: &mut World, body: &[u8]) -> Result<(), String> {
    let script: Script = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let amounts = serde_json::json!(script.load);
    let load: Load = serde_json::from_value(amounts).map_err(|error| error.to_string())?;
    let amounts = script.load.values();
    if !amounts
        .into_iter()
        .all(|amount| (0.0..=1e9).contains(amount))
        || load.error_share > 1.0
    {
        return Err("amounts are from 0 to 1000000000, and error_share to 1".to_owned());
    }
    if !ecs::service_exists(
        world,
        &format!("service/{}/{}", script.cluster, script.service),
    ) {
        return Err(format!("no service {}/{}", script.cluster, script.service));
    }
    set(world, &script.cluster, &script.service, load);
    Ok(())
}

/// Records the metrics of the last full minute, once.
pub fn step(world: &mut World, now: Millis) {
    let minute = now - now % MINUTE_MILLIS;
    let last = world.load.measured.replace(minute);
    // A world's first minute is not over, and of minutes nobody saw nothing is known.
    if last.is_none_or(|last| last == minute) {
        return;
    }
    let mut recorder = Recorder {
        at: minute - MINUTE_MILLIS,
        metrics: Vec::new(),
    };
    let mut by_group: BTreeMap<String, Load> = BTreeMap::new();
    for service in ecs::measured(world) {
        let load = world.load.loads.get(&service.resource);
        let load = load.copied().unwrap_or_default();
        recorder.of_service(&service, load);
        for (group, share) in elbv2::shares(world, &service.target_groups) {
            let requests_per_second = load.requests_per_second * share;
            let load = Load {
                requests_per_second,
                ..load
            };
            by_group.insert(group, load);
        }
    }
    for traffic in elbv2::take_traffic(world) {
        let load = by_group.get(&traffic.target_group);
        recorder.of_target_group(&traffic, load.copied().unwrap_or_default());
    }
    let Recorder { at, metrics } = recorder;
    for (metric, value, count, unit) in metrics {
        cloudwatch::record(world, metric, (value, count), unit, at);
    }
}

struct Recorder {
    at: Millis,
    /// Metric, value, how often it was measured, unit.
    metrics: Vec<(Metric, f64, f64, &'static str)>,
}

impl Recorder {
    fn of_service(&mut self, service: &Measured, load: Load) {
        let Measured {
            resource,
            running,
            cpu_units,
            memory_mib,
            target_groups: _,
        } = service;
        let names = resource.trim_start_matches("service/").split_once('/');
        let (Some((cluster, name)), 1..) = (names, *running) else {
            return;
        };
        let tasks = f64::from(*running);
        let wanted = load.requests_per_second * load.cpu_seconds_per_request;
        let vcpus = tasks * f64::from(*cpu_units) / 1024.0;
        let percent = |used: f64, of: f64| (used / of * 100.0).min(100.0);
        let dimensions = [("ClusterName", cluster), ("ServiceName", name)];
        let memory = percent(load.memory_mib_per_task, f64::from(*memory_mib));
        for (metric, value) in [
            ("CPUUtilization", percent(wanted, vcpus)),
            ("MemoryUtilization", memory),
        ] {
            self.add("AWS/ECS", metric, &dimensions, (value, tasks), "Percent");
        }
    }

    /// A load's requests, and those the load balancer really passed on.
    fn of_target_group(&mut self, traffic: &Traffic, load: Load) {
        let balancer = ("LoadBalancer", traffic.load_balancer.as_str());
        let group = ("TargetGroup", traffic.dimension.as_str());
        let (healthy, unhealthy) = (f64::from(traffic.healthy), f64::from(traffic.unhealthy));
        if healthy + unhealthy > 0.0 {
            let both = [balancer, group];
            self.elb("HealthyHostCount", &both, (healthy, 1.0), "Count");
            self.elb("UnHealthyHostCount", &both, (unhealthy, 1.0), "Count");
        }
        // Without a target nothing arrives.
        let expected = match healthy + unhealthy {
            targets if targets > 0.0 => load.requests_per_second * MINUTE_SECONDS,
            _ => 0.0,
        };
        let requests = expected + traffic.requests;
        // These metrics are reported only where there is something to report.
        if requests <= 0.0 {
            return;
        }
        let errors = expected * load.error_share + traffic.errors;
        let seconds = expected * load.seconds_per_request + traffic.seconds;
        for dimensions in [&[balancer][..], &[balancer, group]] {
            self.elb("RequestCount", dimensions, (requests, 1.0), "Count");
            let mean = (seconds / requests, requests);
            self.elb("TargetResponseTime", dimensions, mean, "Seconds");
            if errors > 0.0 {
                self.elb(
                    "HTTPCode_Target_5XX_Count",
                    dimensions,
                    (errors, 1.0),
                    "Count",
                );
            }
        }
        let per_target = (requests / healthy.max(1.0), 1.0);
        for dimensions in [&[group][..], &[balancer, group]] {
            self.elb("RequestCountPerTarget", dimensions, per_target, "Count");
        }
    }

    fn elb(
        &mut self,
        name: &str,
        dimensions: &[(&str, &str)],
        measured: (f64, f64),
        unit: &'static str,
    ) {
        self.add("AWS/ApplicationELB", name, dimensions, measured, unit);
    }

    fn add(
        &mut self,
        namespace: &str,
        name: &str,
        dimensions: &[(&str, &str)],
        (value, count): (f64, f64),
        unit: &'static str,
    ) {
        let dimensions = dimensions
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let metric = Metric {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.collect(),
        };
        self.metrics.push((metric, value, count, unit));
    }
}
