//! JSON-RPC over HTTPS to several nodes of one chain.
//!
//! Takes a method and parameters, gives the result or one [`RpcError`]. A node is used only after it has named our chain, and again
//! after its breaker was open, so nothing is ever signed for, or believed from, another network. Every request has a deadline and every reply a size
//! limit. It asks nothing of its own accord: without a caller there is no call. No error, log or report of it carries a URL: their paths hold API keys.
//!
//! | asked | who is asked | what counts |
//! |---|---|---|
//! | [`Rpc::request`] | the endpoint that answered last, then the next | the first answer |
//! | [`Rpc::everywhere`] | every healthy endpoint, and one whose breaker is due | the caller's rule over all answers |
//! | [`Rpc::race`] | the same and those that are behind | the first answer that the caller takes; the others go on |

mod endpoint;
mod standing;

pub use endpoint::{Call, Count, Reply, ReplyError};
pub use standing::Rank;

use crate::secret::Secret;
use endpoint::Endpoint;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// One request to one endpoint, connection included. Two endpoints fit into the worker's lease.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);
/// Receipts are the largest replies asked for, a few kilobytes each; a node that sends megabytes is broken.
const REPLY_BYTES_MAX: usize = 4 << 20;
/// Nodes put whole call data into their messages; the beginning says what is wrong.
const MESSAGE_CHARS_MAX: usize = 200;
/// Calls in one request: providers refuse larger batches.
const BATCH_MAX: usize = 50;
/// Between two log lines that say how often the nodes were called.
const SUMMARY_PERIOD: Duration = Duration::from_secs(300);

/// Nodes of one chain.
#[derive(Debug)]
pub struct Rpc {
    client: reqwest::Client,
    endpoints: Vec<Arc<Endpoint>>,
    /// Index of the endpoint that answered last.
    preferred: AtomicUsize,
    summary_at: Mutex<Instant>,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// No endpoint gave an answer. For a transaction: it may have been sent.
    #[error("no endpoint answered {method}, the last of {endpoints} {fault}")]
    Unanswered {
        /// What was asked.
        method: &'static str,
        /// How many there are.
        endpoints: usize,
        /// What was wrong with the last.
        fault: Fault,
    },
    /// A node answered with a JSON-RPC error.
    #[error("{method} was refused with code {code}: {message}")]
    Refused {
        /// What was asked.
        method: &'static str,
        /// JSON-RPC's code.
        code: i64,
        /// The node's text, shortened, without its own URL.
        message: String,
    },
    /// A node answered with something that is not what the method gives.
    #[error("the answer to {method} is not understood")]
    Malformed {
        /// What was asked.
        method: &'static str,
    },
}

/// What was wrong with one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another network than the configured one.
    #[error("serves chain {found} and not {expected}")]
    WrongChain {
        /// `eth_chainId`.
        found: u64,
        /// The setting.
        expected: u64,
    },
    /// No whole reply within the deadline.
    #[error("timed out")]
    TimedOut,
    /// No connection.
    #[error("could not be reached")]
    Unreachable,
    /// A certificate that no known authority signed, or for another name: a proxy between, or a wrong URL.
    #[error("presented a certificate that is not trusted")]
    Untrusted,
    /// An HTTP status instead of an answer, or its like in the body.
    #[error("answered with HTTP status {0}")]
    Status(u16),
    /// Not a JSON-RPC reply to our request, or too large.
    #[error("answered with something else than JSON-RPC")]
    Garbled,
    /// It does not have the block that was asked for.
    #[error("does not have that block")]
    Behind,
}

/// One endpoint, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its place in `RPC_URL`, from 1.
    pub number: usize,
    /// How it may be used.
    pub rank: Rank,
    /// The newest block it spoke of.
    pub head: Option<u64>,
    /// Calls since the process started, by method.
    pub counts: BTreeMap<&'static str, Count>,
}

/// What one endpoint said of several calls, in their order.
#[derive(Debug)]
pub struct Answer {
    endpoint: Arc<Endpoint>,
    /// Whether its silence counts: a probe of one that was away does not.
    pub healthy: bool,
    /// The replies.
    pub replies: Result<Vec<Reply>, Fault>,
}

impl Rpc {
    /// Nothing is sent yet. At least one URL is expected; with none, every request is unanswered.
    ///
    /// # Errors
    /// The TLS roots or the resolver could not be set up.
    pub fn new(urls: Vec<Secret<String>>, chain_id: u64) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(REQUEST_TIMEOUT / 2)
            // A redirect would carry the key in the path to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(reqwest::Error::without_url)?;
        let endpoints = (1..)
            .zip(urls)
            .map(|(number, url)| Arc::new(Endpoint::new(number, url, chain_id)))
            .collect();
        Ok(Self {
            client,
            endpoints,
            preferred: AtomicUsize::new(0),
            summary_at: Mutex::new(Instant::now()),
        })
    }

    /// Asks the endpoint that answered last, then the others, the healthy ones first.
    ///
    /// # Errors
    /// [`RpcError`]; a refusal by a node is an answer and is not asked again elsewhere.
    pub async fn request<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let call = [(method, params)];
        let started = Instant::now();
        let mut fault = Fault::Unreachable;
        for index in self.order() {
            let Some(endpoint) = self.endpoints.get(index) else {
                continue;
            };
            match endpoint.ask(&self.client, &call).await {
                Ok(mut replies) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    self.summarise();
                    let reply = replies.pop().ok_or(RpcError::Malformed { method })?;
                    return reply.read(method);
                }
                Err(found) => fault = found,
            }
            // The next turn asks the next one; this caller has waited long enough.
            if started.elapsed() >= REQUEST_TIMEOUT {
                break;
            }
        }
        Err(self.unanswered(method, fault))
    }

    /// What every endpoint that is to be believed says of `calls`, all asked at once. Empty only without endpoints.
    pub async fn everywhere(&self, calls: Vec<Call>) -> Vec<Answer> {
        let mut asked = self.ask_at_once(calls, &[Rank::Healthy, Rank::Due]);
        let mut answers = Vec::with_capacity(asked.len());
        while let Some(answer) = asked.join_next().await {
            answers.extend(answer);
        }
        answers.sort_by_key(|answer| answer.endpoint.number);
        self.summarise();
        answers
    }

    /// Makes one call everywhere. Gives the first answer that `take` says yes to while the others go on, else what it made of all of them.
    pub async fn race<T: Send + 'static>(
        &self,
        call: Call,
        read: impl Fn(Result<Reply, Fault>) -> T,
        take: impl Fn(&T) -> bool,
    ) -> Vec<T> {
        let ranks = [Rank::Healthy, Rank::Lagging, Rank::Due];
        let mut asked = self.ask_at_once(vec![call], &ranks);
        let mut outcomes = Vec::with_capacity(asked.len());
        while let Some(answer) = asked.join_next().await {
            let Ok(Answer { replies, .. }) = answer else {
                continue;
            };
            let reply = replies.and_then(|mut replies| replies.pop().ok_or(Fault::Garbled));
            let outcome = read(reply);
            if take(&outcome) {
                asked.detach_all();
                return vec![outcome];
            }
            outcomes.push(outcome);
        }
        self.summarise();
        outcomes
    }

    /// Records how far each endpoint says it is, and gives the height that most of those in step have reached.
    pub(super) fn saw_heads(&self, heads: &[(&Answer, u64)]) -> Option<u64> {
        let now = Instant::now();
        let heights: Vec<u64> = heads.iter().map(|(_, head)| *head).collect();
        let reference = standing::reference(&heights)?;
        let mut in_step = Vec::new();
        for (answer, head) in heads {
            let mut standing = answer.endpoint.standing();
            standing.saw_head(*head, reference, now);
            if standing.rank(now) == Rank::Healthy {
                in_step.push(*head);
            }
        }
        standing::reached(&in_step).or_else(|| standing::reached(&heights))
    }

    /// What every endpoint says of its head; those that are behind too, for that is how they are seen to catch up.
    pub(super) async fn heads(&self) -> Vec<Answer> {
        let ranks = [Rank::Healthy, Rank::Lagging, Rank::Due];
        let calls = vec![("eth_blockNumber", Value::Array(Vec::new()))];
        self.ask_at_once(calls, &ranks).join_all().await
    }

    /// Every endpoint as it stands.
    pub fn report(&self) -> Vec<Report> {
        self.endpoints
            .iter()
            .map(|endpoint| Report {
                number: endpoint.number,
                rank: endpoint.rank(),
                head: endpoint.standing().head(),
                counts: endpoint.counts(),
            })
            .collect()
    }

    /// No endpoint answered.
    pub(super) fn unanswered(&self, method: &'static str, fault: Fault) -> RpcError {
        RpcError::Unanswered {
            method,
            endpoints: self.endpoints.len(),
            fault,
        }
    }

    /// Indices of the endpoints to ask in turn. Those whose breaker is open are left out while any other is left.
    fn order(&self) -> Vec<usize> {
        let first = self.preferred.load(Ordering::Relaxed);
        let count = self.endpoints.len();
        let rotated = (0..count).map(|offset| (first + offset) % count.max(1));
        let mut ranked: Vec<(Rank, usize)> = rotated
            .filter_map(|index| Some((self.endpoints.get(index)?.rank(), index)))
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let usable = ranked.iter().any(|(rank, _)| *rank < Rank::Open);
        ranked
            .into_iter()
            .filter(|(rank, _)| !usable || *rank < Rank::Open)
            .map(|(_, index)| index)
            .collect()
    }

    /// Asks all of these ranks; when there are none, the best there are.
    fn ask_at_once(&self, calls: Vec<Call>, ranks: &[Rank]) -> JoinSet<Answer> {
        let calls: Arc<[Call]> = calls.into();
        let ranked: Vec<(Rank, &Arc<Endpoint>)> = self
            .endpoints
            .iter()
            .map(|endpoint| (endpoint.rank(), endpoint))
            .collect();
        let best = ranked.iter().map(|(rank, _)| *rank).min();
        let mut asked = JoinSet::new();
        for (rank, endpoint) in ranked {
            if !ranks.contains(&rank) && Some(rank) != best {
                continue;
            }
            let healthy = rank == Rank::Healthy || Some(rank) == best;
            let (client, endpoint, calls) = (self.client.clone(), endpoint.clone(), calls.clone());
            asked.spawn(async move {
                let mut replies = Ok(Vec::with_capacity(calls.len()));
                for batch in calls.chunks(BATCH_MAX) {
                    let more = endpoint.ask(&client, batch).await;
                    replies = replies.and_then(|mut replies: Vec<Reply>| {
                        replies.extend(more?);
                        Ok(replies)
                    });
                    if replies.is_err() {
                        break;
                    }
                }
                Answer {
                    endpoint,
                    healthy,
                    replies,
                }
            });
        }
        asked
    }

    /// Says now and then how often the nodes were called; never without calls, since it is calls that lead here.
    fn summarise(&self) {
        {
            let mut at = self
                .summary_at
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if at.elapsed() < SUMMARY_PERIOD {
                return;
            }
            *at = Instant::now();
        }
        for Report {
            number,
            rank,
            head,
            counts,
        } in self.report()
        {
            let calls: u64 = counts.values().map(|count| count.calls).sum();
            let faults: u64 = counts.values().map(|count| count.faults).sum();
            let by_method = counts
                .iter()
                .map(|(method, count)| format!("{method}={}", count.calls))
                .collect::<Vec<_>>()
                .join(" ");
            tracing::info!(
                endpoint = number,
                ?rank,
                head,
                calls,
                faults,
                by_method,
                "RPC calls since the start"
            );
        }
    }
}

/// The fault of the last that did not answer.
pub(super) fn last_fault(answers: &[Answer]) -> Fault {
    let mut faults = answers
        .iter()
        .filter_map(|answer| answer.replies.as_ref().err());
    faults.next_back().copied().unwrap_or(Fault::Unreachable)
}

#[cfg(test)]
mod tests;
