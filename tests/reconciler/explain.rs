//! Fields, explained.

use contracts::reconciler::explain::{page, tree};
use contracts::reconciler::spec::Spec;

use crate::golden;

#[test]
fn the_tree_and_pages_of_fields_are_as_they_were() {
    let fields = Spec::fields();
    let pages = [
        "scaling.max",
        "spec.scaling",
        "task.secrets",
        "image",
        "logs.retentionDays",
        "kind",
    ];
    let mut all = format!("$ reconciler explain\n{}", tree(&fields));
    for path in pages {
        all += &format!(
            "\n$ reconciler explain {path}\n{}",
            page(&fields, path).unwrap()
        );
    }
    golden::check("explain.txt", &all);
}

#[test]
fn every_field_has_its_page_and_an_unknown_one_its_nearest() {
    let fields = Spec::fields();
    for field in &fields {
        let text = page(&fields, &field.path).unwrap();
        assert!(text.starts_with(&format!("{}\n", field.path)), "{text}");
        assert!(!text.contains("anything"), "{text}");
    }
    for (path, near) in [
        ("scaling.maks", "spec.scaling.max"),
        ("spec.imgae", "spec.image"),
    ] {
        let unknown = page(&fields, path).unwrap_err();
        assert!(
            unknown.contains(&format!("the nearest is {near}\n")),
            "{unknown}"
        );
    }
}
