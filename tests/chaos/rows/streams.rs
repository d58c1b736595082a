//! Row 37: as many event streams as this machine lets be opened, stuck, and drained.

use crate::audit::Granted;
use crate::support::resident_bytes;
use crate::support::sse::{Events, Message, changes, last_words, stuck_many};
use crate::world::{Concluded, World};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

const STREAMS: usize = 10_000;
const IDLE: usize = 1_000;
/// What each may cost the process; a stream is a connection, its two buffers and a place in a record.
const BYTES_EACH_MAX: usize = 48 << 10;
/// ECS kills a task this long after SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

pub async fn stuck() -> Concluded {
    let mut world = World::start().await;
    // And one that is read.
    world.set("EVENT_STREAMS_MAX", STREAMS + 1);
    world.set("EVENT_STREAMS_PER_KEY_MAX", STREAMS + 1);
    world.stop_mining().await;
    let mut api = world.replica().await;
    let models = (0..20).map(|number| format!("watched-{number}"));
    let ids = world.client.submit_all(models).await;
    world.sends(16).await;

    // One that reads, as far as there is anything to read.
    let mut reader = Events::open(&api.url, &ids[0], None).await;
    let mut told: Vec<Message> = Vec::new();
    while changes(&told).last().is_none_or(|change| change.2 != 30) {
        told.push(reader.next().await.unwrap());
    }
    let before = resident_bytes(api.pid());
    let address = api.url.trim_start_matches("http://").to_string();
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(TcpStream::connect(&address).await.unwrap());
    }
    let mut streams = stuck_many(&api.url, &ids, STREAMS).await;
    // The engine and everybody else go on meanwhile.
    api.healthy().await;
    let held = resident_bytes(api.pid());
    let each = held.saturating_sub(before) / (STREAMS + IDLE);
    assert!(each < BYTES_EACH_MAX, "{each} bytes each");

    api.terminate();
    let begun = Instant::now();
    assert_eq!(api.ended(STOP_TIMEOUT.as_secs()).await.code(), Some(0));
    let drained = begun.elapsed();
    told.extend(reader.rest().await);
    for stream in &mut streams {
        let words = last_words(stream).await;
        assert!(words.contains(": this task ends; come back"), "{words}");
    }
    println!(
        "      {STREAMS} streams and {IDLE} idle connections: {} MiB before, {} MiB with them, {each} bytes each; drained in {drained:.1?}",
        before >> 20,
        held >> 20
    );
    drop((streams, idle));

    // The next process goes on with the deployments, and with the stream from where its client was.
    let next = world.replica().await;
    let seen = changes(&told).last().map(|change| change.0);
    let mut reader = Events::open(&next.url, &ids[0], seen).await;
    world.resume_mining().await;
    told.extend(reader.rest().await);
    let numbers: Vec<u32> = changes(&told).iter().map(|change| change.0).collect();
    let expected: Vec<u32> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "once, in order, none missing");
    assert_eq!(changes(&told).last().unwrap().1, "deployed");
    world.conclude(Granted::default(), 60).await
}
