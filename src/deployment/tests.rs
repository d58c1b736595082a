//! The state machine: one table of every state × every event, and every history of a few steps.

use super::chain::{Address, H256, U256};
use super::fees::Fees;
use super::request::{DeploymentRequest, ModelId, TokenName, TokenSymbol};
use super::{
    Attempt, Attention, Block, Closing, Deployment, Event, Failure, Flight, ParkReason, Purpose,
    Registration, SignedTransaction, Stage, State, Token, advance,
};
use uuid::Uuid;

/// A deployment of the model "m" in this state, without attempts.
pub fn deployment(state: State) -> Deployment {
    let request = DeploymentRequest {
        model_id: ModelId::try_from("m".to_string()).unwrap(),
        recipient: Address::repeat_byte(8),
        token_name: TokenName::try_from("M".to_string()).unwrap(),
        token_symbol: TokenSymbol::try_from("M".to_string()).unwrap(),
        supply_wei: None,
    };
    let mut deployment = Deployment::submitted(Uuid::from_u128(1), "c".into(), request, 0);
    deployment.state = state;
    deployment
}

pub fn attempt(purpose: Purpose, nonce: u64, hash: u8) -> Attempt {
    Attempt {
        purpose,
        transaction: SignedTransaction {
            nonce,
            hash: H256::repeat_byte(hash),
            raw: "0x02".into(),
            cost_wei_max: U256::from(hash),
        },
        fees: Fees::Legacy {
            price_wei: U256::one(),
        },
        gas_limit: U256::one(),
        at_ms: 0,
    }
}

pub fn flight(stage: Stage, closing: Option<Closing>) -> Flight {
    Flight {
        nonce: 7,
        stage,
        closing,
    }
}

pub fn mined_stage() -> Stage {
    let (block, hash) = (block(3), H256::repeat_byte(1));
    Stage::Mined { block, hash }
}

fn block(number: u64) -> Block {
    Block {
        number,
        hash: H256::from_low_u64_be(number),
    }
}

fn token() -> Token {
    Token {
        address: Address::repeat_byte(9),
        transaction_hash: H256::repeat_byte(1),
        block_number: 3,
        gas_used: U256::from(5),
        gas_price_wei: U256::from(6),
        deployed_at_ms: 7,
    }
}

fn deployed(registration: Registration) -> State {
    State::Deployed {
        token: token(),
        registration,
    }
}

fn states() -> Vec<(&'static str, State)> {
    let held = |stage, closing| State::InFlight(flight(stage, closing));
    let registering = |stage| deployed(Registration::InFlight(flight(stage, None)));
    let done = Registration::Done {
        transaction_hash: None,
    };
    let not = Registration::Not {
        reason: "no".into(),
    };
    vec![
        ("queued", State::Queued),
        ("signed", held(Stage::Signed, None)),
        ("broadcast", held(Stage::Broadcast, None)),
        ("mined", held(mined_stage(), None)),
        ("closing", held(Stage::Broadcast, Some(Closing::Cancelled))),
        (
            "closing-mined",
            held(mined_stage(), Some(Closing::Cancelled)),
        ),
        ("wanted", deployed(Registration::Wanted)),
        ("registering", registering(Stage::Broadcast)),
        ("reg-mined", registering(mined_stage())),
        ("registered", deployed(done)),
        ("unregistered", deployed(not)),
        (
            "failed",
            State::Failed {
                failure: Failure::Expired,
            },
        ),
        (
            "parked",
            State::Parked {
                reason: ParkReason::NotEstimated,
            },
        ),
    ]
}

fn events() -> Vec<(&'static str, Event)> {
    vec![
        ("deploy", Event::Prepared(attempt(Purpose::Deploy, 7, 1))),
        (
            "register",
            Event::Prepared(attempt(Purpose::Register, 7, 1)),
        ),
        ("raise", Event::Replaced(attempt(Purpose::Deploy, 7, 2))),
        (
            "raise-reg",
            Event::Replaced(attempt(Purpose::Register, 7, 2)),
        ),
        ("raise-noop", Event::Replaced(attempt(Purpose::NoOp, 7, 2))),
        (
            "other-nonce",
            Event::Replaced(attempt(Purpose::Deploy, 8, 2)),
        ),
        (
            "close",
            Event::Closing(Closing::Cancelled, attempt(Purpose::NoOp, 7, 3)),
        ),
        ("accepted", Event::Accepted),
        ("mined", Event::Mined(block(4), H256::repeat_byte(1))),
        ("unmined", Event::Unmined),
        ("displaced", Event::Displaced),
        ("confirmed", Event::Confirmed(token(), Registration::Wanted)),
        ("refused", Event::Refused(Failure::WouldRevert)),
        ("registered", Event::Registered(Some(H256::repeat_byte(1)))),
        ("unregistered", Event::Unregistered("no".into())),
        ("parked", Event::Parked(ParkReason::NotEstimated)),
        ("retried", Event::Retried),
        ("noticed", Event::Noticed(Attention::FeeCapReached)),
    ]
}

/// State, then event:next for everything that can happen there. What is not written cannot happen.
const TABLE: &str = "
queued        deploy:signed confirmed:wanted refused:failed parked:parked
signed        raise:signed close:closing accepted:broadcast mined:mined displaced:queued noticed:signed
broadcast     raise:signed close:closing accepted:broadcast mined:mined displaced:queued noticed:broadcast
mined         mined:mined unmined:broadcast confirmed:wanted refused:failed noticed:mined
closing       raise-noop:closing accepted:closing mined:closing-mined displaced:failed noticed:closing
closing-mined mined:closing-mined unmined:closing confirmed:wanted refused:failed noticed:closing-mined
wanted        register:registering registered:registered unregistered:unregistered
registering   raise-reg:registering close:registering accepted:registering mined:registering displaced:wanted noticed:registering
reg-mined     mined:registering unmined:registering registered:registered unregistered:unregistered noticed:registering
registered
unregistered
failed
parked        retried:queued refused:failed
";

/// The row of the table a state belongs to, but for the finer ones that only its transactions tell apart.
fn row(state: &State) -> &'static str {
    match state.name() {
        "closing, mined" => "closing-mined",
        "deployed, to be registered" => "wanted",
        "deployed, registering" => "registering",
        "deployed" => match state {
            State::Deployed {
                registration: Registration::Not { .. },
                ..
            } => "unregistered",
            _ => "registered",
        },
        name => name,
    }
}

#[test]
fn every_state_and_event_leads_where_the_table_says() {
    let rows: Vec<(&str, Vec<&str>)> = TABLE
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut words = line.split_whitespace();
            (words.next().unwrap(), words.collect())
        })
        .collect();
    let states = states();
    assert_eq!(rows.len(), states.len());
    for ((name, state), (row_name, allowed)) in states.iter().zip(&rows) {
        assert_eq!(name, row_name);
        let events = events();
        for word in allowed {
            let event = word.split(':').next().unwrap();
            assert!(events.iter().any(|(name, _)| *name == event), "{word}");
        }
        for (event_name, event) in events {
            let expected = allowed
                .iter()
                .find_map(|word| word.strip_prefix(event_name)?.strip_prefix(':'));
            let reached = advance(state.clone(), event).ok();
            assert_eq!(reached.as_ref().map(row), expected, "{name} + {event_name}");
        }
    }
}

#[test]
fn no_history_holds_two_nonces_leaves_a_final_state_or_forgets_a_transaction() {
    // Breadth first over every event that can happen, to any order of seven of them.
    let mut layer = vec![deployment(State::Queued)];
    let mut seen = 0;
    for step in 0..7_u8 {
        let mut next = Vec::new();
        for record in &layer {
            for (name, event) in events() {
                let Ok(after) = record.after(event, u64::from(step)) else {
                    continue;
                };
                seen += 1;
                let held = |record: &Deployment| record.state.flight().map(|flight| flight.nonce);
                if let (Some(before), Some(now)) = (held(record), held(&after)) {
                    assert_eq!(before, now, "{name}");
                }
                let (old, new) = (record.state.progress(), after.state.progress());
                let final_before = matches!(old.status, "deployed" | "failed");
                assert!(!final_before || old.status == new.status, "{name}");
                let kept: Vec<H256> = record.attempts.iter().map(|a| a.transaction.hash).collect();
                let now: Vec<H256> = after.attempts.iter().map(|a| a.transaction.hash).collect();
                assert_eq!(now[..kept.len()], kept, "{name}");
                assert_eq!(after.newest().is_some(), held(&after).is_some(), "{name}");
                next.push(after);
            }
        }
        // What differs only in its past behaves alike.
        next.sort_by_key(|record| format!("{:?}", (&record.state, record.displacements)));
        next.dedup_by_key(|record| format!("{:?}", (&record.state, record.displacements)));
        layer = next;
    }
    assert!(seen > 300, "{seen}");
}

#[test]
fn a_nonce_is_held_exactly_while_a_transaction_may_still_be_mined() {
    for (name, state) in states() {
        let held = state.flight().map(|flight| flight.nonce);
        let expected = matches!(
            name,
            "signed"
                | "broadcast"
                | "mined"
                | "closing"
                | "closing-mined"
                | "registering"
                | "reg-mined"
        );
        assert_eq!(held, expected.then_some(7), "{name}");
    }
}

#[test]
fn the_dearest_of_the_transactions_that_compete_for_an_unmined_nonce_is_reserved_for() {
    let mut held = deployment(State::InFlight(flight(Stage::Broadcast, None)));
    held.attempts = vec![
        attempt(Purpose::Deploy, 6, 9),
        attempt(Purpose::Deploy, 7, 4),
        attempt(Purpose::Deploy, 7, 5),
        attempt(Purpose::NoOp, 7, 1),
    ];
    assert_eq!(held.committed_wei(), U256::from(5));
    held.state = State::InFlight(flight(mined_stage(), None));
    assert_eq!(held.committed_wei(), U256::zero());
}

#[test]
fn an_illegal_event_names_both_sides() {
    let error = advance(State::Queued, Event::Unmined).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a deployment that is queued cannot be unmined"
    );
}
