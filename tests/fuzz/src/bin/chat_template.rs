//! libFuzzer drives `thinkling_fuzz::chat_template`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thinkling_fuzz::chat_template(data));
