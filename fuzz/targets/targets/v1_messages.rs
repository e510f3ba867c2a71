#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_properties::v1_messages::check(data));
