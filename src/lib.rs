//! Token contracts deployed exactly once, and the operator that keeps their service running on ECS.
//!
//! # From above
//!
//! One image, two programs, and a third for development:
//!
//! * **`contracts-api`** ([`api`], [`deployment`]) takes `POST /api/deployments` and puts a token contract on an EVM chain exactly
//!   once, whatever dies in between.
//! * **`reconciler`** ([`reconciler`]) reads one YAML manifest that describes that service and everything around it on AWS, and
//!   makes AWS equal to it.
//! * **`simulator`** ([`simulator`]) is the AWS both are tested against: AWS's own wire protocols on loopback, tasks as real
//!   processes, a real HTTPS load balancer. It is not in the image.
//!
//! The first two differ in kind. AWS convergence is a *reconciler*: it remembers nothing and decides again in every pass,
//! because both intention and reality move. A contract deployment is a *saga*: a stored, forward-only state machine, because a
//! broadcast transaction cannot be re-decided. They share leaf modules and nothing else.
//!
//! ```text
//!  manifest ──► reconciler ──AWS calls──► AWS (or the simulator)
//!                                          │ runs
//!  frontend ──HTTPS──► load balancer ──► contracts-api ×2–10 ──► Redis (jobs, limits, lease)
//!                                                           └──► EVM nodes (TokenManager)
//! ```
//!
//! # Code map
//!
//! | where | what |
//! |---|---|
//! | [`reconciler::converge`] | the reconciler's whole flow: observe, plan, apply, again |
//! | [`reconciler::controller`] | the loop over many units: queue, passes, requeue, what is shown of it |
//! | [`reconciler::manifest`], [`reconciler::spec`] | the YAML as written, the YAML as believed; every problem at once, with its place |
//! | [`reconciler::desired`], [`reconciler::observe`] | the two sides of a plan, in one set of types ([`reconciler::resource`]) |
//! | [`reconciler::plan`] | what to do now, what waits for what, what needs a person |
//! | [`reconciler::aws`] | SDK ⇄ our types; AWS's defaults and orderings end there |
//! | [`api`] | routes, keys, limits, health, settings |
//! | [`deployment`] | the record, its state machine, the store, the chain, the worker that joins them |
//! | [`simulator`] | wires, signatures, limits, faults and lag, one module per AWS service, the scheduler, the balancer |
//! | [`telemetry`], [`shutdown`], [`backoff`], [`secret`], [`aws_json`], [`crash`], `server` | leaves that any of them may use |
//!
//! # Invariants
//!
//! * `reconciler` and `api → deployment` never import each other, and `simulator` imports neither: where it agrees with the
//!   reconciler, that is evidence.
//! * Decisions are pure functions that return values: `plan`, `desired`, `advance`, every `step` of the simulator. They
//!   take time and randomness as arguments, and mention no SDK, Redis, socket or environment.
//! * SDK types stay under [`reconciler::aws`], the Redis client in the stores and limits, ethers in `deployment`'s chain,
//!   transaction and signer, the private key in its signer.
//! * The reconciler changes and deletes only what carries its owner tag. A step is one AWS call with every argument known.
//! * A transaction's signed bytes are stored before they are sent. Every write of the worker carries its lease's fencing token.
//! * Secrets are in [`secret`]'s type from the environment to their use; no error, log line or plan prints one.
//!
//! # Glossary
//!
//! *Manifest/Spec*: the YAML as written / as believed. *Unit*: one service and all that is around it. *Desired/observed*: what
//! should be / what AWS says is. *Foreign*: in the way and not ours. *Rollout*: what ECS does with a new revision;
//! **deployment** is only ever a contract's (but for AWS's own names). *Lease, fencing token*: the right of one replica to use
//! the signer's nonces, and the number that makes a former holder's writes fail.

pub mod api;
pub mod aws_json;
pub mod backoff;
pub mod crash;
pub mod deployment;
pub mod reconciler;
pub mod secret;
mod server;
pub mod shutdown;
pub mod simulator;
pub mod telemetry;
pub mod timestamp;
