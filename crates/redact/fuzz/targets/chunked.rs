#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| modelstat_redact_fuzz::chunked(input));
