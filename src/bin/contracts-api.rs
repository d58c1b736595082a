//! `contracts-api`: settings → listener → serve and work until a signal → exit code.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use clap::{Parser, Subcommand, ValueEnum};
use contracts::api::settings::{Settings, environment, listen_address, render};
use contracts::api::{self, auth, jobs};
use contracts::deployment::store::Wish;
use contracts::{shutdown, telemetry};
use std::io::Read as _;
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
    /// Read an API key from standard input and print its entry for API_KEYS
    HashKey {
        /// The caller's name: 1-32 characters a-z, 0-9 and -
        #[arg(long, default_value = "default")]
        name: String,
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
        Some(Command::HashKey { name }) => hash_key(&name),
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
    let listener = match TcpListener::bind(settings.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(address = %settings.listen, error = %error, "cannot listen");
            return ExitCode::FAILURE;
        }
    };
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
    match api::run(settings, listener, git_sha, shutdown).await {
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

fn hash_key(name: &str) -> ExitCode {
    let mut key = String::new();
    let read = std::io::stdin().take(4096).read_to_string(&mut key);
    let trimmed = key.trim();
    let problem = if read.is_err() || trimmed.is_empty() || trimmed.len() > 512 {
        Some("standard input must hold one API key of 1 to 512 characters")
    } else if !auth::is_name(name) {
        Some("--name must be 1 to 32 characters a-z, 0-9 and -")
    } else {
        None
    };
    let code = match problem {
        Some(problem) => {
            eprintln!("{problem}");
            ExitCode::from(INVALID)
        }
        None => {
            println!("{}", auth::entry(name, trimmed.as_bytes()));
            ExitCode::SUCCESS
        }
    };
    key.zeroize();
    code
}
