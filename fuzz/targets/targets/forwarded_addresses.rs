#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_properties::forwarded_addresses::check(data));
