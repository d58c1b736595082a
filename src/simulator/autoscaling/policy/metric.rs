//! What a target-tracking policy watches, as AWS names it and as its alarms name it.

use super::super::super::call::{Call, Refusal};
use super::super::{VALIDATION, invalid};

#[derive(Debug)]
pub(super) enum Metric {
    Cpu,
    Memory,
    RequestsPerTarget {
        /// `app/<balancer>/<id>/targetgroup/<group>/<id>`
        label: String,
    },
    Custom {
        namespace: String,
        name: String,
        statistic: String,
        unit: Option<String>,
        dimensions: Vec<(String, String)>,
    },
}

/// Namespace, name, statistic, unit, dimensions.
pub(super) type Alarmed = (
    String,
    String,
    String,
    Option<String>,
    Vec<(String, String)>,
);

impl Metric {
    pub(super) fn predefined(call: &Call) -> Result<Metric, Refusal> {
        let label = call.optional_text("ResourceLabel")?;
        match (call.required("PredefinedMetricType", VALIDATION)?, label) {
            ("ECSServiceAverageCPUUtilization", None) => Ok(Metric::Cpu),
            ("ECSServiceAverageMemoryUtilization", None) => Ok(Metric::Memory),
            ("ALBRequestCountPerTarget", Some(label)) => {
                let parts: Vec<&str> = label.split('/').collect();
                if matches!(parts.as_slice(), ["app", _, _, "targetgroup", _, _]) {
                    return Ok(Metric::RequestsPerTarget {
                        label: label.to_owned(),
                    });
                }
                Err(invalid(format!(
                    "Resource label {label} must have the form app/<name>/<id>/targetgroup/<name>/<id>"
                )))
            }
            ("ALBRequestCountPerTarget", None) => Err(invalid(
                "ResourceLabel must be specified for the predefined metric type ALBRequestCountPerTarget",
            )),
            (kind, Some(_)) => Err(invalid(format!(
                "ResourceLabel cannot be specified for the predefined metric type {kind}"
            ))),
            (kind, None) if kind.ends_with("HighResolution") => Err(invalid(format!(
                "The predefined metric type {kind} is not simulated"
            ))),
            (kind, None) => Err(invalid(format!(
                "Predefined metric type {kind} is not one for the service namespace ecs"
            ))),
        }
    }

    pub(super) fn custom(call: &Call) -> Result<Metric, Refusal> {
        if call.get("Metrics").is_some() {
            return Err(invalid("Metric math in a scaling policy is not simulated"));
        }
        let text = |member| call.required(member, VALIDATION).map(str::to_owned);
        let pairs = call.structures("Dimensions")?;
        let pair = |pair: &Call| {
            let side = |name| pair.required(name, VALIDATION).map(str::to_owned);
            Ok((side("Name")?, side("Value")?))
        };
        Ok(Metric::Custom {
            namespace: text("Namespace")?,
            name: text("MetricName")?,
            statistic: text("Statistic")?,
            unit: call.optional_text("Unit")?.map(str::to_owned),
            dimensions: pairs.iter().map(pair).collect::<Result<_, Refusal>>()?,
        })
    }

    pub(super) fn alarmed(&self, resource: &str) -> Alarmed {
        let of_service = |metric: &str| {
            let (cluster, service) = resource
                .trim_start_matches("service/")
                .split_once('/')
                .unwrap_or((resource, resource));
            let dimensions = vec![
                ("ClusterName".to_owned(), cluster.to_owned()),
                ("ServiceName".to_owned(), service.to_owned()),
            ];
            (
                "AWS/ECS".to_owned(),
                metric.to_owned(),
                "Average".to_owned(),
                Some("Percent".to_owned()),
                dimensions,
            )
        };
        match self {
            Metric::Cpu => of_service("CPUUtilization"),
            Metric::Memory => of_service("MemoryUtilization"),
            Metric::RequestsPerTarget { label } => {
                let group = label.find("targetgroup/").map_or("", |at| &label[at..]);
                let dimensions = vec![("TargetGroup".to_owned(), group.to_owned())];
                let metric = "RequestCountPerTarget".to_owned();
                (
                    "AWS/ApplicationELB".to_owned(),
                    metric,
                    "Sum".to_owned(),
                    None,
                    dimensions,
                )
            }
            Metric::Custom {
                namespace,
                name,
                statistic,
                unit,
                dimensions,
            } => (
                namespace.clone(),
                name.clone(),
                statistic.clone(),
                unit.clone(),
                dimensions.clone(),
            ),
        }
    }
}
