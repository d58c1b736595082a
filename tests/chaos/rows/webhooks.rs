//! Row 35: a receiver of webhooks that takes nothing for hours, in every way there is.

use crate::audit::Granted;
use crate::support::eventually;
use crate::support::receiver::{Meets, Receiver, SECRET};
use crate::world::{Concluded, World};
use std::time::{Duration, Instant};

/// The engine does not wait for a receiver: this many take no longer than without one.
const MODELS: usize = 5;
const ENGINE: Duration = Duration::from_secs(20);

pub async fn unwell() -> Concluded {
    let mut world = World::start().await;
    // Its name leads to this machine, which this process may not post to.
    let entry = world.environment["WEBHOOKS"].clone();
    world.set(
        "WEBHOOKS",
        format!("frontend https://localhost/hooks {SECRET}"),
    );
    world.set("WEBHOOKS_TO_LOOPBACK", false);
    let guarded = world.replica().await;
    deploys(&world, "private").await;
    eventually("the address is refused", 20, async || {
        let refused = "no address that webhooks may go to";
        guarded.logs().contains(refused).then_some(())
    })
    .await;
    guarded.kill_9();
    assert_eq!(world.webhooks(), []);

    world.set("WEBHOOKS", entry);
    world.set("WEBHOOKS_TO_LOOPBACK", true);
    let elsewhere = Receiver::start().await;
    let replicas = [world.replica().await, world.replica().await];
    for (name, meets) in [
        ("hangs", Meets::Silence),
        ("redirects", Meets::Redirect(elsewhere.url.clone())),
        ("fails", Meets::Status(500)),
        ("is-busy", Meets::Busy(1)),
        ("is-away", Meets::Cut),
    ] {
        let before = world.webhooks().len();
        world.receiver.always(meets);
        world.hours_pass().await;
        deploys(&world, name).await;
        eventually(
            &format!("a receiver that {name} is tried"),
            40,
            async || (world.webhooks().len() > before).then_some(()),
        )
        .await;
    }
    assert!(world.webhooks().iter().all(|webhook| !webhook.taken));
    assert_eq!(elsewhere.received().len(), 0, "nobody is followed");

    world.receiver.always(Meets::Status(204));
    // What was tried while it was away is not due for hours.
    let begun = Instant::now();
    let late = async {
        loop {
            world.hours_pass().await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    };
    let concluded = tokio::select! {
        concluded = world.conclude(Granted::default(), 90) => concluded,
        () = late => unreachable!(),
    };
    println!(
        "      {} webhooks, {} of them taken, {:.0} s after the receiver was back",
        world.webhooks().len(),
        world
            .webhooks()
            .iter()
            .filter(|webhook| webhook.taken)
            .count(),
        begun.elapsed().as_secs_f64()
    );
    drop(replicas);
    concluded
}

async fn deploys(world: &World, name: &str) {
    let begun = Instant::now();
    let models = (0..MODELS).map(|number| format!("{name}-{number}"));
    let ids = world.client.submit_all(models).await;
    for id in ids {
        world.client.reaches(&id, "deployed", 60).await;
    }
    assert!(begun.elapsed() < ENGINE, "{name}: {:?}", begun.elapsed());
}
