//! libFuzzer drives `thinkling_fuzz::tokenizer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thinkling_fuzz::tokenizer(data));
