//! What the documents list, compared in both directions with the source.

use crate::{between, prose, read, sources, spans};
use contracts::reconciler::controller::metrics::METRICS;
use contracts::reconciler::desired::desired;
use contracts::reconciler::explain;
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::policy;
use contracts::reconciler::spec::Spec;
use std::collections::BTreeSet;

type Set = BTreeSet<String>;

fn set<'t>(texts: impl IntoIterator<Item = &'t str>) -> Set {
    texts.into_iter().map(str::to_owned).collect()
}

/// Cells of the tables' rows, without the rule below a head.
fn rows(text: &str) -> Vec<Vec<String>> {
    let rows = text
        .lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("|-"));
    rows.map(|row| {
        let cells = row.trim_matches('|').split(" | ");
        cells.map(|cell| cell.trim().to_owned()).collect()
    })
    .collect()
}

fn is_code(text: &str) -> bool {
    text.contains('_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

#[test]
fn the_runbook_has_every_metric() {
    let table = contracts::telemetry::metrics::table::markdown();
    assert!(
        read("docs/runbook.md").contains(&table),
        "docs/runbook.md lacks this table:\n{table}"
    );
}

#[test]
fn the_api_reference_has_the_routes_of_the_source() {
    let source = read("src/api/route.rs");
    let table = between(&source, "pub const ROUTES", "\n];")[0].to_owned();
    let routes: Set = table
        .lines()
        .filter_map(|line| {
            let path = line.split('"').rev().nth(1)?;
            let method = if line.contains("\"POST\"") {
                "POST"
            } else {
                "GET"
            };
            Some(format!("{method} {path}"))
        })
        .collect();
    let text = read("docs/api.md");
    let documented: Set = spans(&prose(&text))
        .filter(|span| span.starts_with("GET /") || span.starts_with("POST /"))
        .map(str::to_owned)
        .collect();
    assert_eq!(documented, routes);
}

#[test]
fn the_api_reference_has_the_error_codes_of_the_source() {
    // Everything that is written like a code in the two files that make errors; settings are not named there.
    let made = |file| {
        let text = read(file);
        let code = text.split("\nmod tests").next().unwrap().to_owned();
        set(code
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|text| is_code(text)))
    };
    let text = read("docs/api.md");
    let (failures, errors) = text.split_once("\n## Errors\n").unwrap();
    let documented = |text: &str| -> Set {
        let cells = rows(text)
            .into_iter()
            .filter_map(|row| row.into_iter().next());
        let codes = cells.map(|cell| cell.trim_matches('`').to_owned());
        codes.filter(|code| is_code(code)).collect()
    };
    assert_eq!(documented(errors), made("src/api/error.rs"));
    assert_eq!(documented(failures), made("src/api/view.rs"));
}

#[test]
fn the_api_reference_has_the_statuses_of_the_source() {
    let source = read("src/deployment/state.rs");
    let progress = between(&source, "pub fn progress(", "pub fn name(")[0];
    let made: Set = between(progress, "(\"", "\")")
        .into_iter()
        .map(|tuple| tuple.replace("\", ", " | ").replace(", \"", " | "))
        .collect();
    let documented: Set = rows(&read("docs/api.md"))
        .into_iter()
        .filter(|row| row.len() == 4 && row[1].parse::<u8>().is_ok())
        .map(|row| format!("{} | {} | {}", row[0].trim_matches('`'), row[1], row[2]))
        .collect();
    assert_eq!(documented, made);
}

#[test]
fn the_runbook_has_a_section_for_every_alarm_and_none_for_others() {
    let file = "manifests/development.yaml";
    let manifest = Manifest::parse(file, &read(file)).unwrap();
    let resources = desired(&Spec::believe(&manifest).unwrap());
    let alarms = resources.alarms.into_iter();
    let described = alarms.map(|(name, alarm)| (name, alarm.description));
    let composites = resources.composite_alarms.into_iter();
    let described: Vec<_> = described
        .chain(composites.map(|(name, alarm)| (name, alarm.description)))
        .collect();
    let mut linked = Set::new();
    for (name, description) in described {
        let (words, section) = description.split_once(" Then: docs/runbook.md#").unwrap();
        assert!(
            words.contains(" First: ") && description.len() <= 1024,
            "{name}: {description}"
        );
        assert!(name.contains(section), "{name} sends one to {section}");
        linked.insert(section.to_owned());
    }
    let text = read("docs/runbook.md");
    let section = text.split_once("\n## Alarms\n").unwrap().1;
    let headings = section.lines().filter_map(|line| line.strip_prefix("### "));
    assert_eq!(set(headings), linked);
}

#[test]
fn the_rights_of_the_deployment_guide_are_those_reconciler_policy_prints() {
    let text = read("docs/deployment.md");
    let printed: serde_json::Value =
        serde_json::from_str(between(&text, "```json\n", "```")[0]).unwrap();
    let manifest = Manifest::parse("m.yaml", &read("manifests/development.yaml")).unwrap();
    let spec = Spec::believe(&manifest).unwrap();
    assert_eq!(
        printed,
        policy::policy(&[&spec]),
        "make generate rewrites it"
    );
}

#[test]
fn the_metrics_of_the_loop_are_those_it_serves() {
    let text = read("docs/deployment.md");
    let (_, section) = text.split_once("\n## The loop\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let documented = rows(section).into_iter();
    let documented: Vec<_> = documented
        .filter(|row| row[0].starts_with("`reconciler_"))
        .map(|row| (row[0].trim_matches('`').to_owned(), row[2].clone()))
        .collect();
    let served = METRICS
        .map(|(name, kind, meaning)| (name.to_owned(), format!("{}: {meaning}", kind.word())));
    assert_eq!(documented, served);
}

#[test]
fn the_fields_of_the_manifest_document_are_those_of_the_reading() {
    let text = read("docs/manifest.md");
    let table = between(
        &text,
        "<!-- fields: generated by make generate -->\n",
        "<!-- /fields -->",
    );
    assert_eq!(
        table[0],
        explain::markdown(&Spec::fields()),
        "make generate rewrites it"
    );
}

/// Every call of the source has its right, and every right its call.
#[test]
fn the_rights_of_the_policy_are_the_calls_of_the_source() {
    let operation = |text: &&str| {
        text.split_once(':').is_some_and(|(service, name)| {
            let letters = |text: &str| {
                text.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            };
            service.len() > 2
                && letters(service)
                && name.starts_with(|letter: char| letter.is_ascii_uppercase())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    };
    let code = sources("src/reconciler/aws")
        + &read("src/reconciler/aws.rs")
        + &read("src/reconciler/plan/call.rs");
    let mut called = set(code.split('"').filter(operation));
    // Allowed whatever a policy says.
    assert!(called.remove("sts:GetCallerIdentity"));
    // AWS asks for these when a resource is made with tags, or with a role for ECS.
    let implied = set([
        "cloudwatch:TagResource",
        "ecs:TagResource",
        "elasticloadbalancing:AddTags",
        "iam:PassRole",
        "iam:TagRole",
        "logs:TagResource",
        "servicediscovery:TagResource",
        "sns:TagResource",
    ]);
    let granted = set(policy::rights().map(|right| right.action));
    assert!(called.len() > 40, "{called:?}");
    assert_eq!(granted, &called | &implied);
}

/// What the reconciler calls the reasons of a failure, and a row for each.
#[test]
fn every_cause_that_is_named_has_its_row() {
    let text = read("docs/troubleshooting.md");
    for (file, section) in [
        ("src/reconciler/diagnosis/cause.rs", "### Causes\n"),
        ("src/reconciler/proof.rs", "### Not proved\n"),
    ] {
        let source = read(file);
        let name = between(&source, "pub fn name(&self)", "\n    }\n")[0];
        let named = set(between(name, "=> \"", "\""));
        let table = text.split_once(section).unwrap().1;
        let table = table.split("\n##").next().unwrap();
        let first = rows(table).into_iter().map(|row| row[0].clone());
        let first: Vec<String> = first.filter(|cell| is_quoted(cell)).collect();
        let documented = set(first.iter().flat_map(|cell| spans(cell)));
        assert_eq!(documented, named, "{file}");
        assert!(named.len() > 5, "{file}");
    }
}

fn is_quoted(cell: &str) -> bool {
    cell.starts_with('`')
}

/// First cells of the tables that quote what a program prints; `…` is what differs, and an error's sources follow its colons.
#[test]
fn quoted_texts_are_in_the_source() {
    let source = sources("src") + &read("scripts/local/environment.py") + &read("scripts/docs.py");
    // Literals are broken over lines in the source, and documents have neither the quotes nor the escapes.
    let words: Vec<_> = source
        .split_whitespace()
        .filter(|word| *word != "\\")
        .collect();
    let source = words.join(" ");
    // Said by AWS and the operating system.
    let foreign = [
        "AccessDenied",
        "UnauthorizedOperation",
        "Address already in use",
        "make ",
        "contracts-api ",
    ];
    let mut held = 0;
    for (file, column) in [("docs/troubleshooting.md", 0), ("docs/runbook.md", 1)] {
        for row in rows(&prose(&read(file))) {
            let Some(cell) = row.get(column) else {
                continue;
            };
            for span in spans(cell).filter(|span| !foreign.iter().any(|word| span.contains(word))) {
                let parts = span.replace(": ", "…").replace('=', "…");
                for part in parts
                    .split('…')
                    .map(str::trim)
                    .filter(|part| part.len() > 3)
                {
                    assert!(
                        source.contains(part),
                        "{file}: {part:?} of {span:?} is nowhere in the source"
                    );
                    held += 1;
                }
            }
        }
    }
    assert!(held > 40, "{held}");
}
