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
    let siblings = || KEYS.keys().map(String::as_str).filter(move |key| split(key).0 == table);
    let full = |leaf: &str| siblings().find(|key| split(key).1 == leaf);
    if let Some(sibling) = near(leaf, siblings().map(|key| split(key).1)).and_then(full) {
        return Some(sibling);
    }
    let elsewhere = || KEYS.keys().map(String::as_str);
    // Nearest table first: a key of [access] written under [access.attributes] stays in the family.
    let shared = |key: &str| key.bytes().zip(unknown.bytes()).take_while(|(a, b)| a == b).count();
    let same_leaf = elsewhere().filter(|key| split(key).1 == plain(leaf)).max_by_key(|key| shared(key));
    same_leaf.or_else(|| {
        let leaf = near(leaf, elsewhere().map(|key| split(key).1))?;
        elsewhere().find(|key| split(key).1 == leaf)
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
            ("access.rules[].colour", None),
        ] {
            assert_eq!(near_key(unknown), meant, "{unknown}");
        }
    }
}
