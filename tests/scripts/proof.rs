//! h: the old script asked a public page for 200, which an old task and another application answer as well.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::deploy::NEXT;
use crate::{MANIFEST, Ran, WELL, World, tools};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The second image says that it is of `commit`.
fn images(commit: &str) -> String {
    let (_, digest) = NEXT.split_once('@').unwrap();
    let says = |more: &str| format!(r#"'{{"service":"hokusai-contracts-development"{more}}}'"#);
    format!(
        "images:\n  - {{ image: hokusai/contracts, start_seconds: 2, says: {} }}\n  - {{ image: 'hokusai/contracts@{digest}', start_seconds: 2, says: {} }}\n",
        says(""),
        says(&format!(r#","version":"0.1.1","gitSha":"{commit}""#))
    )
}

impl World {
    /// A few lines of boto3.
    fn boto(&self, script: &str) -> Ran {
        let mut command = Command::new("python3");
        command.args(["-c", script]).env("PYTHONPATH", tools());
        let ran = Ran::of(self.in_account(&mut command).output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.all());
        ran
    }

    /// As `scripts/build-and-push.sh` tags it.
    fn tag_the_second_image(&self) {
        let (_, digest) = NEXT.split_once('@').unwrap();
        let tag = &COMMIT[..12];
        self.boto(&format!(
            r#"
import boto3
ecr = boto3.client("ecr")
image = ecr.batch_get_image(repositoryName="hokusai/contracts", imageIds=[dict(imageDigest="{digest}")])["images"][0]
ecr.put_image(repositoryName="hokusai/contracts", imageManifest=image["imageManifest"], imageTag="0.1.1-{tag}")
"#
        ));
    }

    fn behave(&self, images: &str) {
        let address = self.endpoint.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = images.len();
        write!(
            stream,
            "PUT /_simulator/images HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{images}"
        )
        .unwrap();
        let reply = std::io::read_to_string(stream).unwrap();
        assert!(reply.starts_with("HTTP/1.1 2"), "{reply}");
    }

    fn deploy_next(&self, more: &[&str]) -> Ran {
        let mut arguments = vec!["--image", NEXT, MANIFEST];
        arguments.extend(more);
        self.run("deploy.sh", &arguments)
    }
}

#[test]
fn the_new_build_says_so_through_the_load_balancer() {
    let world = World::start(&images(COMMIT));
    world.tag_the_second_image();
    let ran = world.deploy_next(&[]);
    assert_eq!(ran.code, 0);
    let proved = format!("https://contracts.hokus.ai/health says commit {COMMIT}");
    assert!(ran.stdout.contains(&proved), "{}", ran.stdout);
    let summary = std::fs::read_to_string(world.summary()).unwrap();
    assert!(summary.contains(&proved), "{summary}");
}

#[test]
fn another_build_is_waited_for_and_is_no_success() {
    let world = World::start(&images("fedcba9876543210"));
    world.tag_the_second_image();
    let ran = world.deploy_next(&["--timeout", "20s"]);
    assert_eq!(ran.code, 1);
    let named = "another build answers: https://contracts.hokus.ai/health says that it is commit fedcba9876543210, the image is 0123456789ab";
    assert!(ran.stderr.contains(named), "{}", ran.stderr);
    let summary = std::fs::read_to_string(world.summary()).unwrap();
    assert!(summary.contains("### ❌ not proved"), "{summary}");

    // The same again, and meanwhile the new build answers.
    let mut command = Command::new(env!("CARGO_BIN_EXE_reconciler"));
    command
        .args(["reconcile", MANIFEST, "--set"])
        .arg(format!("image.digest={}", NEXT.split_once('@').unwrap().1))
        .current_dir(world.work())
        .stdout(Stdio::piped());
    let mut waiting = world.in_account(&mut command).spawn().unwrap();
    let mut lines = BufReader::new(waiting.stdout.take().unwrap()).lines();
    let doubted = lines.find(|line| line.as_ref().unwrap().contains("… another build answers"));
    assert!(doubted.is_some(), "it ended without a doubt");
    world.behave(&images(COMMIT));
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(waiting.wait().unwrap().code(), Some(0), "{rest:#?}");
    let last = rest.last().unwrap();
    assert!(last.contains(&format!("says commit {COMMIT}")), "{rest:#?}");
}

/// `existing-service` 7.6: a rule of a lower priority sent the host to a FastAPI application whose /health said 200.
#[test]
fn another_service_behind_the_host_is_no_success() {
    let world = World::start(WELL);
    assert_eq!(world.run("deploy.sh", &[MANIFEST]).code, 0);
    world.boto(
        r#"
import boto3
elb = boto3.client("elbv2")
balancer = elb.describe_load_balancers(Names=["hokusai-development"])["LoadBalancers"][0]["LoadBalancerArn"]
listeners = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
listener = next(one["ListenerArn"] for one in listeners if one["Port"] == 443)
elb.create_rule(ListenerArn=listener, Priority=7, Conditions=[dict(Field="path-pattern", Values=["/health*"])],
                Actions=[dict(Type="fixed-response", FixedResponseConfig=dict(
                    StatusCode="200", ContentType="application/json", MessageBody='{"status": "healthy"}'))])
"#
    );
    let ran = world.run("deploy.sh", &[MANIFEST, "--timeout", "15s"]);
    assert_eq!(ran.code, 1, "AWS equals the manifest all the same");
    let named = "another service answers: https://contracts.hokus.ai/health is answered, and not by hokusai-contracts-development: {\"status\": \"healthy\"}";
    assert!(ran.stderr.contains(named), "{}", ran.stderr);
}

/// A certificate that nobody trusts is no proof, and what such a host is worth is the manifest's to say.
#[test]
fn a_host_that_cannot_be_asked_is_never_called_a_success() {
    let mut world = World::start(WELL);
    assert_eq!(world.run("deploy.sh", &[MANIFEST]).code, 0);
    let empty = world.directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let authority = std::mem::replace(&mut world.door[1].1, empty.display().to_string());
    let began = Instant::now();
    let untrusted = world.run("deploy.sh", &[MANIFEST, "--timeout", "10s"]);
    assert_eq!(untrusted.code, 1);
    assert!(
        untrusted.stderr.contains("host not reached"),
        "{}",
        untrusted.stderr
    );
    assert!(
        untrusted.stderr.contains("ertificate"),
        "{}",
        untrusted.stderr
    );
    assert!(began.elapsed() < Duration::from_secs(60));

    for ask in ["ifReachable", "never"] {
        let set = format!("loadBalancer.proof.ask={ask}");
        let ran = world.run("deploy.sh", &[MANIFEST, "--set", &set, "--timeout", "10s"]);
        assert_eq!(ran.code, 0);
        assert!(
            ran.stdout
                .contains("stable: AWS equals the manifest; not proved: "),
            "{}",
            ran.stdout
        );
    }
    world.door[1].1 = authority;
    let missing = Path::new("/no/such/file.pem");
    let arguments = [MANIFEST, "--ca-file", missing.to_str().unwrap()];
    let ran = world.run("deploy.sh", &arguments);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("/no/such/file.pem"), "{}", ran.stderr);
}
