//! Real HTTP to small servers on loopback that answer as real nodes and bad proxies do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use serde_json::json;
use tokio::net::TcpListener;
use warp::Filter as _;
use warp::http::{Response, StatusCode};

const CHAIN: u64 = 7;
const KEY: &str = "a-key-in-the-path-0123456789";

/// A node in the test's own process, and what it was asked.
struct Node {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Node {
    /// `answer` makes the whole reply to a request body that is not about the chain's id.
    async fn start(
        chain: u64,
        answer: impl Fn(&Value) -> Response<Vec<u8>> + Clone + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let route = warp::post()
            .and(warp::body::json())
            .map(move |body: Value| {
                let calls = body
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| vec![body.clone()]);
                let methods = calls
                    .iter()
                    .map(|call| call["method"].as_str().unwrap().to_string());
                log.lock().unwrap().extend(methods);
                if body["method"] == "eth_chainId" {
                    result(&body, &json!(format!("{chain:#x}")))
                } else {
                    answer(&body)
                }
            });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v2/{KEY}", listener.local_addr().unwrap());
        let task = tokio::spawn(warp::serve(route).incoming(listener).run());
        Self { url, asked, task }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn response(status: u16, body: impl Into<Vec<u8>>) -> Response<Vec<u8>> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn result(request: &Value, result: &Value) -> Response<Vec<u8>> {
    let reply = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result });
    response(200, reply.to_string())
}

fn over(nodes: &[&Node]) -> Rpc {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let urls = nodes.iter().map(|node| Secret::new(node.url.clone()));
    Rpc::new(urls.collect(), CHAIN).unwrap()
}

async fn head(rpc: &Rpc) -> Result<String, RpcError> {
    rpc.request("eth_blockNumber", json!([])).await
}

/// One that answers everything with this.
async fn good(answer: &'static str) -> Node {
    Node::start(CHAIN, move |request| result(request, &json!(answer))).await
}

fn fault_of<T: std::fmt::Debug>(answer: Result<T, RpcError>) -> Fault {
    match answer {
        Err(RpcError::Unanswered { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_node_that_answers_anything_but_our_reply_is_passed_over_for_the_next() {
    type Answer = fn(&Value) -> Response<Vec<u8>>;
    let bad: [(&str, Fault, Answer); 10] = [
        ("a page", Fault::Garbled, |_| {
            response(200, "<html>busy</html>")
        }),
        ("half a reply", Fault::Garbled, |_| {
            response(200, r#"{"jsonrpc":"2.0","id":2,"resu"#)
        }),
        ("another's reply", Fault::Garbled, |_| {
            response(200, r#"{"id":99,"result":"0x1"}"#)
        }),
        ("nothing", Fault::Garbled, |_| response(200, "")),
        // No result is not the result null, which says that there is none.
        ("no result", Fault::Garbled, |request| {
            response(200, json!({ "id": request["id"] }).to_string())
        }),
        // Larger than any reply may be; its reading stops at the limit.
        ("too much", Fault::Garbled, |_| {
            response(200, vec![b' '; REPLY_BYTES_MAX + 1])
        }),
        ("503", Fault::Status(503), |_| response(503, "<html>")),
        ("429", Fault::Status(429), |_| response(429, "slow down")),
        ("403", Fault::Status(403), |_| response(403, "no such key")),
        ("a limit in the body", Fault::Status(429), |request| {
            let error = json!({ "code": -32005, "message": "daily request count exceeded" });
            response(
                200,
                json!({ "id": request["id"], "error": error }).to_string(),
            )
        }),
    ];
    for (what, fault, answer) in bad {
        let (first, second) = (Node::start(CHAIN, answer).await, good("0x2").await);
        let rpc = over(&[&first, &second]);
        assert_eq!(head(&rpc).await.unwrap(), "0x2", "{what}");
        let alone = head(&over(&[&first])).await;
        let text = format!("{alone:?}");
        assert_eq!(fault_of(alone), fault, "{what}");
        assert!(!text.contains(KEY), "{text}");
        // The one that answered is asked first from now on.
        let before = first.asked().len();
        head(&rpc).await.unwrap();
        assert_eq!(first.asked().len(), before, "{what}");
    }
}

#[tokio::test]
async fn a_node_of_another_chain_is_never_asked_anything_but_its_chain() {
    let stranger = Node::start(1, |request| result(request, &json!("0xbad"))).await;
    let ours = good("0x2").await;
    let rpc = over(&[&stranger, &ours]);
    for _ in 0..5 {
        assert_eq!(head(&rpc).await.unwrap(), "0x2");
        let answers = rpc.everywhere(vec![("eth_blockNumber", json!([]))]).await;
        assert_eq!(
            answers
                .iter()
                .filter(|answer| answer.replies.is_ok())
                .count(),
            1
        );
    }
    assert_eq!(stranger.asked(), ["eth_chainId"]);
    let alone = head(&over(&[&stranger])).await;
    let (found, expected) = (1, CHAIN);
    assert_eq!(fault_of(alone), Fault::WrongChain { found, expected });
}

#[tokio::test]
async fn many_calls_go_in_batches_of_fifty_or_one_by_one_where_batches_are_refused() {
    let batching = |request: &Value| match request.as_array() {
        None => result(request, &json!("one")),
        Some(calls) => {
            let reply = |call: &Value| json!({ "id": call["id"], "result": call["params"][0] });
            // In another order than asked.
            let replies: Vec<Value> = calls.iter().rev().map(reply).collect();
            response(200, Value::Array(replies).to_string())
        }
    };
    let plain = |request: &Value| match request.as_array() {
        None => result(request, &request["params"][0]),
        Some(_) => {
            let error = json!({ "code": -32600, "message": "no batches" });
            response(200, json!({ "id": null, "error": error }).to_string())
        }
    };
    let (batching, plain) = (
        Node::start(CHAIN, batching).await,
        Node::start(CHAIN, plain).await,
    );
    let rpc = over(&[&batching, &plain]);
    let calls: Vec<Call> = (0..120).map(|number| ("echo", json!([number]))).collect();
    for _ in 0..2 {
        let answers = rpc.everywhere(calls.clone()).await;
        assert_eq!(answers.len(), 2);
        for answer in answers {
            let replies = answer.replies.unwrap().into_iter();
            let numbers: Vec<Value> = replies.map(|reply| reply.0.unwrap()).collect();
            assert_eq!(
                numbers,
                (0..120).map(|number| json!(number)).collect::<Vec<_>>()
            );
        }
    }
    let report = rpc.report();
    assert_eq!(
        report[0].counts["echo"],
        Count {
            calls: 240,
            faults: 0
        }
    );
    // The refused batch is counted too: a provider counts it.
    assert_eq!(report[1].counts["echo"].calls, 240 + 50);
    assert!(!format!("{report:?}").contains(KEY));
}

#[tokio::test]
async fn an_endpoint_that_falls_behind_is_not_asked_until_it_has_caught_up() {
    let height = Arc::new(Mutex::new(100_u64));
    let slow_height = height.clone();
    let slow = Node::start(CHAIN, move |request| {
        result(
            request,
            &json!(format!("{:#x}", *slow_height.lock().unwrap())),
        )
    })
    .await;
    let quick = good("0x68").await;
    let rpc = over(&[&slow, &quick]);
    let poll = async || {
        let answers = rpc.heads().await;
        let read = |answer: &Answer| answer.replies.as_ref().ok()?.first()?.number();
        let heads: Vec<_> = answers
            .iter()
            .filter_map(|answer| Some((answer, read(answer)?)))
            .collect();
        rpc.saw_heads(&heads)
    };
    // 100 and 104.
    assert_eq!(poll().await, Some(104));
    assert_eq!(rpc.report()[0].rank, Rank::Lagging);
    assert_eq!(head(&rpc).await.unwrap(), "0x68");
    *height.lock().unwrap() = 104;
    assert_eq!(poll().await, Some(104));
    assert_eq!(rpc.report()[0].rank, Rank::Healthy);
}

#[tokio::test]
async fn a_broken_endpoint_is_left_alone_and_tried_again_by_one_request() {
    let (dead, alive) = (good("0x1").await, good("0x2").await);
    dead.task.abort();
    let rpc = over(&[&dead, &alive]);
    let ranks = || {
        rpc.report()
            .iter()
            .map(|report| report.rank)
            .collect::<Vec<_>>()
    };
    let call = || vec![("eth_blockNumber", json!([]))];
    for _ in 0..3 {
        rpc.everywhere(call()).await;
    }
    assert_eq!(ranks(), [Rank::Open, Rank::Healthy]);
    assert_eq!(rpc.everywhere(call()).await.len(), 1);
    // With nothing else left, even a broken one is asked rather than nobody.
    let alone = over(&[&dead]);
    for _ in 0..5 {
        assert_eq!(fault_of(head(&alone).await), Fault::Unreachable);
    }
    assert_eq!(alone.everywhere(call()).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_race_is_over_with_the_first_acceptance_and_the_others_are_not_cut_off() {
    let (slow, quick) = (
        Node::start(CHAIN, |request| {
            std::thread::sleep(Duration::from_millis(300));
            result(request, &json!("slow"))
        })
        .await,
        good("quick").await,
    );
    let rpc = over(&[&slow, &quick]);
    let read = |reply: Result<Reply, Fault>| reply.ok().and_then(|reply| reply.0.ok());
    let won = rpc.race(("send", json!([])), read, Option::is_some).await;
    assert_eq!(won, [Some(json!("quick"))]);
    let deadline = Instant::now() + Duration::from_secs(5);
    while rpc.report()[0]
        .counts
        .get("send")
        .is_none_or(|count| count.calls == 0)
    {
        assert!(Instant::now() < deadline, "the slow one was cut off");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_certificate_nobody_knows_is_told_from_a_node_that_is_away() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepting = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = acceptor.accept(stream).await;
    });
    let url = || vec![Secret::new(format!("https://localhost:{port}"))];
    assert_eq!(
        fault_of(head(&Rpc::new(url(), 1).unwrap()).await),
        Fault::Untrusted
    );
    accepting.await.unwrap();
    assert_eq!(
        fault_of(head(&Rpc::new(url(), 1).unwrap()).await),
        Fault::Unreachable
    );
}
