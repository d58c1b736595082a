use super::*;

const INDEX: &str = "sha256:aa";
const PART: &str = "sha256:bb";
const COMMIT: &str = "0123456789ab";

fn wanted(commits: &[&str]) -> Wanted {
    Wanted {
        unit: "contracts".to_owned(),
        url: "https://contracts.example/health".to_owned(),
        revision: "task:2".to_owned(),
        digests: [INDEX, PART].map(str::to_owned).into(),
        commits: commits.iter().map(|&commit| commit.to_owned()).collect(),
    }
}

fn task(id: &str, revision: &str, digest: Option<&str>) -> Task {
    Task {
        id: id.to_owned(),
        revision: revision.to_owned(),
        digest: digest.map(str::to_owned),
    }
}

fn judged(commits: &[&str], tasks: &[Task], answers: &[(u16, &str)]) -> String {
    let answer = |&(status, body): &(u16, &str)| {
        Ok(Answer {
            status,
            body: body.to_owned(),
        })
    };
    let answers: Vec<_> = answers.iter().map(answer).collect();
    match judge(&wanted(commits), tasks, &answers) {
        Ok(proof) => proof.commit.unwrap_or("by its digest alone".to_owned()),
        Err(doubt) => doubt.name().to_owned(),
    }
}

#[test]
fn tasks_are_held_to_the_revision_and_the_digest() {
    let (new, old) = (
        task("a", "task:2", Some(PART)),
        task("b", "task:1", Some(PART)),
    );
    let rows = [
        (vec![], "no task runs"),
        (vec![new.clone()], "by its digest alone"),
        (
            vec![new.clone(), task("b", "task:2", Some(INDEX))],
            "by its digest alone",
        ),
        (vec![new.clone(), old], "another revision runs"),
        (
            vec![new.clone(), task("b", "task:2", Some("sha256:cc"))],
            "another image runs",
        ),
        (vec![new, task("b", "task:2", None)], "another image runs"),
    ];
    for (tasks, want) in rows {
        assert_eq!(judged(&[], &tasks, &[]), want, "{tasks:?}");
    }
}

#[test]
fn answers_are_held_to_the_unit_and_the_commit() {
    let whole = "0123456789abcdef0123456789abcdef01234567";
    let ours = |commit: &str| format!(r#"{{"service":"contracts","gitSha":"{commit}"}}"#);
    let fastapi = r#"{"status":"healthy"}"#;
    let (right, other) = (ours(whole), ours("fedcba9876543210"));
    let anonymous = format!(r#"{{"version":"0.1.0","gitSha":"{whole}"}}"#);
    let stranger = format!(r#"{{"service":"reconciler","gitSha":"{whole}"}}"#);
    type Row<'a> = (&'a [&'a str], &'a [(u16, &'a str)], &'a str);
    let rows: [Row<'_>; 16] = [
        (&[COMMIT], &[(200, &right), (200, &right)], whole),
        (&[COMMIT], &[(200, &ours(COMMIT))], COMMIT),
        (&["fedcba9", COMMIT], &[(200, &right)], whole),
        // A build from before the answer had `service`.
        (&[COMMIT], &[(200, &anonymous)], whole),
        (
            &[COMMIT],
            &[(200, &right), (200, &other)],
            "another build answers",
        ),
        (&[COMMIT], &[(200, &ours("0"))], "another build answers"),
        (
            &[COMMIT],
            &[(200, &ours("unknown"))],
            "another build answers",
        ),
        (&[COMMIT], &[(200, &stranger)], "another service answers"),
        (&[COMMIT], &[(200, fastapi)], "another service answers"),
        (&[COMMIT], &[(200, "<html>")], "another service answers"),
        (&[COMMIT], &[(503, &right)], "host refuses"),
        (&[COMMIT], &[(301, "")], "host refuses"),
        (&[], &[(200, &right)], "by its digest alone"),
        (
            &[],
            &[(200, r#"{"service":"contracts"}"#)],
            "by its digest alone",
        ),
        (&[], &[(200, &anonymous)], "another service answers"),
        (&[], &[(200, fastapi)], "another service answers"),
    ];
    for (commits, answers, want) in rows {
        let tasks = [task("a", "task:2", Some(PART))];
        assert_eq!(
            judged(commits, &tasks, answers),
            want,
            "{commits:?} {answers:?}"
        );
    }
}

#[test]
fn a_commit_is_what_follows_the_version_in_a_tag() {
    let tags = [
        "0.1.0",
        "0.1.0-0123456789ab",
        "latest",
        "development-20250910",
        "1.2.3-rc1",
        "1.2.3-0123",
        "2.0.0-0123456789abcdef0123456789abcdef01234567",
    ];
    let found = commits(tags.into_iter());
    let want = ["0123456789ab", "0123456789abcdef0123456789abcdef01234567"];
    assert!(found.iter().eq(want), "{found:?}");
}

#[test]
fn what_is_told_of_a_strangers_answer_is_short_and_masked() {
    let long = format!("password=hunter2hunter2 {}", "x".repeat(1_000));
    let wanted = wanted(&[]);
    let answer = Answer {
        status: 200,
        body: long,
    };
    let doubt = identified(&wanted, &answer).unwrap_err().to_string();
    assert!(!doubt.contains("hunter2"), "{doubt}");
    assert!(doubt.len() < 500, "{doubt}");
}
