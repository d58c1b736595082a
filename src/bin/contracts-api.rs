//! `contracts-api`: settings → listener → serve and work until a signal → exit code.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use clap::{Parser, Subcommand, ValueEnum};
use contracts::api::settings::{Settings, environment, listen_address, render};
use contracts::api::{self, auth, jobs};
use contracts::deployment::store::Wish;
use contracts::secret::Secret;
use contracts::{shutdown, telemetry};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;
use zeroize::Zeroize as _;

/// Usage or settings are invalid (sysexits' EX_USAGE).
const INVALID: u8 = 64;
/// For the whole of a health check; ECS gives it 5 s by default.
const HEALTHCHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Puts token contracts on an EVM chain, exactly once each, over HTTP.
#[derive(Parser)]
#[command(
    name = "contracts-api",
    version,
    after_help = "Settings are environment variables; `contracts-api settings` lists them.\n\nExit codes: 0 ended by a signal, 1 failed, 64 usage or settings invalid."
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT (what is done without a subcommand)
    Serve,
    /// Exit 0 if the server with this environment answers /health with 200, else 1
    Healthcheck,
    /// Make API keys, and the entries they are known by
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
    /// Look at contract deployments that are not finished, and decide about those that are stuck
    Jobs {
        #[command(subcommand)]
        command: Jobs,
    },
    /// Print every setting: name, default, whether it is secret, meaning
    Settings {
        /// For reading, as an environment file to fill in, or as a table for documents
        #[arg(long, default_value = "text")]
        output: Output,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Write a new random key to a new file that only its owner may read, and print its entry
    New {
        /// The file; it must not exist
        #[arg(long)]
        key_file: PathBuf,
        #[command(flatten)]
        entry: Entry,
    },
    /// Read a key from standard input and print its entry
    Hash {
        #[command(flatten)]
        entry: Entry,
    },
}

/// What an entry of API_KEYS says beside the hash.
#[derive(clap::Args)]
struct Entry {
    /// The key's id in logs and metrics: 1-32 characters a-z, 0-9 and -
    #[arg(long, default_value = "default")]
    name: String,
    /// Whose key it is, if it is one of two: both see the same contract deployments [default: the name]
    #[arg(long)]
    owner: Option<String>,
    /// What it may be used for: deploy, read, admin, joined by + [default: deploy+read]
    #[arg(long)]
    scopes: Option<String>,
    /// When it ends, such as 2027-01-01T00:00:00Z [default: never]
    #[arg(long)]
    expires: Option<String>,
    /// BURST/PER_SECOND for POST [default: the settings']
    #[arg(long)]
    deploy: Option<String>,
    /// BURST/PER_SECOND for GET [default: the settings']
    #[arg(long)]
    read: Option<String>,
    /// Contract deployments a day (UTC) [default: no limit]
    #[arg(long)]
    deployments_per_day: Option<u64>,
    /// Gas that those are estimated to use a day (UTC) [default: no limit]
    #[arg(long)]
    gas_per_day: Option<u64>,
}

#[derive(Subcommand)]
enum Jobs {
    /// One line each: in flight by nonce, then queued, then parked
    List {
        /// At most this many of each
        #[arg(long, default_value_t = 100)]
        max: usize,
    },
    /// The whole record, without the signed bytes
    Show {
        /// The requestId
        id: Uuid,
    },
    /// Queue a parked one again
    Retry {
        /// The requestId
        id: Uuid,
    },
    /// Give one up; what was sent already is replaced by a no-op, and what is mined decides
    Close {
        /// The requestId
        id: Uuid,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Env,
    Markdown,
}

fn main() -> ExitCode {
    let Arguments { command } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are not errors; clap prints them to standard output.
            let code = if error.use_stderr() { INVALID } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match command {
        None | Some(Command::Serve) => in_runtime(serve()),
        Some(Command::Healthcheck) => in_runtime(healthcheck()),
        Some(Command::Keys { command }) => keys(command),
        Some(Command::Jobs { command }) => in_runtime(jobs(command)),
        Some(Command::Settings { output }) => {
            match output {
                Output::Text => print!("{}", render::text()),
                Output::Env => print!("{}", render::environment()),
                Output::Markdown => print!("{}", render::markdown()),
            }
            ExitCode::SUCCESS
        }
    }
}

fn in_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => {
            eprintln!("the runtime cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> ExitCode {
    let settings = match Settings::from_environment() {
        Ok(settings) => settings,
        Err(problems) => {
            telemetry::start(tracing::level_filters::LevelFilter::INFO);
            for problem in &problems {
                tracing::error!(
                    setting = problem.setting,
                    problem = problem.rule,
                    "invalid setting"
                );
            }
            tracing::error!(
                problems = problems.len(),
                "not started; `contracts-api settings` explains every setting"
            );
            return ExitCode::from(INVALID);
        }
    };
    telemetry::start(settings.log_level);
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let metrics_listener = match settings.metrics_listen {
        None => None,
        Some(address) => match bound(address).await {
            Some(listener) => Some(listener),
            None => return ExitCode::FAILURE,
        },
    };
    let Some(listener) = bound(settings.listen).await else {
        return ExitCode::FAILURE;
    };
    if let Some(address) = metrics_listener
        .as_ref()
        .and_then(|of| of.local_addr().ok())
    {
        tracing::info!(%address, "metrics for Prometheus");
    }
    let git_sha = telemetry::git_sha();
    let (trigger, shutdown) = shutdown::channel();
    tracing::info!(
        address = %listener.local_addr().unwrap_or(settings.listen),
        version = env!("CARGO_PKG_VERSION"),
        git_sha,
        chain_id = settings.policy.chain_id,
        network = settings.network,
        rpc_endpoints = settings.rpc_urls.len(),
        "listening"
    );
    tokio::spawn(async move {
        match shutdown::signal().await {
            Ok(signal) => tracing::info!(signal, "draining"),
            Err(error) => tracing::error!(error = %error, "signals cannot be received"),
        }
        trigger.shut_down();
        if let Ok(signal) = shutdown::signal().await {
            tracing::warn!(signal, "ended by a second signal");
            std::process::exit(1);
        }
    });
    match api::run(settings, listener, metrics_listener, git_sha, shutdown).await {
        Ok(()) => {
            tracing::info!("ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(error = telemetry::chain(&error), "not started");
            ExitCode::FAILURE
        }
    }
}

/// A listener there, or the reason in the log.
async fn bound(address: SocketAddr) -> Option<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener
        .inspect_err(|error| tracing::error!(%address, %error, "cannot listen"))
        .ok()
}

/// Decisions about deployments. They are left in Redis as wishes for whoever holds the lease, so no record is changed from here.
async fn jobs(command: Jobs) -> ExitCode {
    let settings = match Settings::from_environment() {
        Ok(settings) => settings,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            return ExitCode::from(INVALID);
        }
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = match command {
        Jobs::List { max } => jobs::list(settings, max).await,
        Jobs::Show { id } => jobs::show(settings, id).await,
        Jobs::Retry { id } => jobs::wish(settings, id, Wish::Retry).await,
        Jobs::Close { id } => jobs::wish(settings, id, Wish::Close).await,
    };
    match answer {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

async fn healthcheck() -> ExitCode {
    let address = match listen_address(environment) {
        Ok(mut address) => {
            if address.ip().is_unspecified() {
                address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
            }
            address
        }
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            return ExitCode::from(INVALID);
        }
    };
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&head).into_owned())
    };
    match tokio::time::timeout(HEALTHCHECK_TIMEOUT, ask).await {
        Ok(Ok(head)) if head.ends_with(" 200") => ExitCode::SUCCESS,
        Ok(Ok(head)) => {
            eprintln!("{address} answers {head}");
            ExitCode::FAILURE
        }
        Ok(Err(error)) => {
            eprintln!("{address}: {error}");
            ExitCode::FAILURE
        }
        Err(_) => {
            eprintln!(
                "{address} does not answer within {} s",
                HEALTHCHECK_TIMEOUT.as_secs()
            );
            ExitCode::FAILURE
        }
    }
}

fn keys(command: Keys) -> ExitCode {
    let made = match command {
        Keys::Hash { entry } => read_key().and_then(|key| entry.text(key.expose())),
        Keys::New { key_file, entry } => {
            // 244 bits of the system's randomness. The prefix is for those who look for keys where they should not be.
            let random = [Uuid::new_v4(), Uuid::new_v4()].map(|half| half.simple().to_string());
            let key = Secret::new(format!("hk_{}", random.concat()));
            // The entry first: a mistake in it leaves no file.
            entry
                .text(key.expose())
                .and_then(|text| write_key(&key_file, &key).map(|()| text))
        }
    };
    match made {
        Ok(entry) => {
            println!("{entry}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(INVALID)
        }
    }
}

fn read_key() -> Result<Secret<String>, String> {
    let mut key = Secret::new(String::new());
    let mut text = String::new();
    let read = std::io::stdin().take(4096).read_to_string(&mut text);
    let trimmed = text.trim();
    if read.is_ok() && (1..=512).contains(&trimmed.len()) {
        key = Secret::new(trimmed.to_owned());
    }
    text.zeroize();
    match key.expose().is_empty() {
        false => Ok(key),
        true => Err("standard input must hold one API key of 1 to 512 characters".into()),
    }
}

fn write_key(path: &Path, key: &Secret<String>) -> Result<(), String> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| writeln!(file, "{}", key.expose()))
        .map_err(|error| format!("{}: {error}", path.display()))
}

impl Entry {
    /// As the service reads it; the rule it breaks, if it does.
    fn text(self, key: &str) -> Result<String, String> {
        let Self {
            name,
            owner,
            scopes,
            expires,
            deploy,
            read,
            deployments_per_day,
            gas_per_day,
        } = self;
        let mut text = auth::entry(&name, key.as_bytes());
        let number = |number: u64| number.to_string();
        for (option, value) in [
            ("owner", owner),
            ("scopes", scopes),
            ("expires", expires),
            ("deploy", deploy),
            ("read", read),
            ("deployments-per-day", deployments_per_day.map(number)),
            ("gas-per-day", gas_per_day.map(number)),
        ] {
            if let Some(value) = value {
                text.push_str(&format!(";{option}={value}"));
            }
        }
        match auth::ApiKeys::parse(&text) {
            Ok(_) => Ok(text),
            Err(problems) => Err(problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ")),
        }
    }
}
