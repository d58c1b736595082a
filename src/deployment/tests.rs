//! The state machine as one table: every state × every event.

use super::chain::{Address, H256, U256};
use super::{Block, Event, Failure, SignedTransaction, State, Token, advance};

fn transaction() -> SignedTransaction {
    SignedTransaction {
        nonce: 7,
        hash: H256::repeat_byte(1),
        raw: "0x02".into(),
        cost_wei_max: U256::one(),
    }
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

/// Rows: states. Columns: signed accepted mined unmined displaced confirmed refused. `-` cannot happen.
const TABLE: &str = "
queued     signed  -         -      -          -       deployed  failed
signed     -       broadcast mined  -          queued  -         -
broadcast  -       broadcast mined  -          queued  -         -
mined      -       -         mined  broadcast  -       deployed  failed
deployed   -       -         -      -          -       -         -
failed     -       -         -      -          -       -         -
";

#[test]
fn every_state_and_event_leads_where_the_table_says() {
    let states = [
        State::Queued,
        State::Signed {
            transaction: transaction(),
        },
        State::Broadcast {
            transaction: transaction(),
        },
        State::Mined {
            transaction: transaction(),
            block: block(3),
        },
        State::Deployed { token: token() },
        State::Failed {
            failure: Failure::Expired,
        },
    ];
    let events = [
        Event::Signed(transaction()),
        Event::Accepted,
        Event::Mined(block(4)),
        Event::Unmined,
        Event::Displaced,
        Event::Confirmed(token()),
        Event::Refused(Failure::WouldRevert),
    ];
    let rows: Vec<Vec<&str>> = TABLE
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), states.len());
    for (state, row) in states.iter().zip(&rows) {
        assert_eq!(row[0], state.name());
        assert_eq!(row.len(), events.len() + 1);
        for (event, expected) in events.iter().zip(&row[1..]) {
            let reached = advance(state.clone(), event.clone());
            let reached = reached.as_ref().map_or("-", State::name);
            assert_eq!(reached, *expected, "{} + {}", state.name(), event.name());
        }
    }
}

#[test]
fn a_nonce_is_held_exactly_while_a_transaction_may_still_be_mined() {
    let held = |state: State| state.in_flight().map(|transaction| transaction.nonce);
    assert_eq!(held(State::Queued), None);
    assert_eq!(
        held(State::Signed {
            transaction: transaction()
        }),
        Some(7)
    );
    assert_eq!(
        held(State::Broadcast {
            transaction: transaction()
        }),
        Some(7)
    );
    assert_eq!(
        held(State::Mined {
            transaction: transaction(),
            block: block(1)
        }),
        Some(7)
    );
    assert_eq!(held(State::Deployed { token: token() }), None);
    assert_eq!(
        held(State::Failed {
            failure: Failure::Expired
        }),
        None
    );
}

#[test]
fn an_illegal_event_names_both_sides() {
    let error = advance(State::Queued, Event::Unmined).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a deployment that is queued cannot be unmined"
    );
}
