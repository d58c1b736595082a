//! One simulated account with virtual tasks, and the reconciler pointed at it.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::reconciler::aws::Aws;
use contracts::reconciler::converge::{Outcome, Progress, converge};
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::spec::{Reference, Spec};
use contracts::simulator::{Call, Simulator, account, client, image, play};
use serde_json::{Value, json};

pub const DEVELOPMENT: &str = include_str!("../../manifests/development.yaml");
const ACCOUNT: &str = include_str!("../fixtures/account.yaml");
/// Some contract's.
const ADDRESS: &str = "0x00000000000000000000000000000000000c0de1";
/// 2026-01-01T00:00:00Z; any fixed time will do.
const START: u64 = 1_767_225_600_000;

/// The simulation, running; it ends with the test's runtime.
pub struct Account {
    pub simulator: Simulator,
    pub spec: Spec,
    pub aws: Aws,
}

impl Account {
    /// The fixture account with every secret in place, and the development manifest.
    pub async fn new() -> Account {
        Account::of(DEVELOPMENT).await
    }

    /// The same while its security groups still let the port of before through.
    pub async fn with_the_old_port() -> Account {
        let fixture = ACCOUNT.replace("[3001, 3001]", "[3001, 8002]");
        Account::bare(&fixture, DEVELOPMENT).furnished()
    }

    /// The fixture account with every secret of another manifest in place.
    pub async fn of(manifest: &str) -> Account {
        Account::bare(ACCOUNT, manifest).furnished()
    }

    fn furnished(self) -> Account {
        let account = self;
        let task = &account.spec.task;
        for (parameters, kind, value) in [
            (&task.secrets, "SecureString", "x"),
            (&task.addresses, "String", ADDRESS),
        ] {
            for parameter in parameters.values() {
                let input = json!({ "Name": parameter, "Value": value, "Type": kind });
                account.call("ssm", "PutParameter", input);
            }
        }
        account.simulator.clear_calls();
        account
    }

    /// The fixture account before anyone put a secret into it.
    pub async fn without_secrets() -> Account {
        Account::bare(ACCOUNT, DEVELOPMENT)
    }

    fn bare(fixture: &str, manifest: &str) -> Account {
        let world = account::parse(fixture).unwrap().into_world(1, START);
        let simulator = Simulator::new(world, START);
        tokio::spawn(play::run(simulator.clone(), std::future::pending()));
        let spec = Spec::believe(&Manifest::parse("manifest.yaml", manifest).unwrap()).unwrap();
        let config = client::config(&simulator);
        let aws = Aws::over(&config);
        Account {
            simulator,
            spec,
            aws,
        }
    }

    /// One call as somebody else makes it.
    pub fn call(&self, service: &'static str, operation: &str, input: Value) -> Value {
        let now = self.simulator.now();
        let call = Call {
            service,
            operation: operation.to_owned(),
            input: input.as_object().unwrap().clone(),
            principal: None,
            now,
        };
        self.simulator
            .answer(&call)
            .unwrap_or_else(|refusal| panic!("{operation}: {refusal:?}"))
    }

    /// `reconciler reconcile`, with every step that was applied.
    pub async fn reconcile(&self) -> (Outcome, Vec<String>) {
        self.reconcile_within(Duration::from_secs(1800)).await
    }

    /// The same with another deadline.
    pub async fn reconcile_within(&self, deadline: Duration) -> (Outcome, Vec<String>) {
        let mut steps = Vec::new();
        let outcome = converge(&self.aws, &self.spec, deadline, |progress| {
            if let Progress::Applied { step, error } = progress {
                steps.push(format!(
                    "{} {}{}",
                    step.call.operation(),
                    step.subject.name,
                    error.clone().unwrap_or_default()
                ));
            }
        });
        let outcome = outcome.await;
        (outcome, steps)
    }

    /// The manifest names another tag of the image.
    pub fn image(&mut self, tag: &str) {
        let image = &mut self.spec.image;
        image.uri = format!("{}:{tag}", image.uri.rsplit_once(':').unwrap().0);
        image.reference = Reference::Tag(tag.to_owned());
    }

    /// A tag that ECR has and no task can pull.
    pub fn unpullable(&self, tag: &str) {
        self.behaves(
            tag,
            "unpullable: 'pull image manifest has been retried 5 time(s)'",
        );
    }

    /// What the image of a tag does, in the simulator's words.
    pub fn behaves(&self, tag: &str, script: &str) {
        let script = format!("images: [{{ image: 'hokusai/contracts:{tag}', {script} }}]");
        let scripts = image::parse(&script).unwrap();
        self.simulator.with(|world, _| world.images = scripts);
    }

    /// Mutating calls by name since the last time they were cleared.
    pub fn mutating(&self) -> BTreeMap<String, u64> {
        let calls = self
            .simulator
            .calls()
            .into_iter()
            .filter(|(_, calls)| calls.mutating);
        calls.map(|(name, calls)| (name, calls.calls)).collect()
    }
}
