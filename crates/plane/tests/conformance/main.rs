//! What every plane promises, tested on loopback sockets with the standard library's sockets as
//! peers. The same tests run on all planes that this kernel has.
#![allow(unsafe_code, reason = "waiting on a descriptor, and resets, need libc")]
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod capacity;
mod close;
mod connect;
mod harness;
mod stream;
mod wake;

/// Makes one test per plane of each function.
macro_rules! on_all_planes {
    ($($module:ident: $($name:ident)*;)*) => {
        mod on_io_uring_with_direct_descriptors {
            $($(#[test]
            fn $name() {
                match switchboard_plane::choice::probe_io_uring() {
                    Ok(direct) if direct.are_usable() => {
                        crate::$module::$name::<crate::harness::IoUringDirect>();
                    }
                    Ok(direct) => eprintln!("skipped: {direct}"),
                    Err(refusal) => eprintln!("skipped, no io_uring here: {refusal}"),
                }
            })*)*
        }
        mod on_io_uring_with_process_descriptors {
            $($(#[test]
            fn $name() {
                match switchboard_plane::choice::probe_io_uring() {
                    Ok(_) => crate::$module::$name::<crate::harness::IoUringProcess>(),
                    Err(refusal) => eprintln!("skipped, no io_uring here: {refusal}"),
                }
            })*)*
        }
        mod on_epoll {
            $($(#[test]
            fn $name() {
                crate::$module::$name::<crate::harness::Epoll>();
            })*)*
        }
    };
}

on_all_planes! {
    capacity:
        a_full_plane_accepts_again_after_a_close
        a_full_plane_sleeps
        forty_connections_on_tables_of_eight
        a_batch_of_thousands_reaches_everyone
        thousands_of_connections_leave_no_slots_behind
        two_listeners_share_the_last_slots
        reserved_slots_are_for_the_last_listeners;
    close:
        fin_comes_after_what_was_sent
        reset_reaches_the_peer
        a_peers_fin_leaves_the_other_direction_open
        a_peers_fin_is_no_room
        a_close_behind_older_polls_ends_at_once
        a_shutdown_never_hits_the_next_connection
        shutting_down_leaves_reading_open
        a_peers_reset_is_an_error
        stale_names_are_ignored
        unread_bytes_of_a_finished_peer_come_first
        a_dropped_plane_closes_everything
        a_closed_connection_has_no_more_events
        stopping_refuses_clients_and_keeps_connections
        a_queue_is_accepted_while_newcomers_are_held_off;
    connect:
        a_connection_to_a_listener_works_both_ways
        a_refused_connection_ends
        the_source_address_is_chosen
        a_connect_in_progress_can_be_closed
        a_thousand_connections_on_small_tables;
    stream:
        accepting_tells_the_peers_address
        accepting_tells_an_ipv6_address
        bytes_come_back
        a_stalled_reader_loses_nothing
        ten_thousand_messages_keep_their_order
        a_receive_longer_than_the_arena_is_complete
        a_paused_connection_is_silent
        pausing_hides_what_was_ready
        only_incomplete_sends_are_told
        room_is_told_once;
    wake:
        a_waker_ends_the_sleep
        an_idle_plane_sleeps
        a_wake_is_never_lost;
}
