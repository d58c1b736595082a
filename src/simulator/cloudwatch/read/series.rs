//! The series an alarm compares: its metric or calculation over a stretch of whole periods.
//!
//! Takes queries as GetMetricData has them; changes nothing. A calculation that cannot be made is no data.

use serde_json::{Value, json};

use super::{Points, Window, compute, query};
use crate::simulator::call::{Call, Millis};
use crate::simulator::world::World;

/// The first returned series of `queries` in the periods that begin in `from..to`, both whole minutes or periods.
pub(in crate::simulator::cloudwatch) fn series(
    world: &World,
    queries: &[Value],
    from: Millis,
    to: Millis,
) -> Points {
    let read = |value: &Value| {
        let call = Call {
            service: "monitoring",
            operation: String::new(),
            input: value.as_object().cloned().unwrap_or_default(),
            principal: None,
            now: to,
        };
        query(&call)
    };
    let window = Window { from, to, now: to };
    let queries = queries.iter().map(read).collect::<Result<Vec<_>, _>>();
    let computed = queries.and_then(|queries| {
        let computed = compute(world, &window, &queries)?;
        Ok(computed.into_iter().next().map(|(_, points)| points))
    });
    computed.ok().flatten().unwrap_or_default()
}

/// The query of one metric, as `series` takes it.
pub(in crate::simulator::cloudwatch) fn of_metric(
    namespace: &str,
    name: &str,
    dimensions: &Value,
    period_seconds: i64,
    statistic: &str,
    unit: Option<&str>,
) -> Value {
    json!({ "Id": "m1", "ReturnData": true, "MetricStat": {
        "Metric": { "Namespace": namespace, "MetricName": name, "Dimensions": dimensions },
        "Period": period_seconds, "Stat": statistic, "Unit": unit,
    }})
}
