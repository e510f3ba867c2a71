#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_properties::proxy_headers::check(data));
