//! `simulator`: the simulated AWS as a process: argv → sockets and tasks until a signal → exit code.

#![allow(clippy::print_stderr, reason = "a command line program prints")]

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use contracts::shutdown;
use contracts::simulator::address::{ClaimError, Subnet};
use contracts::simulator::balancer::{self, Balancer};
use contracts::simulator::{Simulator, account, ecs, fault, image, live, play, serve};
use contracts::telemetry::chain;
use serde_json::json;
use tokio::net::TcpListener;

/// A simulated AWS on this machine: its APIs on one loopback port, a load balancer on another, tasks as processes or virtual.
///
/// Any AWS client can use it: point AWS_ENDPOINT_URL (or --endpoint-url) at it, region us-east-1, and a key of
/// the account file, such as AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo. Nothing is kept: it starts from the account file each time, and takes its tasks with it when it ends.
#[derive(Parser)]
#[command(
    name = "simulator",
    version,
    after_help = "Once it answers, DIR/ready.json holds the addresses:
  endpoint       the AWS APIs
  load_balancer  the HTTPS listener; it routes by host name, so connect here and ask for the host you want
  ca_file        the certificate that clients of the load balancer must trust

Example, with a build of the API standing for its image:
  simulator --port 4566 --account tests/fixtures/account.yaml --state /tmp/aws \\
            --image hokusai/contracts=target/debug/contracts-api
  AWS_ENDPOINT_URL=http://127.0.0.1:4566 aws ecs list-clusters
  curl http://127.0.0.1:4566/_simulator/tasks     (also: calls, journal, balancer, state, defaults, ready;
                                                DELETE calls or journal starts anew)
  and in a browser: http://127.0.0.1:4566/_simulator/ shows all of it, live

Load, as the body of PUT /_simulator/load, which becomes metrics, alarms and scaling; what is left out is 0:
  {\"cluster\": \"hokusai-development\", \"service\": \"contracts\", \"requests_per_second\": 40, \"seconds_per_request\": 0.1,
   \"error_share\": 0.01, \"cpu_seconds_per_request\": 0.02, \"memory_mib_per_task\": 300}

Faults, as in --faults and as the body of PUT /_simulator/faults:
  faults:
    - { on: \"ecs.CreateService\", fault: lost-reply }            the first such call
    - { on: \"iam.*\", nth: 3, times: 2, fault: throttle }        the third and fourth
    - { on: \"*\", probability: 0.05, fault: unavailable }        one in twenty; `seed: 7` beside faults decides which
  Kinds: throttle, internal-error, unavailable, timeout, timeout-after, disconnect, lost-reply, stale-read (with seconds),
  foreign-write-before and foreign-write-after (with call: { service, operation, input }). `after` and `lost` had their effect.

Images, as in --images and as the body of PUT /_simulator/images; the pull is every task's, the rest a virtual task's:
  images:
    - { image: hokusai/contracts, pull_seconds: 20, start_seconds: 2 }          all of a repository
    - { image: \"hokusai/contracts:0.2.0\", crash: { after_seconds: 3, code: 1 } }  one tag; `times: 2` in crash: the first two
  Keys: pull_seconds, unpullable (the reason), start_seconds, lines (a list), crash, ignores_sigterm, unhealthy,
  leaks_mib_per_second, says. Virtual tasks are run, checked and probed, but have no socket: requests to them get 502, or
  200 and what `says` holds.

Lifecycle hooks: no function runs here; PUT /_simulator/hooks says what each answers, call by call (SUCCEEDED when it says nothing):
  {\"arn:aws:lambda:us-east-1:123456789012:function:gate\": [\"IN_PROGRESS\", \"FAILED\"]}

Events go to standard error, one a line; RUST_LOG=debug shows more. SIGTERM or Ctrl-C ends it."
)]
struct Line {
    /// The port of the APIs; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What exists at the start (YAML)
    #[arg(long, value_name = "FILE")]
    account: PathBuf,
    /// Where ready.json and the load balancer's ca.pem are written; made when absent
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// How many simulated seconds one second is, for runs of which only the order of things matters; up to 10 with
    /// processes. With virtual tasks the clock then starts thirty days ago: clients are told of nothing still to come
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    speed: u64,
    /// What tasks are: processes of this machine, or played by --images
    #[arg(long, value_enum, default_value_t = Tasks::Processes)]
    tasks: Tasks,
    /// How images behave (YAML)
    #[arg(long = "images", value_name = "FILE")]
    behaviour: Option<PathBuf>,
    /// The program that runs as the image of an ECR repository; may be given several times
    #[arg(long = "image", value_name = "REPOSITORY=COMMAND", value_parser = image)]
    images: Vec<(String, PathBuf)>,
    /// Whether AWS's documented request limits hold
    #[arg(long, value_enum, default_value_t = Switch::Off)]
    limits: Switch,
    /// How late reads of ECS, Elastic Load Balancing and IAM are after a change
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    lag: u64,
    /// What goes wrong (YAML)
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Tasks {
    Processes,
    Virtual,
}

/// The fastest clock that processes are made for.
const PROCESS_SPEED_MAX: u64 = 10;
/// Clients leave out what by their own clock is still to come (ecs-deploy: events). At the highest speed it takes three
/// quarters of an hour until there is such again.
const BEHIND_MILLIS: u64 = 30 * 86_400_000;

/// What clap cannot see of a command line.
fn conflict(line: &Line) -> Option<&'static str> {
    match line.tasks {
        Tasks::Processes if line.speed > PROCESS_SPEED_MAX => {
            Some("a --speed above 10 is for --tasks virtual")
        }
        Tasks::Virtual if !line.images.is_empty() => {
            Some("--image is for --tasks processes; virtual tasks are described by --images")
        }
        Tasks::Processes | Tasks::Virtual => None,
    }
}

fn image(text: &str) -> Result<(String, PathBuf), String> {
    let (repository, command) = text.split_once('=').ok_or("expected REPOSITORY=COMMAND")?;
    let command = Path::new(command)
        .canonicalize()
        .map_err(|error| format!("{command}: {error}"))?;
    Ok((repository.to_owned(), command))
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("failed to read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("{} is refused", .0.display())]
    Refused(PathBuf, #[source] account::Error),
    #[error("{} is refused", .0.display())]
    Faults(PathBuf, #[source] fault::Error),
    #[error("{} is refused", .0.display())]
    Images(PathBuf, #[source] image::Error),
    #[error("failed to listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("failed to write to {}", .0.display())]
    State(PathBuf, #[source] io::Error),
    #[error("failed to listen for signals")]
    Signals(#[source] io::Error),
    #[error(transparent)]
    Address(#[from] ClaimError),
    #[error("the load balancer does not stand")]
    Balancer(#[from] balancer::Error),
    #[error("tasks cannot run")]
    Live(#[from] live::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    let line = Line::parse();
    if let Some(conflict) = conflict(&line) {
        Line::command()
            .error(ErrorKind::ArgumentConflict, conflict)
            .exit();
    }
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("contracts=info,simulator=info"));
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_env_filter(filter)
        .with_target(false)
        .init();
    match simulate(line).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("simulator: {}", chain(&failure));
            ExitCode::FAILURE
        }
    }
}

/// Everything is bound before anything is announced; everything ends before this returns.
async fn simulate(line: Line) -> Result<(), Failure> {
    let Line {
        port,
        account: account_file,
        state,
        speed,
        tasks,
        behaviour,
        images,
        limits,
        lag,
        faults,
    } = line;
    let text = read(&account_file).await?;
    let account = account::parse(&text).map_err(|source| Failure::Refused(account_file, source))?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let real = u64::try_from(now).unwrap_or(u64::MAX);
    let now = match tasks {
        Tasks::Virtual if speed > 1 => real.saturating_sub(BEHIND_MILLIS),
        Tasks::Virtual | Tasks::Processes => real,
    };
    let world = account.into_world(fastrand::u64(..), now);
    let simulator = Simulator::apart(world, now, speed, real);
    simulator.set_limits(limits == Switch::On);
    simulator.set_lag(Duration::from_millis(lag));
    if let Some(file) = faults {
        let faults = fault::parse(&read(&file).await?);
        simulator.set_faults(faults.map_err(|source| Failure::Faults(file, source))?);
    }
    if let Some(file) = behaviour {
        let images = image::parse(&read(&file).await?);
        let images = images.map_err(|source| Failure::Images(file, source))?;
        simulator.with(|world, _| world.images = images);
    }

    let state_failure = |source| Failure::State(state.clone(), source);
    tokio::fs::create_dir_all(&state)
        .await
        .map_err(state_failure)?;
    let state = state.canonicalize().map_err(state_failure)?;
    let ready = state.join("ready.json");
    remove(&ready)?;
    let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(asked)
        .await
        .map_err(|source| Failure::Listen(asked, source))?;
    let bound = listener
        .local_addr()
        .map_err(|source| Failure::Listen(asked, source))?;
    let endpoint = format!("http://{bound}");
    simulator.with(|world, _| world.endpoint = Some(endpoint.clone()));
    // Held to the end: tasks and load balancer live in it.
    let subnet = Subnet::claim()?;
    let balancer = Balancer::bind(simulator.clone(), subnet.host(1), &state).await?;
    let announcement = json!({
        "endpoint": endpoint, "load_balancer": balancer.address().to_string(),
        "ca_file": balancer.authority_file(),
    });

    let (trigger, stop) = shutdown::channel();
    let until_stopped = || {
        let mut stop = stop.clone();
        async move { stop.wait().await }
    };
    let options = live::Options {
        images: images.into_iter().collect(),
        network: subnet.host(0),
    };
    let run_tasks = async {
        let ended = match tasks {
            Tasks::Processes => live::run(simulator.clone(), options, until_stopped()).await,
            Tasks::Virtual => {
                // Nobody listens there, but it is an address of this machine and no other's.
                simulator.with(|world, _| ecs::use_network(world, subnet.host(0)));
                play::run(simulator.clone(), until_stopped()).await;
                Ok(())
            }
        };
        trigger.shut_down();
        ended
    };
    let run_balancer = async {
        match tasks {
            Tasks::Processes => balancer.run(until_stopped()).await,
            Tasks::Virtual => balancer.serve(until_stopped()).await,
        }
    };
    let run_until_signal = async {
        let ended = announce_and_wait(&ready, &announcement.to_string(), until_stopped()).await;
        trigger.shut_down();
        ended
    };
    let (tasks, waited, (), ()) = tokio::join!(
        run_tasks,
        run_until_signal,
        serve::serve(listener, simulator.clone(), until_stopped()),
        run_balancer,
    );
    remove(&ready)?;
    tasks?;
    waited
}

/// Returns at a signal, or when something else ends the simulation.
async fn announce_and_wait(
    ready: &Path,
    announcement: &str,
    stopped: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let mut signal = pin!(shutdown::signal());
    // A signal that comes as soon as the file is there must find its handler: it is installed at the first poll.
    let early = tokio::select! {
        biased;
        received = &mut signal => Some(received),
        written = write_whole(ready, announcement) => { written?; None }
    };
    tracing::info!("ready: {announcement}");
    let received = match early {
        Some(received) => received,
        None => tokio::select! {
            received = signal => received,
            () = stopped => return Ok(()),
        },
    };
    let name = received.map_err(Failure::Signals)?;
    tracing::info!("{name}: stopping");
    Ok(())
}

async fn read(file: &Path) -> Result<String, Failure> {
    let text = tokio::fs::read_to_string(file).await;
    text.map_err(|source| Failure::Read(file.to_owned(), source))
}

/// Whoever sees the file sees all of it.
async fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    let partial = path.with_extension("partial");
    let written = match tokio::fs::write(&partial, text).await {
        Ok(()) => tokio::fs::rename(&partial, path).await,
        failed => failed,
    };
    written.map_err(|source| Failure::State(path.to_owned(), source))
}

/// A file of an earlier run would lead clients astray.
fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::State(path.to_owned(), error))
        }
        _ => Ok(()),
    }
}
