#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_properties::listen_requests::check(data));
