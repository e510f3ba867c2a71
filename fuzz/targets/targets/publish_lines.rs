#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_properties::publish_lines::check(data));
