//! Ids and chance that repeat from run to run: no randomness, so that a failing test fails again.

/// The next number of a sequence (splitmix64, Steele, Lea and Flood 2014): a good mix from any seed, in four lines.
pub(super) fn mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A UUID-shaped id that is a function of a kind and a number.
pub(super) fn uuid(kind: u64, number: u64) -> String {
    let mut state = kind.wrapping_mul(0x0001_0000_0001).wrapping_add(number);
    let (high, low) = (mix(&mut state), mix(&mut state));
    let bits = (u128::from(high) << 64) | u128::from(low);
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}
