//! libFuzzer drives `thinkling_fuzz::recipe`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thinkling_fuzz::recipe(data));
