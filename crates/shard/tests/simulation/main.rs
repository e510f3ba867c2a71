//! The whole shard over the simulated plane: seeded schedules of clients that listen in every way,
//! are cut off and come back, stall and publish, on one to three shards whose letters cross in
//! every order.
//!
//! Checked on the way: every client gets in each of its channels exactly the publications that
//! follow what it has seen, in order, with the positions that name them and without a foreign byte;
//! what it does not get is announced, exactly; plain clients that cannot be told are closed. Checked
//! at the end: everybody got to the last publication; no subscription, no gauge and no byte of a
//! publication is left when all are gone.
//!
//! Clients also act in the middle of a turn, as soon as they are sent something ([`mid_turn`]): by then
//! other shards must know what goes with it.
//!
//! A failure prints its seed; `SIM_SEED=n` runs that one alone, `SIM_SEEDS=n` runs n of them.

#![allow(clippy::unwrap_used)] // a test says what it missed by panicking

mod backends;
mod batches;
mod bounds;
mod checks;
mod client;
mod commands;
mod course;
mod delays;
mod drain;
mod event_stream;
mod greed;
mod hooks;
mod http;
mod json_turns;
mod mid_turn;
mod plan;
mod poll;
mod random;
mod record;
mod schedule;
mod sdk;
mod single;
mod tokens;
mod websocket;
mod world;

use plan::Plan;
use world::World;

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (number("SIM_SEED"), number("SIM_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(250),
    }
}

fn run_all(plan: impl Fn(u64) -> Plan) {
    for seed in seeds() {
        let plan = plan(seed);
        let outcome = std::panic::catch_unwind(|| World::new(seed, &plan).run());
        if let Err(panic) = outcome {
            eprintln!("failed with SIM_SEED={seed} and {plan:?}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn a_connect_hook_says_who_a_client_is_before_it_listens() {
    hooks::opening::connect();
}

#[test]
fn a_refusal_of_a_backend_reaches_the_client_as_it_must() {
    hooks::opening::refusals();
}

#[test]
fn polls_disturb_a_backend_once_a_minute() {
    hooks::opening::polls();
}

#[test]
fn a_backend_is_asked_about_channels_that_nothing_grants() {
    hooks::opening::subscribe();
}

#[test]
fn publications_wait_for_their_backend_in_order() {
    hooks::listening::publish();
}

#[test]
fn a_refused_publication_ends_a_plain_websocket() {
    hooks::listening::refused_publications();
}

#[test]
fn few_messages_of_a_client_are_with_the_backend_at_once() {
    hooks::listening::messages();
}

#[test]
fn a_backend_says_whether_a_client_may_stay() {
    hooks::listening::refresh();
}

#[test]
fn backends_are_told_who_comes_and_goes() {
    hooks::listening::events();
}

#[test]
fn clients_that_leave_while_a_backend_is_asked_leave_nothing() {
    hooks::opening::clients_that_leave();
}

#[test]
fn tokens_take_a_part_of_a_turn_and_nobody_is_forgotten() {
    tokens::many_at_once();
}

#[test]
fn the_end_of_a_token_leaves_the_connection_of_a_poll() {
    tokens::the_end_of_a_poll();
}

#[test]
fn connections_end_with_their_tokens_one_after_another() {
    tokens::the_end_of_many();
}

#[test]
fn nothing_is_lost_or_repeated_while_clients_come_and_go() {
    run_all(Plan::roomy);
}

#[test]
fn whoever_cannot_have_everything_is_told_exactly() {
    run_all(Plan::scarce);
}

#[test]
fn streams_that_end_leave_nothing_behind() {
    run_all(Plan::fleeting);
}

#[test]
fn who_publishes_elsewhere_as_soon_as_it_has_its_101_gets_it() {
    seeds().for_each(mid_turn::run);
}

#[test]
fn who_catches_up_in_the_middle_of_a_turn_is_not_told_before_other_shards() {
    seeds().for_each(mid_turn::catch_up);
}

#[test]
fn a_turn_builds_a_bounded_part_of_many_answers_in_json() {
    json_turns::run(false);
    json_turns::run(true);
}

#[test]
fn backends_are_answered_in_order_and_publish_what_they_are_told() {
    seeds().for_each(backends::run);
}

#[test]
fn clients_of_centrifuge_are_answered_as_a_model_says_whatever_they_ask() {
    seeds().for_each(commands::run);
}

#[test]
fn a_client_that_reads_nothing_is_read_up_to_a_bound() {
    greed::replies();
}

#[test]
fn a_turn_catches_up_with_a_bounded_part() {
    bounds::catch_up();
}

#[test]
fn publishing_clients_wait_for_a_shard_that_is_behind() {
    bounds::mailbox();
}

#[test]
fn a_turn_serves_a_slice_of_a_large_channel() {
    bounds::slices();
}

#[test]
fn a_turn_with_many_events_serves_as_many_listeners() {
    bounds::slices_beside_events();
}

#[test]
fn a_step_of_the_sweep_pings_a_bounded_number() {
    bounds::sweep();
}

#[test]
fn a_client_that_reads_slowly_stays_and_one_that_does_not_read_goes() {
    greed::slow_readers();
}

#[test]
fn a_large_reply_that_is_not_read_ends_the_reading() {
    greed::large_replies();
}

#[test]
fn a_turn_answers_a_bounded_part_of_pipelined_requests() {
    bounds::answers();
}

#[test]
fn there_are_so_many_places_and_no_more() {
    greed::places();
}

#[test]
fn bytes_behind_a_held_poll_are_bounded() {
    greed::behind_polls();
}

#[test]
fn a_client_publishes_so_much_a_second() {
    greed::publications();
}

#[test]
fn a_stop_tells_a_page_in_a_turn_and_ends_in_time() {
    bounds::stop();
}

#[test]
fn a_drain_spreads_its_clients_and_they_get_everything_until_then() {
    drain::spread();
}

#[test]
fn a_drain_that_is_late_tells_a_bounded_number_in_a_turn() {
    drain::bounded();
}

#[test]
fn a_drain_without_clients_ends_at_once() {
    drain::without_clients();
}

#[test]
fn a_drain_ends_behind_its_last_client() {
    drain::early();
}

#[test]
fn a_drain_serves_clients_that_wait_to_be_accepted() {
    drain::queue();
}

#[test]
fn a_drain_ends_each_way_to_listen_in_its_manner() {
    drain::ways();
}

#[test]
fn a_drain_waits_for_requests_under_way() {
    drain::requests();
}

#[test]
fn a_drain_waits_for_backends() {
    hooks::opening::drain();
}

#[test]
fn a_drain_stops_clients_that_are_left_at_its_end() {
    drain::left_over();
}

#[test]
fn a_stop_closes_a_publishing_stream_behind_its_last_receipt() {
    drain::receipts();
}

#[test]
fn an_order_to_stop_ends_a_drain() {
    drain::stopped();
}

#[test]
fn requests_that_wait_are_read_up_to_a_bound() {
    greed::waiting_requests();
}

#[test]
fn a_client_that_always_reads_whole_batches_stays() {
    greed::whole_batches();
}

#[test]
fn backends_do_not_wait_for_a_long_batch() {
    batches::beside_a_long_one();
}

#[test]
fn a_publication_is_measured_to_its_last_subscriber() {
    delays::to_the_last_subscriber();
}

#[test]
fn a_delay_is_measured_across_the_end_of_the_finer_clock() {
    delays::across_the_end_of_the_clock();
}

#[test]
fn a_server_that_stops_is_not_healthy_to_load_balancers() {
    bounds::health_of_a_stop();
}
