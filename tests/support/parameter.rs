//! One parameter of SSM that holds the API keys, on the wire of a simulated account.

use super::api::Environment;
use contracts::deployment::worker::now_ms;
use contracts::simulator::{Call, Simulator, account, fault, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The parameter's name.
pub const NAME: &str = "/test/api_keys";

/// A listening account; it ends with the test's runtime.
pub struct Parameter {
    port: u16,
    simulator: Simulator,
}

impl Parameter {
    pub async fn holding(value: &str) -> Self {
        let world = account::parse(include_str!("../fixtures/account.yaml")).unwrap();
        let simulator = Simulator::new(world.into_world(1, now_ms()), now_ms());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = serve::serve(listener, simulator.clone(), std::future::pending());
        tokio::spawn(serving);
        let parameter = Self { port, simulator };
        parameter.put(value);
        parameter
    }

    pub fn put(&self, value: &str) {
        let input =
            json!({ "Name": NAME, "Value": value, "Type": "SecureString", "Overwrite": true });
        self.ask("ssm", "PutParameter", input);
    }

    /// From now on every reading of it meets this fault of the simulator's, or none.
    pub fn meets(&self, fault: Option<&str>) {
        let rules = fault
            .map(|fault| json!({ "on": "ssm.GetParameter", "probability": 1.0, "fault": fault }));
        let script = json!({ "faults": Vec::from_iter(rules) });
        let faults = fault::parse(&script.to_string()).unwrap();
        self.simulator.set_faults(faults);
    }

    /// How often it was read or tried to be.
    pub fn readings(&self) -> u64 {
        let calls = self.simulator.calls();
        calls.get("ssm.GetParameter").map_or(0, |calls| calls.calls)
    }

    /// The same as a secret of Secrets Manager; its ARN.
    pub fn secret(&self, value: &str) -> String {
        let token = "00000000-0000-4000-8000-000000000001";
        let input = json!({ "Name": "keys", "SecretString": value, "ClientRequestToken": token });
        let made = self.ask("secretsmanager", "CreateSecret", input);
        made["ARN"].as_str().unwrap().to_string()
    }

    fn ask(&self, service: &'static str, operation: &str, input: Value) -> Value {
        let call = Call {
            service,
            operation: operation.to_owned(),
            input: input.as_object().unwrap().clone(),
            principal: None,
            now: now_ms(),
        };
        self.simulator.answer(&call).unwrap()
    }

    /// What a process needs to read it.
    pub fn settings(&self, source: &str) -> Environment {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let settings = [
            ("API_KEYS_SOURCE", source),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "demo"),
            ("AWS_SECRET_ACCESS_KEY", "demo"),
        ];
        settings
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .into()
    }
}
