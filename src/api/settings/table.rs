//! The one list of settings: name, default, meaning, and whether it is secret. Documents and templates are made from it, by [`render`](super::render).

/// One setting, as a person reads about it.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What holds when it is absent or empty.
    pub absent: Absent,
    /// Whether the value must be kept secret (in AWS: an SSM SecureString).
    pub secret: bool,
    /// What it does, with its unit and bounds.
    pub meaning: &'static str,
}

/// What holds when a setting is absent or empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The process does not start.
    Refused,
    /// This value.
    Default(&'static str),
    /// A value that depends on others, in words.
    Derived(&'static str),
}

const fn plain(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        absent: Absent::Default(default),
        secret: false,
        meaning,
    }
}

const fn derived(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        absent: Absent::Derived(default),
        secret: false,
        meaning,
    }
}

const fn secret(name: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        absent: Absent::Refused,
        secret: true,
        meaning,
    }
}

/// Every setting there is.
pub const TABLE: &[Setting] = &[
    plain("PORT", "3001", "TCP port to listen on (0 takes a free one)"),
    plain("BIND_ADDRESS", "0.0.0.0", "IP address to listen on"),
    plain("LOG_LEVEL", "info", "error, warn, info, debug or trace"),
    derived(
        "SERVICE_NAME",
        "no metrics are written",
        "what metrics are emitted under, in the log, in CloudWatch's embedded format; the reconciler sets it",
    ),
    derived(
        "METRICS_PORT",
        "Prometheus is not answered",
        "TCP port on which Prometheus may ask GET /metrics, without a key (0 takes a free one)",
    ),
    plain(
        "METRICS_BIND_ADDRESS",
        "127.0.0.1",
        "IP address of that port: loopback reaches a sidecar of the same task; on another one, let a security group admit the scraper only",
    ),
    Setting {
        name: "CHAIN_ID",
        absent: Absent::Refused,
        secret: false,
        meaning: "the EVM chain; every RPC endpoint must serve it",
    },
    derived(
        "NETWORK_NAME",
        "by CHAIN_ID: 1 mainnet, 11155111 sepolia, else chain- and the id",
        "shown in tokenDetails.network",
    ),
    plain(
        "CONFIRMATION_BLOCKS",
        "2",
        "blocks that make a result final, its own included; 1-50",
    ),
    plain(
        "MODEL_SUPPLIER_ALLOCATION",
        "2500000000000000000000000",
        "the supplier's part of a token, in wei",
    ),
    plain(
        "INVESTOR_ALLOCATION",
        "10000000000000000000000000",
        "the investors' part of a token, in wei",
    ),
    plain(
        "TOKENS_PER_DELTA_ONE",
        "5000000000000000000000",
        "wei minted per point of improvement; 100 to 10000000 tokens",
    ),
    plain(
        "INFRASTRUCTURE_ACCRUAL_BPS",
        "8000",
        "share of revenue for infrastructure, basis points; 1000-10000",
    ),
    plain(
        "INITIAL_ORACLE_PRICE_PER_THOUSAND_USD",
        "0",
        "first oracle price as the contract reads it; at most 1000000000000",
    ),
    plain(
        "LICENSE_HASH",
        "0x0000000000000000000000000000000000000000000000000000000000000000",
        "hash of the licence, 0x and 64 hex digits",
    ),
    plain(
        "LICENSE_URI",
        "",
        "where the licence is; at most 2048 characters",
    ),
    derived(
        "GOVERNOR_ADDRESS",
        "the deployer's own address",
        "who may change a token's parameters; not zero",
    ),
    plain(
        "VESTING_ENABLED",
        "true",
        "whether the supplier's part is released over time: true or false",
    ),
    plain(
        "VESTING_IMMEDIATE_UNLOCK_BPS",
        "1000",
        "part released at once, basis points; 0-10000",
    ),
    plain(
        "VESTING_DURATION_SECONDS",
        "31536000",
        "until all is released, seconds; at least 1",
    ),
    plain(
        "VESTING_CLIFF_SECONDS",
        "0",
        "before the linear release begins, seconds; at most the duration",
    ),
    derived(
        "INITIAL_SUPPLY_MAX",
        "the sum of the two allocations",
        "the most a request may ask for, in tokens",
    ),
    plain(
        "MAX_GAS_PRICE_GWEI",
        "500",
        "above this price nothing is signed; 1-100000",
    ),
    plain(
        "IN_FLIGHT_MAX",
        "16",
        "unmined transactions at once; 1-500 (geth is sure to keep 16 of an account, and 64 beyond a gap)",
    ),
    plain(
        "REPLACE_AFTER_SECONDS",
        "60",
        "the lowest unmined transaction is raised by an eighth after this long; 1-86400",
    ),
    plain(
        "JOB_DEADLINE_SECONDS",
        "86400",
        "what is not mined this long after its acceptance is given up; 10-2592000",
    ),
    plain(
        "LEASE_MS",
        "6000",
        "how long a dead holder of the signing right keeps the others waiting; 1000-60000",
    ),
    plain(
        "REBUILD_LOOKBACK_BLOCKS",
        "50000",
        "how far back the chain's logs are read after a loss of data in Redis; 0-10000000",
    ),
    plain(
        "REGISTRY_METRIC",
        "accuracy",
        "performance metric a token is registered with, where this account may register; 1-64 characters",
    ),
    plain(
        "LISTENER_ENABLED",
        "false",
        "whether the old queue is a second way in: true or false",
    ),
    plain(
        "INBOUND_QUEUE",
        "hokusai:model_ready_queue",
        "Redis list of models that are ready, oldest at its right end",
    ),
    plain(
        "PROCESSING_QUEUE",
        "hokusai:processing_queue",
        "Redis list of what was taken from it and is not yet a deployment",
    ),
    plain(
        "OUTBOUND_QUEUE",
        "hokusai:token_deployed_queue",
        "Redis list of events, one for each token that came from the queue",
    ),
    plain(
        "DLQ_NAME",
        "hokusai:dlq",
        "Redis list of what could not be carried out, with the reason; the newest 10000 are kept",
    ),
    plain(
        "LISTENER_TRUST_UNSIGNED",
        "false",
        "whether messages without a signature are taken: then whoever can write to Redis can spend; true or false",
    ),
    plain(
        "LISTENER_UNSIGNED_PER_DAY",
        "20",
        "unsigned messages taken per day (UTC), all replicas together; 1-10000",
    ),
    derived(
        "MODEL_SUPPLIER_RECIPIENT",
        "none: messages must name theirs",
        "who receives the supplier's part when a message of the queue names nobody; not zero",
    ),
    plain(
        "RATE_LIMIT_DEPLOY_BURST",
        "200",
        "POSTs one API key may make at once; 1-1000000",
    ),
    plain(
        "RATE_LIMIT_DEPLOY_PER_SECOND",
        "10",
        "POSTs regained per second; 1-1000000",
    ),
    plain(
        "RATE_LIMIT_READ_BURST",
        "500",
        "GETs one API key may make at once; 1-1000000",
    ),
    plain(
        "RATE_LIMIT_READ_PER_SECOND",
        "100",
        "GETs regained per second; 1-1000000",
    ),
    plain(
        "EVENT_STREAMS_MAX",
        "10000",
        "event streams that may be open in one process, each a connection of at most 64 KiB: 10000 are 625 MiB of a task's memory at worst; 1-50000",
    ),
    plain(
        "EVENT_STREAMS_PER_KEY_MAX",
        "1000",
        "of these by one API key; 1-50000",
    ),
    plain(
        "CORS_ORIGINS",
        "",
        "origins that may call from a browser, comma-separated; empty: none; * is refused",
    ),
    secret(
        "DEPLOYER_PRIVATE_KEY",
        "the key that signs and pays, 0x and 64 hex digits; not with KMS_BACKEND_KEY_ID",
    ),
    derived(
        "KMS_BACKEND_KEY_ID",
        "none: DEPLOYER_PRIVATE_KEY signs",
        "id, ARN or alias of the ECC_SECG_P256K1 key in AWS KMS that signs and pays; region and credentials as the AWS SDK finds them",
    ),
    derived(
        "KMS_BACKEND_EXPECTED_ADDRESS",
        "required with KMS_BACKEND_KEY_ID",
        "the account whose key that must be, 0x and 40 hex digits",
    ),
    secret(
        "TOKEN_MANAGER_ADDRESS",
        "the TokenManager contract, 0x and 40 hex digits; not zero",
    ),
    secret(
        "MODEL_REGISTRY_ADDRESS",
        "the ModelRegistry contract, 0x and 40 hex digits; not zero",
    ),
    derived(
        "DELTA_VERIFIER_ADDRESS",
        "none: readiness does not ask for it",
        "the DeltaVerifier contract, on which this account must have the submitter's role to be ready; 0x and 40 hex digits, not zero",
    ),
    secret(
        "RPC_URL",
        "http(s) URLs of nodes, comma-separated, the preferred one first; at most 10",
    ),
    secret("REDIS_URL", "redis:// or rediss:// URL"),
    Setting {
        name: "RECORD_KEY",
        absent: Absent::Derived("made from DEPLOYER_PRIVATE_KEY; required with KMS_BACKEND_KEY_ID"),
        secret: true,
        meaning: "seals the records in Redis and makes the ids of requests; 32 or more characters, the same for all replicas",
    },
    Setting {
        name: "LISTENER_HMAC_KEY",
        absent: Absent::Derived("no signed message can be checked"),
        secret: true,
        meaning: "the key that producers sign messages of the queue with (HMAC-SHA256); 32 or more characters",
    },
    secret(
        "API_KEYS",
        "who may call: entries id:sha256hex with options, comma-separated, made with `contracts-api keys hash`; a key in plain text is taken too, and hashed; at most 100",
    ),
    derived(
        "API_KEYS_SOURCE",
        "API_KEYS holds until the end of the process",
        "where they are read again from every 25 s and at SIGHUP: an SSM parameter's name that begins with /, or its ARN, or the ARN of a secret of Secrets Manager",
    ),
    Setting {
        name: "WEBHOOKS",
        absent: Absent::Derived("nobody is told; nothing is kept for it in Redis"),
        secret: true,
        meaning: "where callers are told of changes: entries `caller https-URL whsec_secret [whsec_old-secret]`, separated by commas, the caller an owner of API_KEYS; at most 100",
    },
    plain(
        "WEBHOOKS_TO_LOOPBACK",
        "false",
        "whether webhooks may also go to this machine itself, at any port and by http://, for tests and development: true or false",
    ),
];
