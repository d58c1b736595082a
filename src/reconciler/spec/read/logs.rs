//! `spec.logs`: the log group and what is counted in it.

use crate::reconciler::manifest::fields::{Fields, Reading};
use crate::reconciler::manifest::value::{text, wrong};
use crate::reconciler::spec::parse;
use crate::reconciler::spec::{LogMetric, Logs};

/// AWS's quota of filters a log group; the unit makes some of its own.
const FILTERS_MAX: usize = 50;

pub(super) fn logs(fields: Fields<'_>, reading: &Reading<'_>) -> Option<Logs> {
    let group = fields.required(
        "group",
        parse::name(512, "-_/.#")
            .meaning("The log group.")
            .example("/ecs/hokusai-contracts"),
    );
    let retention_days = fields.or(
        "retentionDays",
        30,
        parse::retention().meaning("Days after which a line of the log is deleted."),
    );
    let metric_filters = fields.each(
        "metricFilters",
        (0, FILTERS_MAX),
        "What is counted in the log, as a CloudWatch metric.",
        |fields| metric_filter(fields),
    );
    fields.end();
    if let Some(filters) = &metric_filters {
        let names = filters.iter().map(|filter| &filter.name);
        super::once(reading, "spec.logs.metricFilters", names);
        for (index, filter) in filters.iter().enumerate() {
            if filter.default_value.is_some() && !filter.dimensions.is_empty() {
                // API_MetricTransformation: a default would make a datum without the dimensions.
                reading.refuse(
                    &format!("spec.logs.metricFilters[{index}].defaultValue"),
                    wrong(
                        "stands beside dimensions, which AWS does not take together",
                        "remove one of the two",
                    ),
                );
            }
        }
    }
    Some(Logs {
        group: group?,
        retention_days: retention_days?,
        metric_filters: metric_filters?,
    })
}

fn metric_filter(fields: Fields<'_>) -> Option<LogMetric> {
    let name = fields.required(
        "name",
        parse::name(64, "-")
            .meaning("Ends the filter's name, which begins with the unit's.")
            .example("warnings"),
    );
    let pattern = fields.required(
        "pattern",
        text()
            .meaning("Which events count, in CloudWatch Logs' filter language.")
            .example("{ $.level = \"WARN\" }"),
    );
    let word = |meaning| parse::metric_word().meaning(meaning);
    let metric = fields.required("metric", word("The metric's name.").example("Warnings"));
    let namespace = fields.required(
        "namespace",
        word("The metric's namespace; not one of AWS's own.").example("Hokusai/Contracts"),
    );
    let value = fields.or(
        "value",
        "1",
        text().meaning("What one event adds: a number, or a field of it such as $.seconds."),
    );
    let dimensions = fields.entries(
        "dimensions",
        parse::dimension(),
        text()
            .meaning("At most three dimensions, each with the event's field that it is taken from.")
            .example("$.chain"),
    );
    let default_value = fields.optional(
        "defaultValue",
        parse::at_least_zero().meaning(
            "What is added while events come and none counts; not together with dimensions.",
        ),
    );
    let unit = fields.or(
        "unit",
        "None",
        parse::metric_unit().meaning("The unit of the data, in CloudWatch's word."),
    );
    fields.end();
    Some(LogMetric {
        name: name?,
        pattern: pattern?,
        metric: metric?,
        namespace: namespace?,
        value: value?,
        dimensions,
        default_value: default_value?,
        unit: unit?,
    })
}
