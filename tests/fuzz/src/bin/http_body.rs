//! libFuzzer drives `thinkling_fuzz::http_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thinkling_fuzz::http_body(data));
