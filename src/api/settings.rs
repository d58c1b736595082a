//! The process' settings: what may be set, what it means, and the environment as believed.
//!
//! Takes the environment as ECS injects it, gives [`Settings`] or *all* problems at once. [`TABLE`] is the one list of names; documents and
//! templates are made from it. A problem names the setting and the rule and never shows the value: most values are secrets,
//! and a mistake is often a secret in the wrong place.

mod read;
pub mod render;
pub mod table;

use super::auth::{ApiKeys, Source};
use super::events;
use super::rate_limit::{Bucket, Limits};
use super::webhook::{self, Reach};
use crate::deployment::chain::{Address, U256};
use crate::deployment::economics::{
    Bps, Economics, INFRASTRUCTURE_ACCRUAL, ORACLE_PRICE_MAX, TOKENS_PER_DELTA_ONE, TokenWei,
    Vesting,
};
use crate::deployment::listener::{self, Queues, message::Trust};
use crate::deployment::signer::Signer;
use crate::deployment::store::Seal;
use crate::deployment::worker::Policy;
use crate::secret::Secret;
use crate::telemetry::LEVELS;
use read::Reader;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;
pub use table::{Absent, Setting, TABLE};
use tracing::level_filters::LevelFilter;

/// Keys of fewer could be guessed by whoever reads Redis.
const RECORD_KEY_CHARS_MIN: usize = 32;

/// The environment, believed.
#[derive(Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where Prometheus may ask, if it may.
    pub metrics_listen: Option<SocketAddr>,
    /// What to log.
    pub log_level: LevelFilter,
    /// What metrics are emitted under; absent: none are.
    pub service_name: Option<String>,
    /// Name of the network in replies.
    pub network: String,
    /// What deployments are made with.
    pub policy: Policy,
    /// Per caller.
    pub limits: Limits,
    /// Event streams at once.
    pub streams: events::Limits,
    /// Browser origins that may call.
    pub cors_origins: Vec<String>,
    /// Signs and pays.
    pub deployer: Signer,
    /// The TokenManager.
    pub token_manager: Address,
    /// The ModelRegistry.
    pub model_registry: Address,
    /// The DeltaVerifier, if readiness is to ask for our role on it.
    pub delta_verifier: Option<Address>,
    /// Nodes, the preferred one first.
    pub rpc_urls: Vec<Secret<String>>,
    /// Redis.
    pub redis_url: Secret<String>,
    /// What makes a record in it ours.
    pub seal: Seal,
    /// How long the right to sign lasts without being renewed.
    pub lease_ttl: Duration,
    /// The old queue as a second way in, if it is one.
    pub listener: Option<listener::Config>,
    /// Who may call.
    pub api_keys: ApiKeys,
    /// Where they are read again from, if they are.
    pub api_keys_source: Option<Source>,
    /// Who is told of changes, and where.
    pub webhooks: Vec<webhook::Endpoint>,
    /// How far webhooks may go.
    pub webhook_reach: Reach,
}

/// One thing wrong with one setting. It never holds the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {rule}")]
pub struct Problem {
    /// Its name.
    pub setting: &'static str,
    /// What it must be.
    pub rule: String,
}

impl Settings {
    /// Believes the environment, or says everything that is wrong with it. `lookup` gives a variable's value; `Err` when it is not UTF-8.
    ///
    /// # Errors
    /// All problems, in the order of [`TABLE`]'s reading.
    pub fn read(lookup: impl Fn(&str) -> Option<Result<String, ()>>) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(&lookup);
        let listen = reader.listen();
        let metrics_listen = reader.metrics_listen();
        let log_level = reader.one_of("LOG_LEVEL", &LEVELS);
        let service_name = reader.optional("SERVICE_NAME", |text| read::printable(text, 255));
        let chain_id = reader.number("CHAIN_ID", 1, u64::MAX);
        let network = reader.optional("NETWORK_NAME", |text| read::printable(text, 64));
        let confirmations = reader.number("CONFIRMATION_BLOCKS", 1, 50);
        let limits = Limits {
            deploy: reader.bucket("RATE_LIMIT_DEPLOY_BURST", "RATE_LIMIT_DEPLOY_PER_SECOND"),
            read: reader.bucket("RATE_LIMIT_READ_BURST", "RATE_LIMIT_READ_PER_SECOND"),
        };
        let streams = events::Limits {
            total: reader.count("EVENT_STREAMS_MAX", 50_000),
            per_caller: reader.count("EVENT_STREAMS_PER_KEY_MAX", 50_000),
        };
        let cors_origins = reader.required("CORS_ORIGINS", read::origins);
        let (deployer, seal) = reader.signer().unzip();
        let token_manager = reader.required("TOKEN_MANAGER_ADDRESS", read::address);
        let model_registry = reader.required("MODEL_REGISTRY_ADDRESS", read::address);
        let delta_verifier = reader.optional("DELTA_VERIFIER_ADDRESS", read::address);
        let rpc_urls = reader.required("RPC_URL", read::rpc_urls);
        let redis_url = reader.required("REDIS_URL", read::redis_url);
        let api_keys = reader.required("API_KEYS", |text| {
            ApiKeys::parse(text).map_err(|problems| joined(&problems))
        });
        let api_keys_source = reader.optional("API_KEYS_SOURCE", Source::parse);
        let fee_cap_gwei = reader.number("MAX_GAS_PRICE_GWEI", 1, 100_000);
        let in_flight_max = reader.number("IN_FLIGHT_MAX", 1, 500);
        let replace_after = reader.seconds("REPLACE_AFTER_SECONDS", 1, 86_400);
        let deadline = reader.seconds("JOB_DEADLINE_SECONDS", 10, 2_592_000);
        let lease_ms = reader.number("LEASE_MS", 1000, 60_000);
        let lookback_blocks = reader.number("REBUILD_LOOKBACK_BLOCKS", 0, 10_000_000);
        let listener = reader.listener();
        let registry_metric = reader.required("REGISTRY_METRIC", |text| read::printable(text, 64));
        let economics = reader.economics(deployer.as_ref());
        let (webhooks, webhook_reach) = reader.webhooks();

        // Anything absent has left a problem behind, so the problems decide and the pattern cannot fail without one.
        let problems = reader.problems();
        let (
            Some(listen),
            Some(level),
            Some(chain_id),
            Some(confirmations),
            Some(cors_origins),
            Some(deployer),
            Some(token_manager),
            Some(model_registry),
            Some(rpc_urls),
            Some(redis_url),
            Some(api_keys),
            Some(fee_cap_gwei),
            Some(economics),
            Some(seal),
            Some(in_flight_max),
            Some(replace_after),
            Some(deadline),
            Some(lease_ms),
            Some(lookback_blocks),
            Some(registry_metric),
            Some(listener),
        ) = (
            listen,
            log_level,
            chain_id,
            confirmations,
            cors_origins,
            deployer,
            token_manager,
            model_registry,
            rpc_urls,
            redis_url,
            api_keys,
            fee_cap_gwei,
            economics,
            seal,
            in_flight_max,
            replace_after,
            deadline,
            lease_ms,
            lookback_blocks,
            registry_metric,
            listener,
        )
        else {
            return Err(problems);
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let network = network.unwrap_or_else(|| match chain_id {
            1 => "mainnet".into(),
            11_155_111 => "sepolia".into(),
            other => format!("chain-{other}"),
        });
        let fee_cap_wei = U256::from(fee_cap_gwei) * U256::exp10(9);
        let policy = Policy {
            chain_id,
            confirmations,
            fee_cap_wei,
            economics,
            in_flight_max: usize::try_from(in_flight_max).unwrap_or(1),
            replace_after,
            deadline,
            lookback_blocks,
            registry_metric,
        };
        let log_level = level.parse().unwrap_or(LevelFilter::INFO);
        Ok(Self {
            listen,
            metrics_listen,
            log_level,
            service_name,
            network,
            policy,
            limits,
            streams,
            cors_origins,
            deployer,
            token_manager,
            model_registry,
            delta_verifier,
            rpc_urls,
            redis_url,
            seal,
            lease_ttl: Duration::from_millis(lease_ms),
            listener,
            api_keys,
            api_keys_source,
            webhooks,
            webhook_reach,
        })
    }

    /// [`Settings::read`] from the process' own environment.
    ///
    /// # Errors
    /// All problems.
    pub fn from_environment() -> Result<Self, Vec<Problem>> {
        Self::read(environment)
    }
}

/// All that is wrong with a list, as one rule.
fn joined(problems: &[impl ToString]) -> String {
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    problems.join("; ")
}

/// A variable of this process' environment.
pub fn environment(name: &str) -> Option<Result<String, ()>> {
    std::env::var_os(name).map(|value| value.into_string().map_err(|_| ()))
}

/// Where the process with this environment listens, for a health check that knows nothing else of it.
///
/// # Errors
/// The problems of `PORT` and `BIND_ADDRESS`.
pub fn listen_address(
    lookup: impl Fn(&str) -> Option<Result<String, ()>>,
) -> Result<SocketAddr, Vec<Problem>> {
    let mut reader = Reader::new(&lookup);
    let listen = reader.listen();
    listen.ok_or_else(|| reader.problems())
}

impl Reader<'_> {
    fn seconds(&mut self, name: &'static str, min: u64, max: u64) -> Option<Duration> {
        self.number(name, min, max).map(Duration::from_secs)
    }

    fn listen(&mut self) -> Option<SocketAddr> {
        let address = self.required("BIND_ADDRESS", read::ip_address);
        let port = self
            .number("PORT", 0, u64::from(u16::MAX))
            .and_then(|port| u16::try_from(port).ok());
        Some(SocketAddr::new(address?, port?))
    }

    fn metrics_listen(&mut self) -> Option<SocketAddr> {
        let address = self.required("METRICS_BIND_ADDRESS", read::ip_address);
        let port = self.optional("METRICS_PORT", |text| {
            let port = text.parse::<u16>();
            port.map_err(|_| "must be a whole number from 0 to 65535".into())
        });
        Some(SocketAddr::new(address?, port?))
    }

    /// The key in this process, or the one in KMS; never both, so that nobody is mistaken about which one signs. Beside it, what records are
    /// sealed with: made from the key where it can be.
    fn signer(&mut self) -> Option<(Signer, Seal)> {
        let (key, id, address, record_key) = (
            "DEPLOYER_PRIVATE_KEY",
            "KMS_BACKEND_KEY_ID",
            "KMS_BACKEND_EXPECTED_ADDRESS",
            "RECORD_KEY",
        );
        let before = self.found();
        let local = self.optional(key, |text| {
            let signer =
                Signer::parse(text).ok_or("must be a private key, 0x and 64 hex digits")?;
            // The same key in other letters is the same key.
            Ok((signer, Seal::new(text.to_ascii_lowercase().as_bytes())))
        });
        let key_id = self.optional(id, |text| read::printable(text, 2048));
        let expected = self.optional(address, read::address);
        let seal = self.optional(record_key, |text| {
            read::long(text, RECORD_KEY_CHARS_MIN).map(|text| Seal::new(text.as_bytes()))
        });
        if self.found() > before {
            return None;
        }
        match (local, key_id, expected, seal) {
            (Some((signer, derived)), None, None, seal) => {
                return Some((signer, seal.unwrap_or(derived)));
            }
            (None, Some(key_id), Some(expected), Some(seal)) => {
                return Some((Signer::kms(key_id, expected), seal));
            }
            (None, None, None, _) => self.refuse(key, "is required"),
            (None, Some(_), Some(_), None) => {
                self.refuse(record_key, format!("is required with {id}"));
            }
            (None, Some(_), None, _) => self.refuse(address, format!("is required with {id}")),
            (None, None, Some(_), _) => self.refuse(id, format!("is required with {address}")),
            (Some(_), Some(_), _, _) => self.refuse(id, format!("must not be set beside {key}")),
            (Some(_), None, Some(_), _) => {
                self.refuse(address, format!("must not be set beside {key}"));
            }
        }
        None
    }

    /// The old queue; inner `None` when it is not listened to. Everything is read all the same, so that a mistake is found before it matters.
    fn listener(&mut self) -> Option<Option<listener::Config>> {
        let (enabled, hmac_key, trusted) = (
            "LISTENER_ENABLED",
            "LISTENER_HMAC_KEY",
            "LISTENER_TRUST_UNSIGNED",
        );
        let is_enabled = self.one_of(enabled, &["true", "false"]);
        let name = |text: &str| read::printable(text, 256);
        let queues = Queues {
            inbound: self.required("INBOUND_QUEUE", name)?,
            processing: self.required("PROCESSING_QUEUE", name)?,
            outbound: self.required("OUTBOUND_QUEUE", name)?,
            dead: self.required("DLQ_NAME", name)?,
        };
        let key = self.optional(hmac_key, |text| {
            read::long(text, RECORD_KEY_CHARS_MIN).map(|text| Secret::new(text.to_string()))
        });
        let unsigned = self.one_of(trusted, &["true", "false"]);
        let unsigned_per_day = self.number("LISTENER_UNSIGNED_PER_DAY", 1, 10_000);
        let recipient = self.optional("MODEL_SUPPLIER_RECIPIENT", read::address);
        let (is_enabled, unsigned) = (is_enabled? == "true", unsigned? == "true");
        if is_enabled && key.is_none() && !unsigned {
            self.refuse(
                hmac_key,
                format!("is required with {enabled}, unless {trusted} is true"),
            );
        }
        Some(is_enabled.then_some(listener::Config {
            queues,
            trust: Trust {
                key,
                unsigned,
                recipient,
            },
            unsigned_per_day: unsigned_per_day?,
        }))
    }

    /// Where changes are told; nowhere without the setting.
    fn webhooks(&mut self) -> (Vec<webhook::Endpoint>, Reach) {
        let loopback = self.one_of("WEBHOOKS_TO_LOOPBACK", &["true", "false"]);
        let reach = match loopback.as_deref() {
            Some("true") => Reach::Loopback,
            Some(_) | None => Reach::Public,
        };
        let endpoints = self.optional("WEBHOOKS", |text| {
            webhook::parse(text, reach).map_err(|problems| joined(&problems))
        });
        (endpoints.unwrap_or_default(), reach)
    }

    /// A placeholder after a problem, here and below: the settings are then refused anyway.
    fn count(&mut self, name: &'static str, max: u64) -> usize {
        let count = self.number(name, 1, max);
        count
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(1)
    }

    fn bucket(&mut self, burst: &'static str, per_second: &'static str) -> Bucket {
        let burst = self.number(burst, 1, 1_000_000).unwrap_or(1);
        let per_second = self.number(per_second, 1, 1_000_000).unwrap_or(1);
        Bucket { burst, per_second }
    }

    fn economics(&mut self, deployer: Option<&Signer>) -> Option<Economics> {
        let supplier_wei = self.required("MODEL_SUPPLIER_ALLOCATION", read::amount);
        let investor_wei = self.required("INVESTOR_ALLOCATION", read::amount);
        let supply_wei_max = self.optional("INITIAL_SUPPLY_MAX", read::tokens);
        let tokens_per_delta_one_wei = self.required("TOKENS_PER_DELTA_ONE", |text| {
            let amount = read::amount(text).ok();
            amount
                .filter(|amount| TOKENS_PER_DELTA_ONE.contains(amount))
                .ok_or_else(|| "must be wei, from 1e20 to 1e25".into())
        });
        let accrual = self.bps("INFRASTRUCTURE_ACCRUAL_BPS", INFRASTRUCTURE_ACCRUAL);
        let oracle = self.number("INITIAL_ORACLE_PRICE_PER_THOUSAND_USD", 0, ORACLE_PRICE_MAX);
        let license_hash = self.required("LICENSE_HASH", read::hash);
        let license_uri = self.required("LICENSE_URI", |text| read::printable(text, 2048));
        let governor = self
            .optional("GOVERNOR_ADDRESS", read::address)
            .or(deployer.map(Signer::address));
        let vesting = self.vesting();

        let (supplier_wei, investor_wei) = (supplier_wei?, investor_wei?);
        let Some(sum) = TokenWei::new(supplier_wei.get() + investor_wei.get()) else {
            self.refuse(
                "INVESTOR_ALLOCATION",
                "must not exceed 2^127 wei together with MODEL_SUPPLIER_ALLOCATION",
            );
            return None;
        };
        let economics = Economics {
            supplier_wei,
            investor_wei,
            supply_wei_max: supply_wei_max.unwrap_or(sum),
            tokens_per_delta_one_wei: tokens_per_delta_one_wei?,
            infrastructure_accrual_bps: accrual?,
            oracle_price_per_thousand_usd: oracle?.into(),
            license_hash: license_hash?,
            license_uri: license_uri?,
            governor: governor?,
            vesting: vesting?,
        };
        let largest = economics.allocations(Some(economics.supply_wei_max));
        if largest.is_err() {
            self.refuse(
                "INITIAL_SUPPLY_MAX",
                "must be large enough to be divided into the two allocations",
            );
        }
        Some(economics)
    }

    fn bps(&mut self, name: &'static str, bounds: RangeInclusive<Bps>) -> Option<Bps> {
        let (min, max) = (bounds.start().get(), bounds.end().get());
        let number = self.number(name, min.into(), max.into())?;
        Bps::new(u16::try_from(number).ok()?)
    }

    fn vesting(&mut self) -> Option<Vesting> {
        let enabled = self.one_of("VESTING_ENABLED", &["true", "false"]);
        let immediate_bps = self.bps("VESTING_IMMEDIATE_UNLOCK_BPS", Bps::ZERO..=Bps::WHOLE);
        let duration = self.number("VESTING_DURATION_SECONDS", 1, u64::from(u32::MAX));
        let cliff_seconds = self.number("VESTING_CLIFF_SECONDS", 0, u64::from(u32::MAX))?;
        let (immediate_bps, duration_seconds) = (immediate_bps?, duration?);
        if cliff_seconds > duration_seconds {
            self.refuse(
                "VESTING_CLIFF_SECONDS",
                "must be at most VESTING_DURATION_SECONDS",
            );
        }
        Some(if enabled? == "true" {
            Vesting::Linear {
                immediate_bps,
                duration_seconds,
                cliff_seconds,
            }
        } else {
            Vesting::Immediate
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
