//! Which headers name whom, and which lists are believed.

use super::*;
use crate::api::rate_limit::Bucket;

/// 2026-01-01, between the two expiries below.
const NOW: u64 = 1_767_225_600_000;

fn keys() -> ApiKeys {
    let list = [
        entry("frontend", b"key-one"),
        entry("backend", b"key-two"),
        format!(
            "{};owner=backend;scopes=read",
            entry("backend-2", b"key-2b")
        ),
        format!(
            "{};expires=2025-12-31T00:00:00Z",
            entry("past", b"key-past")
        ),
        format!(
            "{};expires=2026-01-02T00:00:00Z",
            entry("soon", b"key-soon")
        ),
        "a-key-in-plain-text".into(),
    ];
    ApiKeys::parse(&list.join(", ")).unwrap()
}

fn asked(headers: &[(&'static str, &'static str)]) -> Result<Caller, Refused> {
    let header = |(name, value): &(&'static str, &'static str)| {
        let name = http::HeaderName::from_static(name);
        (name, value.parse().unwrap())
    };
    keys().caller(&headers.iter().map(header).collect(), NOW)
}

fn caller(headers: &[(&'static str, &'static str)]) -> Result<String, Refused> {
    asked(headers).map(|caller| caller.name)
}

#[test]
fn a_configured_key_names_its_caller_in_either_header() {
    for headers in [
        &[("x-api-key", "key-one")][..],
        &[("authorization", "Bearer key-one")],
        &[("authorization", "bearer key-one")],
        &[("x-api-key", "key-one"), ("authorization", "Bearer no")],
    ] {
        assert_eq!(caller(headers), Ok("frontend".into()));
    }
}

#[test]
fn anything_else_names_nobody() {
    assert_eq!(caller(&[]), Err(Refused::Absent));
    for headers in [
        &[("x-api-key", "key-three")][..],
        &[("x-api-key", "")],
        &[("x-api-key", "key-one"), ("x-api-key", "key-two")],
        &[("x-api-key", "no"), ("authorization", "Bearer key-two")],
        &[("authorization", "Bearer any-token")],
        &[("authorization", "Bearer ")],
        &[("authorization", "Basic a2V5LW9uZQ==")],
        &[("authorization", "key-one")],
    ] {
        assert_eq!(caller(headers), Err(Refused::Wrong), "{headers:?}");
    }
}

#[test]
fn two_keys_of_an_owner_are_one_caller_with_a_scope_each() {
    let (old, new) = (
        asked(&[("x-api-key", "key-two")]).unwrap(),
        asked(&[("x-api-key", "key-2b")]).unwrap(),
    );
    assert_eq!(
        (&old.name, &new.name),
        (&"backend".into(), &"backend".into())
    );
    assert_ne!(old.key, new.key);
    assert!(old.may(Scope::Deploy) && old.may(Scope::Read) && !old.may(Scope::Admin));
    assert!(!new.may(Scope::Deploy) && new.may(Scope::Read));
    assert!(old.sees("backend") && !old.sees("frontend"));
    let admin = format!("{};scopes=admin", entry("root", b"k"));
    let admin = ApiKeys::parse(&admin).unwrap();
    let headers = HeaderMap::from_iter([(
        http::HeaderName::from_static("x-api-key"),
        "k".parse().unwrap(),
    )]);
    let admin = admin.caller(&headers, NOW).unwrap();
    assert!(admin.may(Scope::Deploy) && admin.may(Scope::Read) && admin.sees("frontend"));
}

#[test]
fn a_key_ends_at_its_time() {
    assert_eq!(caller(&[("x-api-key", "key-past")]), Err(Refused::Expired));
    assert_eq!(caller(&[("x-api-key", "key-soon")]), Ok("soon".into()));
}

#[test]
fn a_key_in_plain_text_is_hashed_and_known_by_its_digest() {
    let caller = asked(&[("x-api-key", "a-key-in-plain-text")]).unwrap();
    let digest = hex::encode(digest_of(b"a-key-in-plain-text"));
    assert_eq!(caller.key, format!("plain-{}", &digest[..8]));
    assert_eq!(keys().plain(), 1);
    assert!(!format!("{:?}", keys()).contains("a-key-in"));
}

#[test]
fn every_stored_hash_is_compared_whichever_matches() {
    let keys = keys();
    let stored: Vec<[u8; 32]> = keys.0.iter().map(|key| key.digest).collect();
    for wanted in stored.iter().chain(&[[7; 32]]) {
        let mut compared = Vec::new();
        let found = keys.matching(|digest| {
            compared.push(*digest);
            digest.ct_eq(wanted)
        });
        assert_eq!(compared, stored, "each once, in order, to the end");
        let position = stored.iter().position(|digest| digest == wanted);
        assert_eq!(found.map(|key| key.digest), position.map(|_| *wanted));
    }
}

#[test]
fn options_say_whose_what_for_how_much_and_until_when() {
    let entry = format!(
        "{};owner=web;scopes=deploy;deploy=20/1;read=100/20;deployments-per-day=50;gas-per-day=200000000",
        entry("web-2", b"k")
    );
    let keys = ApiKeys::parse(&entry).unwrap();
    let ApiKey {
        id,
        owner,
        digest: _,
        scopes,
        limited,
        expires_ms,
        is_plain,
    } = &keys.0[0];
    assert_eq!((id.as_str(), owner.as_str()), ("web-2", "web"));
    assert_eq!(scopes, &[Scope::Deploy]);
    let bucket = |burst, per_second| Some(Bucket { burst, per_second });
    let expected = Limited {
        deploy: bucket(20, 1),
        read: bucket(100, 20),
        deployments_per_day: Some(50),
        gas_per_day: Some(200_000_000),
    };
    assert_eq!(*limited, expected);
    assert_eq!((*expires_ms, *is_plain), (None, false));
}

#[test]
fn a_list_with_a_mistake_is_refused_by_entry_number() {
    let (digest, other) = ("0".repeat(64), "1".repeat(64));
    let many = |count: usize| {
        let entries: Vec<_> = (0..count).map(|n| format!("k{n}:{n:064x}")).collect();
        entries.join(",")
    };
    assert!(ApiKeys::parse(&many(100)).is_ok());
    for (text, problem) in [
        (String::new(), KeysProblem::Entry(1)),
        (format!("a:{digest},too-short"), KeysProblem::Entry(2)),
        ("a key with spaces in it".into(), KeysProblem::Entry(1)),
        ("a:0123".into(), KeysProblem::Entry(1)),
        (format!("A:{digest}"), KeysProblem::Name(1)),
        (format!(":{digest}"), KeysProblem::Name(1)),
        (format!("a:{digest};owner="), KeysProblem::Name(1)),
        (format!("a:{digest},a:{other}"), KeysProblem::Repeated(2)),
        (format!("a:{digest},b:{digest}"), KeysProblem::Repeated(2)),
        (format!("a:{digest},"), KeysProblem::Entry(2)),
        (format!("a:{digest};"), KeysProblem::Option(1)),
        (format!("a:{digest};scopes=write"), KeysProblem::Option(1)),
        (format!("a:{digest};scopes="), KeysProblem::Option(1)),
        (
            format!("a:{digest};expires=tomorrow"),
            KeysProblem::Option(1),
        ),
        (format!("a:{digest};deploy=0/1"), KeysProblem::Option(1)),
        (format!("a:{digest};deploy=5"), KeysProblem::Option(1)),
        (format!("a:{digest};colour=red"), KeysProblem::Option(1)),
        (
            format!("a:{digest};owner=x;owner=y"),
            KeysProblem::Option(1),
        ),
        (many(101), KeysProblem::TooMany),
    ] {
        assert_eq!(ApiKeys::parse(&text).unwrap_err(), [problem], "{text}");
    }
    let both = ApiKeys::parse(&format!("short,a:{digest},B:{other}"));
    let all = [KeysProblem::Entry(1), KeysProblem::Name(3)];
    assert_eq!(both.unwrap_err(), all, "all of them at once");
}
