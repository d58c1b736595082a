//! How many tasks each revision of a service has, as a rollout needs to know it.

use std::collections::BTreeMap;

use super::super::task::{LastStatus, Task};

/// The tasks of one revision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct Count {
    /// Wanted and passing every check.
    pub(in super::super) healthy: u32,
    pub(in super::super) running: u32,
    /// What AWS counts as running or about to, or draining.
    pub(in super::super) present: u32,
}

/// By revision.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Counts(BTreeMap<String, Count>);

impl Counts {
    /// Of these tasks; `healthy` are the revisions of those that pass, each once for every task.
    pub(in super::super) fn of<'a>(
        tasks: impl Iterator<Item = &'a Task>,
        healthy: impl Iterator<Item = &'a str>,
    ) -> Counts {
        let mut counts = Counts::default();
        for task in tasks.filter(|task| is_present(task)) {
            let count = counts.0.entry(task.revision.clone()).or_default();
            count.present += 1;
            count.running += u32::from(task.last_status().is_running());
        }
        for revision in healthy {
            counts.0.entry(revision.to_owned()).or_default().healthy += 1;
        }
        counts
    }

    pub(in super::super) fn get(&self, revision: &str) -> Count {
        self.0.get(revision).copied().unwrap_or_default()
    }

    /// Every revision that has tasks.
    pub(in super::super) fn revisions(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Whether a task holds up the end of a rollout; one that only waits for its process to end does not.
pub(in super::super) fn is_present(task: &Task) -> bool {
    let status = task.last_status();
    status.is_pending() || status.is_running() || status == LastStatus::Deactivating
}
