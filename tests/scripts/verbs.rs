//! The verbs about what is published, as programs see them: exit codes, and the members of their JSON.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{MANIFEST, Ran, UNIT, WELL, World, commit};

const AUTHOR: [&str; 2] = ["--author", "alice"];

impl World {
    /// A verb with JSON for a program; gives the exit code and what was printed, a document each.
    fn asked(&self, arguments: &[&str]) -> (i32, Vec<Value>) {
        let ran = self.reconciler(&[arguments, &["--output", "json"]].concat());
        (ran.code, ran.json())
    }

    /// The one document of a verb that succeeds.
    fn told(&self, arguments: &[&str]) -> Value {
        let (code, mut documents) = self.asked(arguments);
        assert_eq!((code, documents.len()), (0, 1), "{arguments:?}");
        documents.remove(0)
    }

    /// Lines are kept so long from now on: a change that replaces no task.
    fn retention(&self, days: u32) -> String {
        let path = self.work().join(MANIFEST);
        let manifest = std::fs::read_to_string(&path).unwrap();
        let (before, after) = manifest.split_once("retentionDays: ").unwrap();
        let (_, after) = after.split_once('\n').unwrap();
        std::fs::write(path, format!("{before}retentionDays: {days}\n{after}")).unwrap();
        commit(&self.work(), &format!("manifests: {days} days"))
    }
}

/// The members of an object, in their order.
fn members(value: &Value) -> Vec<&str> {
    let members = value.as_object().unwrap();
    members.keys().map(String::as_str).collect()
}

fn last(documents: &[Value]) -> &Value {
    documents.last().unwrap()
}

#[test]
fn what_was_published_is_listed_compared_rolled_back_to_and_paused() {
    let world = World::start(WELL);
    // Before anything is published.
    let rows: [(&[&str], i32); 9] = [
        (&["status", MANIFEST], 0),
        (&["status", UNIT], 1),
        (&["history", UNIT], 0),
        (&["history", UNIT, "--manifest", "1"], 1),
        (&["diff", MANIFEST], 1),
        (&["rollback", MANIFEST, "--yes"], 1),
        (&["continue", MANIFEST], 1),
        (&["status", UNIT, "--set", "image.tag=1"], 64),
        (&["pause"], 64),
    ];
    for (arguments, expected) in rows {
        assert_eq!(world.asked(arguments).0, expected, "{arguments:?}");
    }
    assert_eq!(
        world.told(&["history", UNIT]),
        json!({ "unit": UNIT, "paused": null, "publications": [], "unpublished": [] })
    );

    // Three publications, of a commit each.
    let settled = json!({ "outcome": "settled" });
    let mut commits = Vec::new();
    for days in [30, 90, 180] {
        commits.push(match days {
            30 => crate::git(&world.work(), &["rev-parse", "HEAD"]),
            days => world.retention(days),
        });
        let (code, events) = world.asked(&[&["reconcile", MANIFEST], &AUTHOR[..]].concat());
        assert_eq!((code, last(&events)), (0, &settled));
    }

    let history = world.told(&["history", UNIT]);
    let listed = history["publications"].as_array().unwrap();
    for (publication, number) in listed.iter().zip([3, 2, 1]) {
        assert_eq!(
            members(publication),
            [
                "at",
                "author",
                "cause",
                "commit",
                "inForce",
                "number",
                "rolledBackBy",
                "stable",
                "transitions"
            ]
        );
        assert_eq!(publication["number"], number);
        assert_eq!(publication["commit"], json!(commits[number - 1]));
        assert_eq!(publication["author"], "alice");
        assert_eq!(publication["cause"], "reconcile");
        assert_eq!(publication["inForce"], number == 3);
        assert_eq!(publication["stable"], true);
    }
    let transition = &listed[2]["transitions"][0];
    assert_eq!(
        members(transition),
        ["at", "condition", "holds", "publication", "reason"]
    );
    let when = listed[1]["at"].as_str().unwrap();
    let day = &when[..10];
    // By number, by commit, by a time at or after it; a day means its beginning, and nothing was published before.
    for (at, code, days) in [
        ("2", 0, "90"),
        (&commits[1], 0, "90"),
        (&commits[1][..7], 0, "90"),
        (when, 0, "90"),
        (day, 1, ""),
        ("4", 1, ""),
        ("nonsense", 1, ""),
    ] {
        let ran = world.reconciler(&["history", UNIT, "--manifest", at]);
        assert_eq!(ran.code, code, "{at}");
        let kept = format!("retentionDays: {days}\n");
        assert_eq!(
            ran.stdout.contains(&kept),
            code == 0,
            "{at}: {}",
            ran.stdout
        );
    }

    let change =
        |from: u32, to: u32| json!([{ "path": "spec.logs.retentionDays", "from": from, "to": to }]);
    for (arguments, from, to, days) in [
        (&["1", "2"][..], 1, 2, (30, 90)),
        (&[&commits[2][..7], "1"], 3, 1, (180, 30)),
        (&[when], 2, 3, (90, 180)),
    ] {
        let diff = world.told(&[&["diff", UNIT], arguments].concat());
        let expected = json!({
            "unit": UNIT, "from": format!("publication {from}"), "to": format!("publication {to}"),
            "changes": change(days.0, days.1),
        });
        assert_eq!(diff, expected, "{arguments:?}");
    }
    world.retention(365);
    let diff = world.told(&["diff", MANIFEST]);
    assert_eq!(
        (&diff["to"], &diff["changes"]),
        (&json!("the manifest"), &change(180, 365))
    );

    let status = world.told(&["status", UNIT]);
    assert_eq!(
        members(&status),
        ["conditions", "paused", "published", "runs", "unit"]
    );
    assert_eq!(status["published"]["number"], 3);
    assert_eq!(
        members(&status["runs"]),
        ["desired", "healthy", "image", "revision", "running"]
    );
    assert_eq!(
        members(&status["conditions"]),
        ["Applied", "Degraded", "NotConverging", "Stable"]
    );
    for (name, holds) in [("Applied", true), ("Stable", true), ("Degraded", false)] {
        let condition = &status["conditions"][name];
        assert_eq!(members(condition), ["holds", "reason", "since"]);
        assert_eq!(condition["holds"], holds, "{name}");
    }

    let pause = [&["pause", UNIT, "--reason", "incident-12"], &AUTHOR[..]].concat();
    assert_eq!(world.told(&pause), json!({ "unit": UNIT, "paused": true }));
    let paused = world.told(&["status", UNIT])["paused"].clone();
    assert_eq!(members(&paused), ["at", "by", "reason"]);
    assert_eq!(
        (&paused["by"], &paused["reason"]),
        (&json!("alice"), &json!("incident-12"))
    );
    assert_eq!(world.told(&["history", UNIT])["paused"], paused);
    for refused in [&["reconcile", MANIFEST][..], &["rollback", UNIT, "--yes"]] {
        assert_eq!(world.asked(refused).0, 1, "{refused:?} while it is paused");
    }
    let resumed = json!({ "unit": UNIT, "paused": false });
    assert_eq!(world.told(&["resume", UNIT]), resumed);
    assert_eq!(world.told(&["resume", UNIT]), resumed, "again");

    // Each form of --to; the last would be where it is already.
    for (to, from, back, code) in [
        ("1", 3, 1, 0),
        (commits[1].as_str(), 4, 2, 0),
        (listed[2]["at"].as_str().unwrap(), 5, 1, 0),
        ("1", 0, 0, 1),
        ("99", 0, 0, 1),
        ("nonsense", 0, 0, 1),
    ] {
        let (ended, events) =
            world.asked(&["rollback", UNIT, "--yes", "--to", to, "--reason", "5xx"]);
        assert_eq!(ended, code, "{to}: {events:?}");
        if code == 0 {
            let first = &events[0];
            assert_eq!(members(first), ["changes", "event", "from", "to"]);
            assert_eq!(
                (&first["from"], &first["to"]),
                (&json!(from), &json!(back)),
                "{to}"
            );
            assert_eq!(last(&events), &settled, "{to}");
        }
    }
    assert_eq!(
        world.asked(&["rollback", UNIT, "--to", "3"]).0,
        64,
        "nobody is there to confirm it"
    );
    let history = world.told(&["history", UNIT]);
    let newest = &history["publications"][0];
    assert_eq!(
        (
            &newest["number"],
            &newest["cause"],
            &newest["to"],
            &newest["automatic"],
            &newest["reason"]
        ),
        (
            &json!(6),
            &json!("rollBack"),
            &json!(1),
            &json!(false),
            &json!("5xx")
        )
    );
}

/// `continue` has something to answer only while ECS holds a rollout.
#[test]
fn a_held_rollout_is_answered_by_a_person() {
    let world = World::start(WELL);
    let manifest = |hooks: &str, level: &str| {
        let overlay = format!(
            "base: development.yaml\nspec:\n  task: {{environment: {{LOG_LEVEL: {level}}}}}\n  alarms: {{stopRollout: false}}\n  rollout: {{strategy: blueGreen, bakeMinutes: 1{hooks}}}\n"
        );
        std::fs::write(world.work().join("manifests/held.yaml"), overlay).unwrap();
    };
    const HELD: &str = "manifests/held.yaml";
    manifest("", "info");
    assert_eq!(world.reconciler(&["reconcile", HELD]).code, 0);
    let (code, _) = world.asked(&["continue", HELD]);
    assert_eq!(code, 1, "nothing waits for a person");

    for (level, back, ends) in [("debug", false, 0), ("warn", true, 3)] {
        manifest(", hooks: [{at: [postScaleUp], timeoutMinutes: 60}]", level);
        let mut command = Command::new(env!("CARGO_BIN_EXE_reconciler"));
        command
            .args(["reconcile", HELD])
            .current_dir(world.work())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let reconcile = world.in_account(&mut command).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(120);
        let arguments: &[&str] = match back {
            true => &["continue", HELD, "--rollback"],
            false => &["continue", HELD],
        };
        let answered = loop {
            match world.asked(arguments) {
                (0, documents) => break documents[0].clone(),
                (code, _) => assert_eq!(code, 1),
            }
            assert!(Instant::now() < deadline, "nothing was held");
            std::thread::sleep(Duration::from_millis(100));
        };
        assert_eq!(members(&answered), ["answered", "rollback", "stage"]);
        assert_eq!(answered["stage"], "POST_SCALE_UP");
        assert_eq!(answered["rollback"], back);
        let ran = Ran::of(reconcile.wait_with_output().unwrap());
        assert_eq!(ran.code, ends, "{}", ran.all());
    }
}
