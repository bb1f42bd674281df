//! libFuzzer drives `thinkling_fuzz::adapter`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thinkling_fuzz::adapter(data));
