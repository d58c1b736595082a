//! Telling every part of a process, once, that it should end.
//!
//! Gives a [`Trigger`] for whoever decides and a [`Shutdown`] for each part that must obey; [`signal`] waits for the
//! operating system's wish. Nothing here aborts work: a part finishes its step and looks.

use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal as unix_signal};
use tokio::sync::watch;

/// Says when to stop. Dropping it also counts as saying so.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

/// Knows whether to stop.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// One trigger and the first of its listeners; more are clones.
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// From now on every [`Shutdown`] is requested. It cannot be taken back.
    pub fn shut_down(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether the end was asked for.
    pub fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once the end is asked for; at once if it already was.
    pub async fn wait(&mut self) {
        // An error means the trigger is gone, and with it whoever could still want this process to run.
        let _ = self.0.wait_for(|requested| *requested).await;
    }

    /// Waits for `pause`, or until the end is asked for, if that is sooner.
    pub async fn sleep(&mut self, pause: Duration) {
        // A pause that is over says nothing: the caller looks at `requested` anyway.
        let _ = tokio::time::timeout(pause, self.wait()).await;
    }
}

/// Returns the name of the first SIGTERM (ECS, Kubernetes) or SIGINT (a terminal) that arrives.
///
/// # Errors
/// The handlers could not be installed.
pub async fn signal() -> std::io::Result<&'static str> {
    let mut terminate = unix_signal(SignalKind::terminate())?;
    let mut interrupt = unix_signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
