//! The table of the normal form, held against the types.

use std::collections::BTreeSet;

use contracts::reconciler::normal::{Owner, TABLE, row};
use contracts::reconciler::resource::Resources;
use contracts::reconciler::spec::Spec;
use serde_json::Value;

use crate::leaves::leaves;

#[test]
fn every_field_of_a_unit_has_a_row_and_every_row_of_ours_is_a_field() {
    let (fields, _) = leaves::<Resources>();
    let ours = |row: &&contracts::reconciler::normal::Row| row.owner == Owner::Manifest;
    // A name before a `*` (`environment.PORT`) is a row of its own, not a field of its own.
    let rows: BTreeSet<String> = TABLE
        .iter()
        .filter(ours)
        .map(|row| row.path.into())
        .collect();
    let without: Vec<_> = fields.difference(&rows).collect();
    assert!(
        without.is_empty(),
        "fields without a row in src/reconciler/normal/table.rs: {without:#?}"
    );
    let special =
        |path: &&String| !row(&general(path)).is_some_and(|row| fields.contains(row.path));
    let without: Vec<_> = rows.difference(&fields).filter(special).collect();
    assert!(
        without.is_empty(),
        "rows of the manifest's that are no field of a type (another's field is not Owner::Manifest): {without:#?}"
    );
    let unmanaged = TABLE.iter().filter(|row| row.owner != Owner::Manifest);
    let both: Vec<_> = unmanaged.filter(|row| fields.contains(row.path)).collect();
    assert!(
        both.is_empty(),
        "fields of a type that are not the manifest's: {both:#?}"
    );
}

/// A path with its last part open.
fn general(path: &str) -> String {
    let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
    format!("{parent}.*")
}

#[test]
fn no_path_stands_twice_and_every_row_has_a_source() {
    let paths: BTreeSet<_> = TABLE.iter().map(|row| row.path).collect();
    assert_eq!(paths.len(), TABLE.len());
    for row in TABLE {
        assert!(
            row.source.starts_with("https://docs.aws.amazon.com/"),
            "{row:?}"
        );
    }
}

/// What is never written out is never compared either: a change of it would go unseen.
#[test]
fn no_field_is_left_out_when_a_unit_is_written_out() {
    let (fields, values) = leaves::<Resources>();
    let mut written = BTreeSet::new();
    for value in values {
        collect("", &serde_json::to_value(value).unwrap(), &mut written);
    }
    let missing: Vec<_> = fields.difference(&written).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

fn collect(path: &str, value: &Value, paths: &mut BTreeSet<String>) {
    let Value::Object(members) = value else {
        paths.insert(path.to_owned());
        return;
    };
    for (name, member) in members {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        collect(&path, member, paths);
    }
}

/// The fields that a row says ask for it are fields of the manifest.
#[test]
fn every_manifest_field_of_a_row_is_one_the_reading_asks_for() {
    let fields: BTreeSet<String> = Spec::fields().into_iter().map(|field| field.path).collect();
    let known = |ask: &&str| fields.contains(ask.trim_end_matches(".*"));
    let asks: BTreeSet<_> = TABLE.iter().flat_map(|row| row.asks).copied().collect();
    let strangers: Vec<_> = asks.into_iter().filter(|ask| !known(ask)).collect();
    assert!(strangers.is_empty(), "{strangers:#?}");
}
