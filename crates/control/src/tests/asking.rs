//! Questions to a backend that answers, hangs, dies, floods or talks garbage.

use std::time::{Duration, Instant};

use switchboard_hooks::{
    Answer, Client, Hook, Payload, Question, Refreshed, Refusal, Signer, Verdict,
};
use switchboard_hub::{ChannelName, Kind};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::Bench;
use super::backend::{Backend, Reaction};
use crate::config::ControlConfig;
use crate::hooks::{HookConfig, Hooks, HooksConfig, static_header};

fn client() -> Client {
    Client {
        connection: "0-1-1".to_owned(),
        share: 1,
        transport: "websocket",
        user: "7".into(),
        meta: None,
        headers: vec![
            ("cookie".into(), b"a=b"[..].into()),
            ("authorization".into(), b"mine"[..].into()),
            ("cookie".into(), b"c=d"[..].into()),
            ("x-broken".into(), b"a\nb"[..].into()),
        ],
    }
}

fn name(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn connect() -> Question {
    Question::Connect { client: client(), channels: Vec::new(), data: None }
}

fn message() -> Question {
    message_of(1)
}

/// From a client at another address.
fn message_of(share: u64) -> Question {
    let payload = Payload { kind: Kind::Text, bytes: b"1".to_vec() };
    Question::Message { client: Client { share, ..client() }, method: "".into(), payload }
}

fn subscribe(channels: usize) -> Question {
    let channels = (0..channels).map(|number| name(&number.to_string())).collect();
    Question::Subscribe { client: client(), channels, data: None }
}

fn hook(backend: &Backend, timeout_ms: u64) -> HookConfig {
    let endpoint = backend.endpoint(timeout_ms);
    HookConfig { endpoint, concurrency_max: 64, queue_max: 1_024, answer_bytes_max: 64 << 10 }
}

/// The same backend for every question.
fn hooks(config: &HookConfig) -> Hooks {
    let asked = Hook::ALL.into_iter().map(|hook| (hook, config.clone())).collect();
    Hooks::start(HooksConfig { asked, events: None }, &Handle::current()).unwrap()
}

fn ask(hooks: &Hooks, question: Question) -> oneshot::Receiver<Verdict> {
    let (reply, verdict) = oneshot::channel();
    hooks.ask(question, Box::new(move |verdict| drop(reply.send(verdict))));
    verdict
}

fn count(hooks: &Hooks, hook: &str, counter: &str) -> u64 {
    hooks.stats().json().unwrap()[hook][counter].as_u64().unwrap()
}

#[tokio::test]
async fn a_question_is_a_request_and_its_answer_the_verdict() {
    let backend = Backend::start(|_, seen| {
        let method = seen.json()["method"].clone();
        Reaction::Answer(200, format!(r#"{{"result":{{"expire_at":0,"data":{method}}}}}"#))
    })
    .await;
    let mut config = hook(&backend, 5_000);
    config.endpoint.signer = Some(Signer::new(b"secret"));
    config.endpoint.static_headers.extend([static_header("Authorization", "ours").unwrap()]);
    let hooks = hooks(&config);
    let refreshed = ask(&hooks, Question::Refresh { client: client() }).await.unwrap();
    assert_eq!(refreshed, Ok(Answer::Refreshed(Refreshed::Until { end_s: None, info: None })));
    assert!(matches!(ask(&hooks, message()).await.unwrap(), Ok(Answer::Message(_))));
    let seen = backend.seen();
    let [refresh, message] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(refresh.json()["user"], "7");
    assert_eq!(message.json()["data"], 1);
    let headers = &refresh.headers;
    let all = |name: &str| -> Vec<_> { headers.get_all(name).iter().collect() };
    assert_eq!(all("cookie"), ["a=b", "c=d"]);
    assert_eq!(all("authorization"), ["ours"]);
    assert_eq!(all("content-type"), ["application/json"]);
    assert!(all("user-agent")[0].to_str().unwrap().starts_with("switchboard/"));
    assert!(!headers.contains_key("x-broken"));
    let signature = headers[Signer::HEADER].to_str().unwrap();
    let time = signature[2..].split(',').next().unwrap().parse().unwrap();
    assert_eq!(signature, Signer::new(b"secret").sign(time, &refresh.body));
    assert_eq!(count(&hooks, "refresh", "asked"), 1);
}

#[tokio::test]
async fn a_subscription_is_asked_about_channel_by_channel_and_all_must_agree() {
    let backend = Backend::start(|_, seen| match seen.json()["channel"].as_str() {
        Some("30") => Reaction::ok(r#"{"error":{"code":403,"message":"not 30"}}"#),
        Some("40") => Reaction::ok(r#"{"disconnect":{"code":4403,"reason":"go"}}"#),
        Some(_) => Reaction::Later(Duration::from_millis(20), "{}".to_owned()),
        None => Reaction::Die,
    })
    .await;
    let hooks = hooks(&hook(&backend, 10_000));
    assert_eq!(ask(&hooks, subscribe(30)).await.unwrap(), Ok(Answer::Subscribed(None)));
    assert_eq!(backend.seen().len(), 30);
    assert!((2..=16).contains(&backend.most_together()), "{}", backend.most_together());
    let refused = ask(&hooks, subscribe(31)).await.unwrap();
    let message = "not 30".to_owned();
    assert_eq!(refused, Err(Refusal::Error { code: 403, message, is_temporary: false }));
    let only = Question::Subscribe { client: client(), channels: vec![name("40")], data: None };
    let refused = ask(&hooks, only).await.unwrap();
    assert_eq!(refused, Err(Refusal::Disconnect { code: 4_403, reason: "go".to_owned() }));
    assert_eq!(count(&hooks, "subscribe", "refused_error"), 1);
    assert_eq!(count(&hooks, "subscribe", "refused_disconnect"), 1);
}

/// What is wrong with a backend, and how it is counted.
async fn failure(react: impl Fn(usize) -> Reaction + Send + Sync + 'static, reason: &str) -> usize {
    let backend = Backend::start(move |number, _| react(number)).await;
    let hooks = hooks(&hook(&backend, 300));
    let began = Instant::now();
    assert_eq!(ask(&hooks, message()).await.unwrap(), Err(Refusal::Unavailable), "{reason}");
    assert!(began.elapsed() < Duration::from_secs(20), "{reason}: {:?}", began.elapsed());
    assert_eq!(count(&hooks, "message", &format!("failed_{reason}")), 1);
    backend.seen().len()
}

#[tokio::test]
async fn whatever_a_backend_does_there_is_a_verdict() {
    assert_eq!(failure(|_| Reaction::Hang, "timeout").await, 1);
    assert_eq!(failure(|_| Reaction::Die, "connection").await, 1);
    assert_eq!(failure(|_| Reaction::Flood, "garbage").await, 1);
    assert_eq!(failure(|_| Reaction::ok("<html>"), "garbage").await, 1);
    assert_eq!(failure(|_| Reaction::Answer(500, "{}".to_owned()), "status").await, 1);
    assert_eq!(failure(|_| Reaction::Answer(503, "{}".to_owned()), "status").await, 1);
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_the_configuration_says() {
    let of_length = |length: usize| Reaction::ok(&format!("{{}}{}", " ".repeat(length - 2)));
    let backend = Backend::start(move |number, _| of_length(2_000 + number)).await;
    let hooks = hooks(&HookConfig { answer_bytes_max: 2_000, ..hook(&backend, 10_000) });
    assert_eq!(ask(&hooks, connect()).await.unwrap(), Ok(Answer::Connected(None)));
    assert_eq!(ask(&hooks, connect()).await.unwrap(), Err(Refusal::Unavailable));
    assert_eq!(count(&hooks, "connect", "failed_garbage"), 1);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Backend::start(|_, _| Reaction::ok("{}")).await;
    let to = other.url().to_string();
    assert_eq!(failure(move |_| Reaction::Redirect(to.clone()), "status").await, 1);
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn only_what_can_be_repeated_is_and_once() {
    let flaky = |number: usize| match number {
        0 => Reaction::Die,
        1 | 3 => Reaction::ok("{}"),
        2 => Reaction::Answer(503, String::new()),
        _ => Reaction::Answer(502, String::new()),
    };
    let backend = Backend::start(move |number, _| flaky(number)).await;
    let hooks = hooks(&hook(&backend, 10_000));
    assert_eq!(ask(&hooks, connect()).await.unwrap(), Ok(Answer::Connected(None)));
    assert_eq!(ask(&hooks, subscribe(1)).await.unwrap(), Ok(Answer::Subscribed(None)));
    assert_eq!(backend.seen().len(), 4);
    assert_eq!(ask(&hooks, connect()).await.unwrap(), Err(Refusal::Unavailable));
    assert_eq!(backend.seen().len(), 6, "twice");
    assert_eq!(ask(&hooks, message()).await.unwrap(), Err(Refusal::Unavailable));
    assert_eq!(backend.seen().len(), 7, "a message may have been read");
}

#[tokio::test]
async fn a_message_is_sent_again_where_the_backend_could_not_be_reached() {
    let backend = Backend::start(|_, _| Reaction::ok("{}")).await;
    let mut config = hook(&backend, 10_000);
    // Nobody listens on port 1.
    config.endpoint.url = crate::client::Url::parse("http://127.0.0.1:1/").unwrap();
    let hooks = hooks(&config);
    for asked in 1..=2 {
        assert_eq!(ask(&hooks, message()).await.unwrap(), Err(Refusal::Unavailable));
        assert_eq!(count(&hooks, "message", "failed_connection"), asked);
    }
    // Two tries each: the third question's second try finds the breaker open, with five failures.
    ask(&hooks, message()).await.unwrap().unwrap_err();
    ask(&hooks, message()).await.unwrap().unwrap_err();
    assert_eq!(count(&hooks, "message", "failed_breaker"), 1);
}

#[tokio::test]
async fn a_backend_that_does_not_answer_is_left_alone_and_then_asked_once() {
    let backend = Backend::start(|number, _| match number {
        0..5 => Reaction::Answer(503, String::new()),
        _ => Reaction::ok("{}"),
    })
    .await;
    let hooks = hooks(&hook(&backend, 10_000));
    for _ in 0..5 {
        ask(&hooks, message()).await.unwrap().unwrap_err();
    }
    let opened = Instant::now();
    let refused: Vec<_> = (0..100).map(|_| ask(&hooks, message())).collect();
    for verdict in refused {
        assert_eq!(verdict.await.unwrap(), Err(Refusal::Unavailable));
    }
    // On a machine that is so busy, it may be asked already.
    if opened.elapsed() < Duration::from_millis(450) {
        assert_eq!((backend.seen().len(), count(&hooks, "message", "failed_breaker")), (5, 100));
    }
    while ask(&hooks, message()).await.unwrap().is_err() {
        assert!(opened.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(backend.seen().len() <= 7);
}

#[tokio::test]
async fn errors_of_its_own_do_not_close_a_backend_to_others() {
    let backend = Backend::start(|number, _| match number {
        0..30 => Reaction::Answer([500, 404][number % 2], String::new()),
        _ => Reaction::ok("{}"),
    })
    .await;
    let hooks = hooks(&hook(&backend, 10_000));
    for _ in 0..30 {
        ask(&hooks, message()).await.unwrap().unwrap_err();
    }
    assert!(ask(&hooks, message()).await.unwrap().is_ok());
}

#[tokio::test]
async fn so_many_are_asked_at_a_time_and_so_many_wait() {
    let backend =
        Backend::start(|_, _| Reaction::Later(Duration::from_millis(50), "{}".to_owned())).await;
    let hooks = hooks(&HookConfig { concurrency_max: 3, queue_max: 4, ..hook(&backend, 20_000) });
    let verdicts: Vec<_> = (0..10).map(|share| ask(&hooks, message_of(share))).collect();
    let mut answered = 0;
    for (at, verdict) in verdicts.into_iter().enumerate() {
        let is_ok = verdict.await.unwrap().is_ok();
        assert_eq!(is_ok, at < 7, "{at}");
        answered += usize::from(is_ok);
    }
    assert_eq!((answered, backend.seen().len(), backend.most_together()), (7, 7, 3));
    assert_eq!(count(&hooks, "message", "failed_queue"), 3);
    assert!(ask(&hooks, message()).await.unwrap().is_ok(), "there is room again");
    let large = Payload { kind: Kind::Binary, bytes: vec![0; 9 << 20] };
    let large =
        || Question::Message { client: client(), method: "".into(), payload: large.clone() };
    let verdicts = [large(), large(), large()].map(|question| ask(&hooks, question));
    let [first, second, third] = verdicts;
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
    assert!(third.await.unwrap().is_err(), "they have more than 16 MiB");
}

#[tokio::test]
async fn time_counts_from_the_question() {
    let backend = Backend::start(|_, _| Reaction::Hang).await;
    let hooks = hooks(&HookConfig { concurrency_max: 1, ..hook(&backend, 200) });
    let began = Instant::now();
    let verdicts: Vec<_> = (0..30).map(|_| ask(&hooks, message())).collect();
    for verdict in verdicts {
        assert_eq!(verdict.await.unwrap(), Err(Refusal::Unavailable));
    }
    // One after another they would take six seconds.
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let counters = hooks.stats().json().unwrap();
    let failed = |reason: &str| counters["message"][reason].as_u64().unwrap();
    assert_eq!(failed("failed_timeout") + failed("failed_breaker"), 30, "{counters}");
}

#[tokio::test]
async fn each_hook_has_its_numbers() {
    let backend = Backend::start(|number, _| match number {
        0 => Reaction::ok("{}"),
        1 => Reaction::ok(r#"{"error":{"code":400}}"#),
        _ => Reaction::Answer(500, String::new()),
    })
    .await;
    let hooks = hooks(&hook(&backend, 10_000));
    for _ in 0..3 {
        let _ = ask(&hooks, message()).await.unwrap();
    }
    let bench = Bench::with(ControlConfig { hooks: hooks.stats(), ..ControlConfig::default() });
    let counters = bench.get("/counters", &[]).await.json();
    let message = &counters["hooks"]["message"];
    assert_eq!((&message["asked"], &message["failed_status"]), (&3.into(), &1.into()));
    let metrics = bench.get("/metrics", &[]).await;
    for line in [
        "switchboard_hook_asked_total{hook=\"message\"} 3",
        "switchboard_hook_asked_total{hook=\"connect\"} 0",
        "switchboard_hook_refused_total{hook=\"message\",answer=\"error\"} 1",
        "switchboard_hook_failed_total{hook=\"message\",reason=\"status\"} 1",
        "switchboard_hook_breaker_open{hook=\"message\"} 0",
        "switchboard_hook_seconds_count{hook=\"message\"} 3",
    ] {
        assert!(metrics.text().lines().any(|have| have == line), "{line}\n{}", metrics.text());
    }
    assert!(!metrics.text().contains("events_sent"));
}

#[tokio::test]
async fn a_hook_that_is_not_there_is_not_available() {
    let hooks = Hooks::start(HooksConfig::default(), &Handle::current()).unwrap();
    assert_eq!(ask(&hooks, connect()).await.unwrap(), Err(Refusal::Unavailable));
    assert_eq!(hooks.stats().json(), None);
}
