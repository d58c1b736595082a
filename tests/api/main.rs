//! `contracts-api` as a process, against a real Redis and a real EVM node.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod connections;
mod contracts;
mod crash;
mod deploy;
mod edge;
mod engine;
mod events;
mod http;
mod keys;
mod kms;
mod listener;
#[path = "../support/looked_at.rs"]
mod looked_at;
mod metrics;
mod outage;
mod outbox;
mod process;
mod reads;
mod replay;
mod secured;
mod store;
#[path = "../support/support.rs"]
mod support;
mod webhooks;

use support::anvil::Anvil;
use support::api::{Api, Environment, environment};
use support::proxy::Proxy;
use support::redis::Redis;

/// Everything one test needs, for itself alone.
struct World {
    redis: Redis,
    chain: Anvil,
    proxy: Proxy,
    environment: Environment,
}

impl World {
    async fn start() -> Self {
        // First, for it blocks: others' deadlines would pass meanwhile.
        support::anvil::install();
        let (redis, chain) = tokio::join!(Redis::start(), Anvil::start());
        let proxy = Proxy::start(&chain.url).await;
        let environment = environment(&redis, &chain, &proxy.url);
        Self {
            redis,
            chain,
            proxy,
            environment,
        }
    }

    async fn api(&self) -> Api {
        Api::start(&self.environment).await
    }

    fn with(&self, name: &str, value: &str) -> Environment {
        let mut environment = self.environment.clone();
        environment.insert(name.into(), value.into());
        environment
    }
}
