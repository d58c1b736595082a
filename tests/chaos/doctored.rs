//! The checker is checked: sound evidence passes, and each way of spoiling it is noticed under its invariant.

use crate::audit::{Granted, audit};
use crate::evidence::{Accepted, Answer, Evidence, Record, Token, Transaction, Webhook, hash_of};
use crate::support::api::KEY;

const MODELS: [&str; 3] = ["model-0", "model-1", "model-2"];

fn id(number: usize) -> String {
    format!("id-{number}")
}

fn transaction(number: usize) -> Transaction {
    Transaction {
        hash: format!("0x{number}"),
        nonce: number as u64,
        model: Some(MODELS[number].into()),
        succeeded: true,
    }
}

fn answer(number: usize) -> Answer {
    Answer {
        status: "deployed".into(),
        code: None,
        token: Some(format!("0xt{number}")),
        transaction: Some(format!("0x{number}")),
    }
}

fn webhook(number: usize, change: u32) -> Webhook {
    Webhook {
        id: format!("{}_{change}_{}", id(number), 100 + change),
        body: format!("change {change}"),
        taken: true,
    }
}

/// Three models, three tokens, nothing wrong.
fn sound() -> Evidence {
    let mut evidence = Evidence {
        listener: "frontend".into(),
        ..Evidence::default()
    };
    for (number, model) in MODELS.iter().enumerate() {
        let key = Some(format!("key-{number}"));
        let model = model.to_string();
        evidence.accepted.push(Accepted {
            id: id(number),
            model: model.clone(),
            key,
        });
        evidence.answers.insert(id(number), Some(answer(number)));
        evidence.finals.push((id(number), answer(number)));
        evidence.mined.push(transaction(number));
        evidence.sent.push(transaction(number));
        evidence.tokens.push(Token {
            model_hash: hash_of(&model),
            address: format!("0xt{number}"),
            transaction: format!("0x{number}"),
        });
        let attempts = vec![format!("0x{number}")];
        evidence.records.push(Record {
            id: id(number),
            model,
            state: "deployed".into(),
            attempts,
            caller: "frontend".into(),
            changes: vec![(1, 101), (2, 102)],
        });
        evidence
            .webhooks
            .extend([webhook(number, 1), webhook(number, 2)]);
    }
    evidence
        .texts
        .push(("a log".into(), "{\"message\":\"listening\"}".into()));
    evidence
}

type Spoil = fn(&mut Evidence);

#[test]
fn each_violation_is_noticed_under_its_invariant_and_nothing_else_is() {
    assert_eq!(audit(&sound(), &Granted::default()), []);
    let cases: [(&str, &str, Spoil); 30] = [
        ("a second token of a model", "I1", |run| {
            run.tokens.push(run.tokens[0].clone())
        }),
        ("a reverted duplicate", "I1", |run| {
            run.mined.push(Transaction {
                nonce: 3,
                succeeded: false,
                hash: "0x9".into(),
                ..transaction(1)
            });
        }),
        (
            "a reverted transaction in the place of a sound one",
            "I1",
            |run| run.mined[1].succeeded = false,
        ),
        (
            "a second nonce for a model, sent and not mined",
            "I1",
            |run| {
                run.sent.push(Transaction {
                    nonce: 2,
                    hash: "0x9".into(),
                    ..transaction(1)
                });
            },
        ),
        ("a transaction that was sent and not saved", "I1", |run| {
            run.records[1].attempts.clear()
        }),
        ("an accepted id that answers 404", "I2", |run| {
            run.answers.insert(id(1), None);
        }),
        ("an accepted id that nobody asked for", "I2", |run| {
            run.answers.remove(&id(1));
        }),
        ("an accepted id without a record", "I2", |run| {
            run.records.remove(1);
        }),
        ("a hole in the chain's nonces", "I3", |run| {
            run.mined.remove(1);
        }),
        ("a nonce that was sent and never used", "I3", |run| {
            run.sent.push(Transaction {
                nonce: 3,
                model: None,
                hash: "0x9".into(),
                ..transaction(1)
            });
        }),
        ("a transaction left in the pool", "I3", |run| run.pooled = 1),
        ("a final answer that changed", "I4", |run| {
            run.finals[1].1.status = "failed".into()
        }),
        ("deployed without a token", "I4", |run| {
            run.tokens.remove(1);
        }),
        ("another address than the chain's", "I4", |run| {
            let lie = Answer {
                token: Some("0xt9".into()),
                ..answer(1)
            };
            run.answers.insert(id(1), Some(lie.clone()));
            run.finals[1].1 = lie;
        }),
        ("another transaction than the chain's", "I4", |run| {
            let lie = Answer {
                transaction: Some("0x9".into()),
                ..answer(1)
            };
            run.answers.insert(id(1), Some(lie.clone()));
            run.finals[1].1 = lie;
        }),
        ("failed although it made the token", "I4", |run| {
            let lie = Answer {
                status: "failed".into(),
                ..Answer::default()
            };
            run.answers.insert(id(1), Some(lie.clone()));
            run.finals[1].1 = lie;
        }),
        ("a token nobody is told of", "I4", |run| {
            run.accepted.remove(1);
            run.records.remove(1);
            run.finals.remove(1);
        }),
        ("a record that says deployed and no token", "I4", |run| {
            let record = Record {
                id: id(9),
                model: "other".into(),
                state: "deployed".into(),
                attempts: Vec::new(),
                caller: "backend".into(),
                changes: Vec::new(),
            };
            run.records.push(record);
        }),
        ("a change that never came", "I5", |run| {
            run.webhooks.pop();
        }),
        ("a change that came and was not taken", "I5", |run| {
            run.webhooks[5].taken = false
        }),
        ("a change that came before the one before it", "I5", |run| {
            run.webhooks.swap(2, 3)
        }),
        (
            "a change that came before the one before it was taken",
            "I5",
            |run| {
                run.webhooks[2].taken = false;
                run.webhooks.push(webhook(1, 1));
            },
        ),
        ("a webhook of no change", "I5", |run| {
            run.webhooks.push(webhook(1, 3))
        }),
        ("a webhook of another's deployment", "I5", |run| {
            run.records[1].caller = "backend".into()
        }),
        ("one id for two contents", "I5", |run| {
            let body = "another".into();
            run.webhooks.push(Webhook {
                body,
                ..webhook(1, 2)
            });
        }),
        ("something left to be told", "I5", |run| {
            run.untold.push(id(1))
        }),
        ("one that never becomes final", "I6", |run| {
            let lie = Answer {
                status: "processing".into(),
                ..Answer::default()
            };
            run.answers.insert(id(1), Some(lie));
            run.finals.remove(1);
        }),
        ("an id left in a queue of Redis", "I6", |run| {
            run.waiting.push(id(1))
        }),
        ("one key, two jobs", "I7", |run| {
            run.accepted[1].key = run.accepted[0].key.clone()
        }),
        ("an API key in Redis", "I8", |run| {
            run.texts.push(("Redis".into(), format!("x {KEY} y")))
        }),
    ];
    for (what, invariant, spoil) in cases {
        let mut run = sound();
        spoil(&mut run);
        let found = audit(&run, &Granted::default());
        let named = found
            .iter()
            .any(|violation| violation.invariant == invariant);
        assert!(named, "{what} should violate {invariant}: {found:?}");
    }
}

#[test]
fn what_is_granted_is_granted_to_its_model_only() {
    let rebound = |model: &str| Granted {
        rebound: [model.to_string()].into(),
        ..Granted::default()
    };
    let mut run = sound();
    run.sent.push(Transaction {
        nonce: 2,
        hash: "0x9".into(),
        ..transaction(1)
    });
    run.records[1].attempts.push("0x9".into());
    assert_eq!(audit(&run, &rebound("model-1")), []);
    assert_eq!(audit(&run, &rebound("model-0")).len(), 1);

    let mut run = sound();
    run.mined.push(Transaction {
        nonce: 3,
        model: Some("lost".into()),
        succeeded: false,
        hash: "0x9".into(),
    });
    let reverted = |model: &str| Granted {
        reverted: [model.to_string()].into(),
        ..Granted::default()
    };
    assert_eq!(audit(&run, &reverted("lost")), []);
    assert_eq!(audit(&run, &reverted("model-0")).len(), 1);

    let mut run = sound();
    run.answers.insert(id(1), None);
    run.finals.remove(1);
    let lost = Granted {
        redis_lost: true,
        ..Granted::default()
    };
    assert_eq!(audit(&run, &lost), []);
    // Lost data never excuses a second token.
    run.tokens.push(run.tokens[0].clone());
    assert_eq!(audit(&run, &lost).len(), 1);
}
