//! Keys at an address that changes, fails or lies.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::backend::{Backend, Reaction};
use crate::jwks::{Jwks, JwksConfig, UnknownKey};

const LONG: Duration = Duration::from_hours(1);

/// Fetches from a backend, and keeps what was taken.
struct Fetching {
    backend: Backend,
    unknown_key: UnknownKey,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Fetching {
    /// Sets that begin with `bad` are refused.
    async fn start(
        refresh: Duration,
        unknown_key_pause: Duration,
        react: impl Fn(usize) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let backend = Backend::start(move |number, _| react(number)).await;
        let (unknown_key, taken) = (UnknownKey::default(), Arc::new(Mutex::new(Vec::new())));
        let keep = Arc::clone(&taken);
        let take = move |set: &[u8]| {
            let set = String::from_utf8(set.to_vec()).unwrap();
            if set.starts_with("bad") {
                return Err("bad".to_owned());
            }
            keep.lock().unwrap().push(set);
            Ok(())
        };
        let config = JwksConfig { url: backend.url(), refresh, unknown_key_pause };
        let jwks =
            Jwks::start(config, unknown_key.clone(), &Handle::current(), Box::new(take)).unwrap();
        jwks.first(Duration::from_secs(30)).await;
        Self { backend, unknown_key, taken }
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }

    async fn until(&self, done: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !done(self) {
            assert!(began.elapsed() < Duration::from_secs(30), "{:?}", self.taken());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn keys_are_fetched_again_and_taken_where_they_changed() {
    let short = Duration::from_millis(20);
    let fetching = Fetching::start(short, LONG, |number| match number {
        0..3 => Reaction::ok("a"),
        3 => Reaction::ok("bad"),
        4 => Reaction::Answer(500, "c".to_owned()),
        5 => Reaction::Die,
        6 => Reaction::Redirect("/elsewhere".to_owned()),
        7 => Reaction::Answer(200, "c".repeat((256 << 10) + 1)),
        _ => Reaction::ok("b"),
    })
    .await;
    assert_eq!(fetching.taken(), ["a"], "before anything is served");
    fetching.until(|fetching| fetching.taken() == ["a", "b"]).await;
    assert!(fetching.backend.seen().len() > 8);
}

#[tokio::test]
async fn a_key_that_is_not_there_is_looked_for_but_not_all_the_time() {
    let pause = Duration::from_millis(300);
    let fetching =
        Fetching::start(LONG, pause, |number| Reaction::Answer(200, number.to_string())).await;
    let began = Instant::now();
    while fetching.taken().len() < 4 {
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", fetching.taken());
        for _ in 0..100 {
            fetching.unknown_key.notice();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The first one was fetched before.
    assert!(began.elapsed() >= pause * 5 / 2, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_start_without_keys_goes_on_and_gets_them_when_they_are_there() {
    let fetching = Fetching::start(Duration::from_millis(50), LONG, |number| match number {
        0 => Reaction::Answer(404, "a".to_owned()),
        _ => Reaction::ok("a"),
    })
    .await;
    fetching.until(|fetching| fetching.taken() == ["a"]).await;
}
