//! What AWS shows of one rollout: its tasks, why they stopped, what the load balancer makes of them, and what they wrote.
//!
//! Plain values, read by `aws::evidence` while a rollout is not through; `diagnosis` makes sense of them. Log lines in it are
//! masked already. Times are seconds since the rollout was asked for, by AWS's clock.

use serde::{Deserialize, Serialize};

/// One rollout as it can be seen from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// ARN of the service deployment.
    pub deployment: String,
    /// ARN of the task definition that is rolled out.
    pub revision: String,
    /// Seconds since it was asked for. By this machine's clock, which AWS lets be five minutes wrong.
    pub age_seconds: i64,
    /// The tasks that were started for it, oldest first, those that have stopped among them.
    pub attempts: Vec<Attempt>,
    /// ECS's events since, newest first, without their `(service …)` prefix.
    pub events: Vec<String>,
    /// The last lines of the newest task that failed, if it wrote any.
    pub log: Vec<String>,
    /// What should have been read and could not be.
    pub unread: Vec<String>,
}

/// One task of a rollout.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Attempt {
    /// The end of its ARN.
    pub id: String,
    /// When ECS made it.
    pub created: i64,
    /// When its container ran.
    pub started: Option<i64>,
    /// When it was to end, by itself or because ECS said so; absent while it is to live.
    pub stopping: Option<i64>,
    /// Whether it runs and the load balancer calls it healthy; without a load balancer, whether it runs.
    pub healthy: bool,
    /// `TaskFailedToStart`, `EssentialContainerExited` …
    pub code: Option<String>,
    /// Why it stopped, in AWS's words.
    pub reason: Option<String>,
    /// The container's.
    pub exit_code: Option<i32>,
    /// Why the container stopped, in AWS's words.
    pub container_reason: Option<String>,
    /// Why the load balancer calls it unhealthy, in its words, if it does.
    pub unhealthy: Option<String>,
}
