//! The readers without a fuzzer: any bytes, good bodies with a few bytes changed, and inputs that are deep, long or wide.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{READERS, read};

/// Inputs of each kind for each reader.
const CASES: u64 = 500;
/// Longer than any honest input of this size takes, in a build without optimization on a busy machine.
const LONGEST: Duration = Duration::from_secs(10);

/// Splitmix, so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((value ^ (value >> 31)) % limit as u64).unwrap()
    }
}

/// What simulated services answered, and what rosterd wrote: small, for there are many cases.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn every_reader_has_a_target_and_takes_its_own_seeds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut targets: Vec<String> = std::fs::read_dir(root.join("fuzz_targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    targets.sort();
    let mut names: Vec<&str> = READERS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(targets, names);
    for name in names {
        let taken = seeds(name).iter().filter(|seed| read(name, seed)).count();
        assert!(
            taken > 0 && taken * 2 >= seeds(name).len(),
            "{name}: {taken} of {} seeds",
            seeds(name).len()
        );
    }
}

#[test]
fn any_bytes_are_read_or_refused() {
    for (name, reader) in READERS {
        let mut dice = Dice(1);
        for _ in 0..CASES {
            let length = dice.below(300);
            // Every other one of the letters that JSON, TOML and filters are made of.
            let letters = b"{}[]()\",:=.\\ \nu0e-9atrue null eq not and";
            let text = dice.below(2) == 0;
            let byte = |dice: &mut Dice| {
                if text { letters[dice.below(letters.len())] } else { u8::try_from(dice.below(256)).unwrap() }
            };
            let bytes: Vec<u8> = (0..length).map(|_| byte(&mut dice)).collect();
            reader(&bytes);
            let _ = name;
        }
    }
}

#[test]
fn a_good_body_with_a_few_bytes_changed_is_read_or_refused() {
    let mut counts = Vec::new();
    for (name, reader) in READERS {
        let seeds: Vec<Vec<u8>> = seeds(name).into_iter().filter(|seed| seed.len() < 2500).collect();
        let mut dice = Dice(2);
        let taken = (0..CASES).filter(|_| {
            let mut bytes = seeds[dice.below(seeds.len())].clone();
            for _ in 0..=dice.below(4) {
                change(&mut bytes, &mut dice);
            }
            reader(&bytes)
        });
        counts.push((name, taken.count()));
    }
    // Were all refused at the first byte, nothing would have been tested.
    for (name, taken) in counts {
        assert!(taken > 0, "{name} took none");
    }
}

/// One change of the kind that finds things.
fn change(bytes: &mut Vec<u8>, dice: &mut Dice) {
    const WORDS: [&[u8]; 14] = [
        b"null",
        b"true",
        b"-1",
        b"1e400",
        b"99999999999999999999",
        b"[]",
        b"{}",
        b"\"\"",
        b"\"\\u0000\"",
        b"\"\\ud800\"",
        b"\xff\xfe",
        b"\x1b[2J",
        b"0001-01-01T00:00:00Z",
        b"9999-12-31T23:59:59Z",
    ];
    let at = dice.below(bytes.len() + 1);
    let end = (at + 1 + dice.below(12)).min(bytes.len());
    match dice.below(6) {
        0 if at < bytes.len() => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
        1 if at < end => drop(bytes.drain(at..end)),
        2 if at < end => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        3 => bytes.truncate(at),
        // A value for a value: between a colon and what follows.
        4 => {
            let colons: Vec<usize> =
                (0..bytes.len()).filter(|at| matches!(bytes[*at], b':' | b'=')).collect();
            if let Some(colon) = colons.get(dice.below(colons.len().max(1))) {
                let rest = &bytes[colon + 1..];
                let length = rest
                    .iter()
                    .position(|byte| matches!(byte, b',' | b'}' | b']' | b'\n'))
                    .unwrap_or(rest.len());
                let word = WORDS[dice.below(WORDS.len())].to_vec();
                bytes.splice(colon + 1..colon + 1 + length, word);
            }
        }
        _ => drop(bytes.splice(at..at, WORDS[dice.below(WORDS.len())].to_vec())),
    }
}

#[test]
fn deep_long_and_wide_inputs_end_soon() {
    let deep = |open: &str, count: usize| open.repeat(count).into_bytes();
    let mut inputs = vec![
        ("brackets", deep("[", 100_000)),
        ("objects", deep("{\"a\":", 100_000)),
        ("members", deep("{\"Resources\":[{\"members\":[", 20_000)),
        ("inner errors", deep("{\"error\":{\"innerError\":", 20_000)),
        ("parentheses", deep("(", 100_000)),
        ("nots", deep("not (", 50_000)),
        ("value paths", deep("a[", 50_000)),
        ("tables", deep("[a", 50_000)),
        ("dotted keys", [deep("a.", 20_000), b"b = 1".to_vec()].concat()),
        ("ands", [deep("a pr and ", 20_000), b"a pr".to_vec()].concat()),
        ("lines", deep("{}\n", 50_000)),
        ("commas", [b"{\"Resources\":[".to_vec(), deep("{},", 50_000), b"{}]}".to_vec()].concat()),
        ("rows", [b"{\"value\":[".to_vec(), deep("{},", 50_000), b"{}]}".to_vec()].concat()),
        (
            "data",
            [b"{\"data\":[".to_vec(), deep("{},", 50_000), b"{}],\"links\":{\"self\":\"\"}}".to_vec()]
                .concat(),
        ),
    ];
    let long = "x".repeat(1 << 20);
    inputs.push((
        "one long text",
        format!("{{\"detail\":\"{long}\",\"error\":{{\"message\":\"{long}\"}}}}").into_bytes(),
    ));
    for (what, input) in &inputs {
        for (name, reader) in READERS {
            let started = Instant::now();
            reader(input);
            assert!(started.elapsed() < LONGEST, "{name} took {:?} for {what}", started.elapsed());
        }
    }
}
