//! AWS's own models of its services, as botocore carries them: which operations there are and what they take.
//!
//! Gives random inputs of the right types, inputs of wrong ones, and requests of them in the service's protocol.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use fastrand::Rng;
use http::Request;
use serde_json::{Map, Value, json};

/// botocore's directory and the signing name.
pub const SERVICES: [(&str, &str); 14] = [
    ("ecs", "ecs"),
    ("elbv2", "elasticloadbalancing"),
    ("application-autoscaling", "application-autoscaling"),
    ("cloudwatch", "monitoring"),
    ("logs", "logs"),
    ("ssm", "ssm"),
    ("servicediscovery", "servicediscovery"),
    ("iam", "iam"),
    ("sts", "sts"),
    ("ecr", "ecr"),
    ("secretsmanager", "secretsmanager"),
    ("acm", "acm"),
    ("sns", "sns"),
    ("ec2", "ec2"),
];

pub struct Model {
    pub signing: &'static str,
    document: Value,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protocol {
    Json,
    Query,
    /// Query with lists of another spelling.
    Ec2,
    Cbor,
}

impl Model {
    pub fn load(directory: &str, signing: &'static str) -> Model {
        let data = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("target/tools/python/botocore/data")
            .join(directory);
        let versions = std::fs::read_dir(&data);
        let versions =
            versions.unwrap_or_else(|_| panic!("no {}: run scripts/install.sh", data.display()));
        let newest = versions.map(|entry| entry.unwrap().path()).max().unwrap();
        let packed = std::fs::read(newest.join("service-2.json.gz")).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        Model {
            signing,
            document: serde_json::from_str(&text).unwrap(),
        }
    }

    pub fn all() -> impl Iterator<Item = Model> {
        SERVICES
            .into_iter()
            .map(|(directory, signing)| Model::load(directory, signing))
    }

    pub fn protocols(&self) -> Vec<Protocol> {
        let metadata = &self.document["metadata"];
        let listed = metadata["protocols"]
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![metadata["protocol"].clone()]);
        let known = listed.iter().filter_map(|name| match name.as_str()? {
            "json" => Some(Protocol::Json),
            "query" => Some(Protocol::Query),
            "ec2" => Some(Protocol::Ec2),
            "smithy-rpc-v2-cbor" => Some(Protocol::Cbor),
            _ => None,
        });
        known.collect()
    }

    pub fn operations(&self) -> Vec<String> {
        self.document["operations"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    }

    /// The shape of an operation's input; absent when it takes none.
    pub fn input(&self, operation: &str) -> Option<&str> {
        self.document["operations"][operation]["input"]["shape"].as_str()
    }

    pub fn members(&self, shape: &str) -> Vec<(String, String)> {
        let members = self.document["shapes"][shape]["members"].as_object();
        let members = members.into_iter().flatten();
        members
            .map(|(name, member)| (name.clone(), member["shape"].as_str().unwrap().to_owned()))
            .collect()
    }

    pub fn kind(&self, shape: &str) -> &str {
        self.document["shapes"][shape]["type"].as_str().unwrap()
    }

    fn inner(&self, shape: &str, part: &str) -> &str {
        self.document["shapes"][shape][part]["shape"]
            .as_str()
            .unwrap()
    }

    /// Something of the right type, often not of the right value.
    pub fn random(&self, shape: &str, random: &mut Rng, depth: usize) -> Value {
        let definition = &self.document["shapes"][shape];
        match self.kind(shape) {
            "structure" => {
                let required = definition["required"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let mut members = Map::new();
                for (name, shape) in self.members(shape) {
                    let needed = required.contains(&json!(name));
                    let chance = if needed {
                        0.97
                    } else {
                        0.35 / (depth + 1) as f64
                    };
                    if random.f64() < chance && depth < 8 {
                        members.insert(name, self.random(&shape, random, depth + 1));
                    }
                }
                Value::Object(members)
            }
            "list" => {
                let member = self.inner(shape, "member");
                (0..random.usize(0..3))
                    .map(|_| self.random(member, random, depth + 1))
                    .collect()
            }
            "map" => {
                let value = self.inner(shape, "value");
                let pairs = 0..random.usize(0..3);
                Value::Object(
                    pairs
                        .map(|_| (text(random), self.random(value, random, depth + 1)))
                        .collect(),
                )
            }
            "string" | "character" | "blob" => match definition["enum"].as_array() {
                Some(values) if random.f64() < 0.9 => values[random.usize(0..values.len())].clone(),
                _ => json!(text(random)),
            },
            "boolean" => json!(random.bool()),
            "integer" => json!(*pick(
                random,
                &[
                    0,
                    1,
                    -1,
                    5,
                    60,
                    300,
                    i64::from(i32::MAX),
                    i64::from(i32::MIN)
                ]
            )),
            "long" => json!(*pick(
                random,
                &[0, 1, -1, 60, 1_785_542_400_000, i64::MAX, i64::MIN]
            )),
            "timestamp" => json!(*pick(random, &[0_i64, 1_785_542_400, -1, 253_402_300_800])),
            "float" | "double" => json!(*pick(random, &[0.0, 1.5, -1.0, 1e300, 5e-324])),
            other => panic!("{shape} is a {other}"),
        }
    }

    /// A request of `input`, unsigned.
    pub fn request(&self, protocol: Protocol, operation: &str, input: &Value) -> Request<Bytes> {
        let metadata = &self.document["metadata"];
        let prefix = metadata["targetPrefix"].as_str().unwrap_or_default();
        match protocol {
            Protocol::Json => {
                let version = metadata["jsonVersion"].as_str().unwrap_or("1.1");
                Request::post("/")
                    .header("content-type", format!("application/x-amz-json-{version}"))
                    .header("x-amz-target", format!("{prefix}.{operation}"))
                    .body(Bytes::from(input.to_string()))
            }
            Protocol::Cbor => {
                let mut body = Vec::new();
                ciborium::into_writer(input, &mut body).unwrap();
                Request::post(format!("/service/{prefix}/operation/{operation}"))
                    .header("content-type", "application/cbor")
                    .header("smithy-protocol", "rpc-v2-cbor")
                    .body(Bytes::from(body))
            }
            Protocol::Query | Protocol::Ec2 => {
                let mut form = format!(
                    "Action={operation}&Version={}",
                    metadata["apiVersion"].as_str().unwrap()
                );
                let list = if protocol == Protocol::Ec2 {
                    ""
                } else {
                    "member."
                };
                flatten(&mut form, "", list, input);
                Request::post("/")
                    .header(
                        "content-type",
                        "application/x-www-form-urlencoded; charset=utf-8",
                    )
                    .body(Bytes::from(form))
            }
        }
        .unwrap()
    }
}

/// Structures and lists as Query writes them; what a map would be is written as a structure.
fn flatten(form: &mut String, path: &str, list: &str, value: &Value) {
    let join = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| flatten(form, &join(&encode(name)), list, value)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(form, &join(&format!("{list}{}", index + 1)), list, item);
            }
        }
        Value::Null => {}
        Value::String(text) => *form += &format!("&{path}={}", encode(text)),
        other => *form += &format!("&{path}={other}"),
    }
}

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

pub fn pick<'a, T>(random: &mut Rng, values: &'a [T]) -> &'a T {
    &values[random.usize(0..values.len())]
}

/// Text that may name something of the account, or nothing, or break something.
pub fn text(random: &mut Rng) -> String {
    let texts = [
        "",
        "a",
        "b",
        "fresh",
        "hokusai-development",
        "hokusai/contracts",
        "0.1.0",
        "*",
        "/",
        "//",
        "..",
        "a:b",
        "%",
        "\u{0}",
        "\r\n",
        "é",
        "😀",
        "\u{fffe}",
        "123",
        "-1",
        "1e9",
        "true",
        "null",
        "{}",
        "[]",
        "<a>",
        "arn:",
        "arn:aws:ecs:us-east-1:932100697590:service/x",
        "arn:aws:iam::932100697590:role/fresh",
        "arn:aws:ecs:us-east-1:932100697590:cluster/hokusai-development",
        "arn:aws:elasticloadbalancing:us-east-1:932100697590:loadbalancer/app/hokusai-development/50dc6c495c0c9188",
        "arn:aws:elasticloadbalancing:us-east-1:932100697590:listener/app/hokusai-development/50dc6c495c0c9188/f2f7dc8efc522ab2",
        "subnet-0a1b2c3d4e5f60718",
        "vpc-0d4e5f60718293a4b",
        "sg-0c3d4e5f607182930",
        "ns-u5f60718293a4b5c",
        "HTTP",
        "TCP",
        "ip",
        "ecs",
        "service/hokusai-development/fresh",
        "ecs:service:DesiredCount",
        "String",
        "256",
        "512",
        "FARGATE",
        "awsvpc",
        "rate(1 minute)",
        "cron(0 0 * * ? *)",
        "m1 > 1",
        "ALARM(a) AND NOT b",
        "[ip, user]",
        "{ $.a = 1 }",
        "a b c",
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*"}}"#,
        r#"{"widgets":[]}"#,
        "2026-08-01T00:00:00Z",
        "PT5M",
    ];
    match random.u8(0..20) {
        0 => "x".repeat(random.usize(0..9_000)),
        1 => (0..random.usize(0..40)).map(|_| random.char(..)).collect(),
        _ => (*pick(random, &texts)).to_owned(),
    }
}
