//! The settings' rules, with no process and no environment.

use super::*;
use crate::deployment::economics::Bps;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

fn valid() -> HashMap<&'static str, String> {
    HashMap::from([
        ("CHAIN_ID", "11155111".to_string()),
        ("DEPLOYER_PRIVATE_KEY", KEY.to_string()),
        ("TOKEN_MANAGER_ADDRESS", format!("0x{}", "1".repeat(40))),
        ("MODEL_REGISTRY_ADDRESS", format!("0x{}", "2".repeat(40))),
        (
            "RPC_URL",
            "https://node.example/v2/key, http://127.0.0.1:8545".to_string(),
        ),
        (
            "REDIS_URL",
            "rediss://user:password@cache.example:6379/0".to_string(),
        ),
        ("API_KEYS", format!("frontend:{}", "ab".repeat(32))),
    ])
}

fn read(environment: &HashMap<&'static str, String>) -> Result<Settings, Vec<Problem>> {
    Settings::read(|name| environment.get(name).cloned().map(Ok))
}

fn problems(environment: &HashMap<&'static str, String>) -> Vec<String> {
    read(environment)
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_required_settings_are_enough_and_the_defaults_are_the_launch_policy() {
    let settings = read(&valid()).unwrap();
    assert_eq!(settings.listen.to_string(), "0.0.0.0:3001");
    assert_eq!(settings.network, "sepolia");
    assert_eq!(settings.rpc_urls.len(), 2);
    assert_eq!(
        settings.limits.deploy,
        Bucket {
            burst: 200,
            per_second: 10
        }
    );
    assert!(settings.cors_origins.is_empty());
    let Policy {
        chain_id,
        confirmations,
        fee_cap_wei,
        economics,
        in_flight_max,
        replace_after,
        deadline,
        lookback_blocks,
        registry_metric: _,
    } = settings.policy;
    assert_eq!((in_flight_max, lookback_blocks), (16, 50_000));
    assert_eq!((replace_after.as_secs(), deadline.as_secs()), (60, 86_400));
    assert_eq!(settings.lease_ttl.as_millis(), 6000);
    assert_eq!((chain_id, confirmations), (11_155_111, 2));
    assert_eq!(fee_cap_wei, U256::exp10(11) * 5);
    assert_eq!(
        economics.supply_wei_max.get(),
        economics.supplier_wei.get() + economics.investor_wei.get()
    );
    assert_eq!(economics.governor, settings.deployer.address());
    let vesting = Vesting::Linear {
        immediate_bps: Bps::new(1000).unwrap(),
        duration_seconds: 31_536_000,
        cliff_seconds: 0,
    };
    assert_eq!(economics.vesting, vesting);
}

#[test]
fn an_empty_environment_is_told_everything_that_is_missing_at_once() {
    let missing = problems(&HashMap::new());
    let required: Vec<&str> = TABLE
        .iter()
        .filter(|setting| setting.absent == Absent::Refused)
        .map(|setting| setting.name)
        .collect();
    assert_eq!(missing.len(), required.len(), "{missing:?}");
    for name in required {
        assert!(missing.contains(&format!("{name} is required")), "{name}");
    }
}

#[test]
fn each_wrong_value_is_refused_with_a_rule_and_is_never_shown() {
    let zero = format!("0x{}", "0".repeat(40));
    for (name, value) in [
        ("PORT", "65536"),
        ("PORT", "http"),
        ("BIND_ADDRESS", "localhost-x"),
        ("LOG_LEVEL", "loud-level"),
        ("CHAIN_ID", "sepolia-x"),
        ("CONFIRMATION_BLOCKS", "51"),
        ("MODEL_SUPPLIER_ALLOCATION", "1.5e24"),
        ("INVESTOR_ALLOCATION", "-77777"),
        ("TOKENS_PER_DELTA_ONE", "500001"),
        ("INFRASTRUCTURE_ACCRUAL_BPS", "999"),
        ("INITIAL_ORACLE_PRICE_PER_THOUSAND_USD", "1000000000001"),
        ("LICENSE_HASH", "0x1234"),
        ("GOVERNOR_ADDRESS", zero.as_str()),
        ("VESTING_ENABLED", "perhaps-yes"),
        ("VESTING_IMMEDIATE_UNLOCK_BPS", "10001"),
        ("VESTING_CLIFF_SECONDS", "31536001"),
        ("INITIAL_SUPPLY_MAX", "0.000000000000000003"),
        ("MAX_GAS_PRICE_GWEI", "100001"),
        ("IN_FLIGHT_MAX", "501"),
        ("LEASE_MS", "999"),
        ("RECORD_KEY", "too-short-a-key"),
        ("RATE_LIMIT_READ_BURST", "1000001"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://app.example.com/path"),
        ("DEPLOYER_PRIVATE_KEY", "0xdeadbeef"),
        ("KMS_BACKEND_KEY_ID", "alias/beside-a-local-key"),
        ("KMS_BACKEND_EXPECTED_ADDRESS", zero.as_str()),
        ("LISTENER_ENABLED", "perhaps-yes"),
        ("LISTENER_HMAC_KEY", "too-short-a-key"),
        ("LISTENER_TRUST_UNSIGNED", "perhaps-yes"),
        ("LISTENER_UNSIGNED_PER_DAY", "10001"),
        ("INBOUND_QUEUE", "two\nlines"),
        (
            "WEBHOOKS",
            "web https://10.0.0.7/a-secret-path whsec_secret",
        ),
        ("WEBHOOKS_TO_LOOPBACK", "perhaps-yes"),
        ("MODEL_SUPPLIER_RECIPIENT", zero.as_str()),
        (
            "DEPLOYER_PRIVATE_KEY",
            "0x0000000000000000000000000000000000000000000000000000000000000000",
        ),
        ("TOKEN_MANAGER_ADDRESS", zero.as_str()),
        ("MODEL_REGISTRY_ADDRESS", "0xabc-not-an-address"),
        ("RPC_URL", "ws://node.example/key-in-path"),
        ("RPC_URL", "https://a.example,"),
        ("REDIS_URL", "http://cache.example"),
        ("API_KEYS", "too-short"),
        ("API_KEYS_SOURCE", "api_keys"),
    ] {
        let mut environment = valid();
        environment.insert(name, value.to_string());
        let found = problems(&environment);
        assert_eq!(found.len(), 1, "{name}={value}: {found:?}");
        assert!(found[0].starts_with(name), "{found:?}");
        assert!(!found[0].contains(value) || value == "*", "{found:?}");
    }
}

#[test]
fn an_api_key_in_plain_text_is_taken_and_a_wrong_entry_is_told_the_way_to_hash_it() {
    let mut environment = valid();
    environment.insert("API_KEYS", "hk_live_abcdefghijklmnop".into());
    assert_eq!(read(&environment).unwrap().api_keys.plain(), 1);
    environment.insert("API_KEYS", "web:hk_live_abcdefghijklmnop".into());
    let found = problems(&environment).join("\n");
    assert!(found.contains("contracts-api keys hash"), "{found}");
    assert!(!found.contains("hk_live"), "{found}");
}

/// Settings that are right each and wrong together.
#[test]
fn a_key_in_kms_needs_its_account_and_what_seals_records_and_excludes_a_local_one() {
    let (id, address) = ("KMS_BACKEND_KEY_ID", "KMS_BACKEND_EXPECTED_ADDRESS");
    let with = |changes: &[(&'static str, &str)]| {
        let mut environment = valid();
        environment.remove("DEPLOYER_PRIVATE_KEY");
        environment.extend(
            changes
                .iter()
                .map(|(name, value)| (*name, value.to_string())),
        );
        environment
    };
    let account = format!("0x{}", "ab".repeat(20));
    let seal = ("RECORD_KEY", "0123456789abcdef0123456789abcdef");
    let whole = with(&[(id, "alias/deployer"), (address, &account), seal]);
    let settings = read(&whole).unwrap();
    assert_eq!(format!("{:?}", settings.deployer.address()), account);
    for (changes, rule) in [
        (vec![], "DEPLOYER_PRIVATE_KEY is required"),
        (
            vec![(id, "k"), seal],
            "KMS_BACKEND_EXPECTED_ADDRESS is required with KMS_BACKEND_KEY_ID",
        ),
        (
            vec![(address, account.as_str()), seal],
            "KMS_BACKEND_KEY_ID is required with KMS_BACKEND_EXPECTED_ADDRESS",
        ),
        (
            vec![(id, "k"), (address, &account)],
            "RECORD_KEY is required with KMS_BACKEND_KEY_ID",
        ),
    ] {
        assert_eq!(problems(&with(&changes)), [rule]);
    }
}

#[test]
fn a_queue_that_is_listened_to_needs_a_key_or_a_word_that_it_is_trusted() {
    let with = |changes: &[(&'static str, &str)]| {
        let mut environment = valid();
        environment.extend(
            changes
                .iter()
                .map(|(name, value)| (*name, value.to_string())),
        );
        environment
    };
    let on = ("LISTENER_ENABLED", "true");
    assert!(read(&valid()).unwrap().listener.is_none());
    let rule = "LISTENER_HMAC_KEY is required with LISTENER_ENABLED, unless LISTENER_TRUST_UNSIGNED is true";
    assert_eq!(problems(&with(&[on])), [rule]);
    for more in [
        ("LISTENER_HMAC_KEY", "0123456789abcdef0123456789abcdef"),
        ("LISTENER_TRUST_UNSIGNED", "true"),
    ] {
        assert!(read(&with(&[on, more])).unwrap().listener.is_some());
    }
}

#[test]
fn debug_of_the_settings_shows_no_secret() {
    let shown = format!("{:?}", read(&valid()).unwrap());
    for secret in [&KEY[2..], "password", "node.example", "abababab"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn every_setting_of_the_table_is_read_and_no_other() {
    let (environment, asked) = (valid(), RefCell::new(Vec::new()));
    Settings::read(|name| {
        asked.borrow_mut().push(name.to_owned());
        environment.get(name).cloned().map(Ok)
    })
    .unwrap();
    let mut asked = asked.into_inner();
    let mut table: Vec<&str> = TABLE.iter().map(|setting| setting.name).collect();
    asked.sort_unstable();
    table.sort_unstable();
    assert_eq!(asked, table);
}

fn committed(file: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn what_make_generate_writes_is_what_is_committed() {
    let fix = "differs from src/api/settings/table.rs: run `make generate` and commit";
    let template = committed(".env.production");
    assert!(template == render::environment(), ".env.production {fix}");
    let document = committed("docs/deployment.md");
    let table = document
        .split_once("<!-- settings: generated by make generate -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- /settings -->\n"))
        .map(|(table, _)| table)
        .expect("docs/deployment.md has the two marker lines");
    assert!(table == render::markdown(), "docs/deployment.md {fix}");
}

#[test]
fn the_template_starts_the_service_once_its_empty_values_are_filled() {
    let template = committed(".env.production");
    let fill = |lines: &str| -> HashMap<String, String> {
        let pairs = lines.lines().filter_map(|line| line.split_once('='));
        let pairs = pairs.filter(|(name, _)| !name.starts_with('#'));
        pairs
            .map(|(name, value)| match valid().remove(name) {
                Some(filled) if value.is_empty() => (name.to_string(), filled),
                Some(_) | None => (name.to_string(), value.to_string()),
            })
            .collect()
    };
    let believed = |environment: &HashMap<String, String>| {
        Settings::read(|name| environment.get(name).cloned().map(Ok)).unwrap()
    };
    let required = fill(&template);
    assert_eq!(
        required.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        valid().into_keys().collect()
    );
    // The defaults that stand there commented out are believed too, and are what holds without them.
    let all = fill(&template.replace("\n#", "\n"));
    for setting in TABLE {
        assert!(all.contains_key(setting.name), "{}", setting.name);
    }
    assert_eq!(
        format!("{:?}", believed(&all)),
        format!("{:?}", believed(&required))
    );
}
