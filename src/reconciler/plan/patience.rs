//! How long a rollout may be without one healthy task, from the manifest's own numbers.
//!
//! Pure: sums of what the unit's settings allow, and of what AWS has been seen to take. Both are upper bounds with room: being
//! late with giving up costs minutes, being early undoes a good rollout.

use super::impact::duration::START_SECONDS;
use super::impact::positive;
use crate::reconciler::resource::Resources;

/// Fetching the image of the first task, beyond what starting takes anyway: far more than 200 MB need.
const PULL_SECONDS: u32 = 300;
/// How wrong this machine's clock may be: AWS refuses requests signed by one that is more than five minutes off.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html>
const CLOCK_SECONDS: u32 = 300;

/// How long after its start a rollout may be without one healthy task: start, pull, grace, and whichever check takes longer to
/// be sure.
pub fn first_healthy_seconds(desired: &Resources) -> i64 {
    let check = &desired.target_group.health_check;
    let container = &desired.task_definition.container;
    let balancer = positive(check.interval_seconds) * positive(check.unhealthy_threshold);
    let command = positive(container.health_start_period_seconds)
        + positive(container.health_interval_seconds) * positive(container.health_retries);
    let grace = positive(desired.service.grace_period_seconds);
    i64::from(START_SECONDS.1 + PULL_SECONDS + CLOCK_SECONDS + (grace + balancer).max(command))
}
