//! The name somebody meant: near spellings, and the right name in the wrong table.

use super::keys::KEYS;

/// The candidate with the fewest typing errors, where there are few enough for the length of the word.
pub(crate) fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Case and the choice of `-` or `_` are the least of typing errors.
fn plain(word: &str) -> String {
    word.trim().to_lowercase().replace(['-', ' '], "_")
}

/// The key that was probably meant by one that does not exist; both as in [`KEYS`].
pub(super) fn near_key(unknown: &str) -> Option<&'static str> {
    let (table, leaf) = split(unknown);
    let leaf = plain(leaf);
    let siblings = || KEYS.keys().map(String::as_str).filter(|key| split(key).0 == table);
    if let Some(name) = near(&leaf, siblings().map(|key| split(key).1)) {
        return siblings().find(|key| split(key).1 == name);
    }
    // `token` for `token_file`, `issuer` for `issuer_id`.
    let begun =
        siblings().find(|key| split(key).1.strip_prefix(&*leaf).is_some_and(|rest| rest.starts_with('_')));
    begun.or_else(|| elsewhere(unknown, &leaf))
}

/// The same name in another table, the nearest first: a key of `[access]` written under `[access.attributes]` stays
/// in the family.
fn elsewhere(unknown: &str, leaf: &str) -> Option<&'static str> {
    let keys = || KEYS.keys().map(String::as_str);
    let shared = |key: &str| key.split('.').zip(unknown.split('.')).take_while(|(a, b)| a == b).count();
    let rank = |key: &&str| (shared(key), std::cmp::Reverse((key.contains("[]"), key.len())));
    let same = keys().filter(|key| split(key).1 == leaf).max_by_key(rank);
    same.or_else(|| {
        let name = near(leaf, keys().map(|key| split(key).1))?;
        keys().filter(|key| split(key).1 == name).max_by_key(rank)
    })
}

/// The keys directly in a table, for a message that has no near name.
pub(super) fn keys_of(table: &str) -> Vec<&'static str> {
    KEYS.keys().map(|key| split(key)).filter(|(parent, _)| *parent == table).map(|(_, leaf)| leaf).collect()
}

/// Table and name of a key.
pub(super) fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_was_meant_is_found() {
        for (unknown, meant) in [
            ("guard.removal_max", Some("guard.removals_max")),
            ("guard.removals-max", Some("guard.removals_max")),
            ("gaurd", Some("guard")),
            ("scope.roles", Some("access.roles")),
            ("access.attributes.preserve_roles", Some("access.preserve_roles")),
            ("groups", Some("scope.groups")),
            ("source.scim.token", Some("source.scim.token_file")),
            ("access.rules[].grup", Some("access.rules[].group")),
            ("app_store_connect.issuer", Some("app_store_connect.issuer_id")),
            ("access.rules[].favourite", None),
        ] {
            assert_eq!(near_key(unknown), meant, "{unknown}");
        }
    }
}
