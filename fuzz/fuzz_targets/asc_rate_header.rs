#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    rosterd::fuzzing::read("asc_rate_header", bytes);
});
