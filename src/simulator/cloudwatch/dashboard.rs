//! Dashboards: a body checked as AWS checks it, kept as written.
//!
//! AWS's schema is not published: checked are the parts its guide calls required and the limits it documents. What a
//! widget's kind is unknown for is let pass with a message, as AWS does for small mistakes.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>

use serde_json::{Value, json};

use super::{INVALID_VALUE, MISSING_PARAMETER, tags};
use crate::simulator::call::{Answer, Call, Millis, Refusal, timestamp};
use crate::simulator::tag::Tags;
use crate::simulator::world::World;

#[derive(Debug)]
pub(super) struct Dashboard {
    body: String,
    modified: Millis,
    pub tags: Tags,
}

/// AWS's default quotas.
const DASHBOARDS_MAX: usize = 5_000;
const WIDGETS_MAX: usize = 500;
const PAGE: usize = 1_000;
const COLUMNS: u64 = 24;
const HEIGHT_MAX: u64 = 1_000;

const INVALID_INPUT: &str = "InvalidParameterInput";

/// Dashboards are the account's, not a region's: `arn:aws:cloudwatch::932100697590:dashboard/name`.
pub(super) fn arn(world: &World, name: &str) -> String {
    format!("arn:aws:cloudwatch::{}:dashboard/{name}", world.account)
}

pub(super) fn put_dashboard(world: &mut World, call: &Call) -> Answer {
    let name = call.required("DashboardName", MISSING_PARAMETER)?;
    let body = call.required("DashboardBody", MISSING_PARAMETER)?;
    let tags = tags(call)?;
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if !(1..=255).contains(&name.len()) || !name.chars().all(allowed) {
        return Err(Refusal::new(
            INVALID_INPUT,
            format!(
                "The value {name} for field DashboardName contains invalid characters. It can only contain \
                 alphanumerics, dash (-) and underscore (_)."
            ),
        ));
    }
    let warnings = checked(body)?;
    let dashboards = &mut world.cloudwatch.dashboards;
    let count = dashboards.len();
    match dashboards.get_mut(name) {
        // Tags count when a dashboard is made only; later ones are ignored.
        Some(dashboard) => {
            dashboard.body = body.to_owned();
            dashboard.modified = call.now;
        }
        None if count >= DASHBOARDS_MAX => {
            let text = format!("The account has {DASHBOARDS_MAX} dashboards already");
            return Err(Refusal::new("LimitExceeded", text));
        }
        None => {
            let dashboard = Dashboard {
                body: body.to_owned(),
                modified: call.now,
                tags,
            };
            dashboards.insert(name.to_owned(), dashboard);
        }
    }
    let shown = |problem: &Problem| json!({ "DataPath": problem.path, "Message": problem.message });
    let warnings: Vec<Value> = warnings.iter().map(shown).collect();
    Ok(json!({ "DashboardValidationMessages": warnings }))
}

pub(super) fn get_dashboard(world: &World, call: &Call) -> Answer {
    let name = call.required("DashboardName", INVALID_VALUE)?;
    let dashboard = world
        .cloudwatch
        .dashboards
        .get(name)
        .ok_or_else(|| Refusal {
            code: "ResourceNotFound",
            message: format!("Dashboard {name} does not exist"),
            status: 404,
        })?;
    Ok(
        json!({ "DashboardName": name, "DashboardArn": arn(world, name), "DashboardBody": dashboard.body }),
    )
}

pub(super) fn list_dashboards(world: &World, call: &Call) -> Answer {
    let prefix = call
        .optional_text("DashboardNamePrefix")?
        .unwrap_or_default();
    let dashboards = &world.cloudwatch.dashboards;
    let entries = dashboards.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(name, dashboard)| {
        let entry = json!({
            "DashboardName": name, "DashboardArn": arn(world, name), "LastModified": timestamp(dashboard.modified),
            "Size": dashboard.body.len(),
        });
        (name.clone(), entry)
    });
    let page = Call::page(
        entries,
        call.optional_text("NextToken")?,
        PAGE,
        INVALID_VALUE,
    )?;
    Ok(json!({ "DashboardEntries": page.items, "NextToken": page.next }))
}

/// One that is not there is passed over: the operation deletes as many as it can, and its present model (botocore 1.44,
/// the Rust SDK 1.140) has no DashboardNotFoundError any more.
pub(super) fn delete_dashboards(world: &mut World, call: &Call) -> Answer {
    let names = call.optional_texts("DashboardNames")?;
    if !(1..=100).contains(&names.len()) {
        return Err(Refusal::new(
            INVALID_VALUE,
            "The parameter DashboardNames must have 1 to 100 members.",
        ));
    }
    for name in &names {
        world.cloudwatch.dashboards.remove(name);
    }
    Ok(json!({}))
}

struct Problem {
    path: String,
    message: String,
    fatal: bool,
}

/// What is odd about a body, or the refusal of a wrong one.
fn checked(body: &str) -> Result<Vec<Problem>, Refusal> {
    let parsed: Result<Value, _> = serde_json::from_str(body);
    let Ok(Value::Object(document)) = parsed else {
        return Err(Refusal::new(
            INVALID_INPUT,
            "The field DashboardBody must be a valid JSON object",
        ));
    };
    let mut problems = Vec::new();
    match document.get("widgets") {
        None => problems.push(fatal("", "Should have required property 'widgets'")),
        Some(Value::Array(widgets)) if widgets.len() > WIDGETS_MAX => {
            problems.push(fatal(
                "/widgets",
                &format!("Should NOT have more than {WIDGETS_MAX} items"),
            ));
        }
        Some(Value::Array(widgets)) => {
            for (at, widget) in widgets.iter().enumerate() {
                check_widget(&format!("/widgets/{at}"), widget, &mut problems);
            }
        }
        Some(_) => problems.push(fatal("/widgets", "Should be array")),
    }
    let fatal: Vec<Value> = problems
        .iter()
        .filter(|problem| problem.fatal)
        .map(|problem| json!({ "dataPath": problem.path, "message": problem.message }))
        .collect();
    if fatal.is_empty() {
        return Ok(problems);
    }
    // The form: https://zenn.dev/yamoto/scraps/1761eb7dce5004
    Err(Refusal::new(
        INVALID_INPUT,
        format!(
            "The dashboard body is invalid, there are {} validation errors:\n{}",
            fatal.len(),
            serde_json::to_string_pretty(&fatal).unwrap_or_default()
        ),
    ))
}

fn check_widget(path: &str, widget: &Value, problems: &mut Vec<Problem>) {
    if !widget.is_object() {
        problems.push(fatal(path, "Should be object"));
        return;
    }
    let Some(kind) = widget.get("type") else {
        problems.push(fatal(path, "Should have required property 'type'"));
        return;
    };
    for (member, max) in [
        ("x", COLUMNS - 1),
        ("y", u64::MAX),
        ("width", COLUMNS),
        ("height", HEIGHT_MAX),
    ] {
        if let Some(value) = widget.get(member)
            && value.as_u64().is_none_or(|value| value > max)
        {
            problems.push(fatal(
                &format!("{path}/{member}"),
                &format!("Should be integer, 0 to {max}"),
            ));
        }
    }
    let required: &[&str] = match kind.as_str() {
        Some("metric") => &["region"],
        Some("text") => &["markdown"],
        Some("log") => &["region", "query"],
        Some("alarm") => &["alarms"],
        Some("explorer") => &[],
        _ => {
            problems.push(fatal(
                &format!("{path}/type"),
                "Should be one of: alarm, explorer, log, metric, text",
            ));
            return;
        }
    };
    let inside = format!("{path}/properties");
    let Some(Value::Object(properties)) = widget.get("properties") else {
        problems.push(fatal(path, "Should have required property 'properties'"));
        return;
    };
    for member in required
        .iter()
        .filter(|member| !properties.contains_key(**member))
    {
        problems.push(fatal(
            &inside,
            &format!("Should have required property '{member}'"),
        ));
    }
    if kind == "metric" {
        check_metric(&inside, properties, problems);
    }
}

fn check_metric(
    path: &str,
    properties: &serde_json::Map<String, Value>,
    problems: &mut Vec<Problem>,
) {
    match properties.get("metrics") {
        // An alarm's graph has annotations instead.
        None if properties.contains_key("annotations") => {}
        None => problems.push(fatal(path, "Should have required property 'metrics'")),
        Some(Value::Array(rows)) => {
            for (at, row) in rows.iter().enumerate() {
                if row.as_array().is_none_or(Vec::is_empty) {
                    problems.push(fatal(
                        &format!("{path}/metrics/{at}"),
                        "Should be array, NOT with fewer than 1 items",
                    ));
                }
            }
        }
        Some(_) => problems.push(fatal(&format!("{path}/metrics"), "Should be array")),
    }
    if let Some(period) = properties.get("period")
        && !period.as_u64().is_some_and(|period| {
            [1, 5, 10, 20, 30].contains(&period) || (period >= 60 && period % 60 == 0)
        })
    {
        problems.push(fatal(
            &format!("{path}/period"),
            "Should be 1, 5, 10, 20, 30 or a multiple of 60",
        ));
    }
    if let Some(view) = properties.get("view")
        && !["timeSeries", "singleValue", "gauge", "bar", "pie", "table"]
            .iter()
            .any(|known| view == known)
    {
        problems.push(Problem {
            path: format!("{path}/view"),
            message: "Should be equal to one of the allowed values".to_owned(),
            fatal: false,
        });
    }
}

fn fatal(path: &str, message: &str) -> Problem {
    Problem {
        path: path.to_owned(),
        message: message.to_owned(),
        fatal: true,
    }
}
