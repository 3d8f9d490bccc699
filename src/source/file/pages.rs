//! Signs in a file that it is one page of several: what a provider puts beside a page to say that others exist.

use serde_json::Value;

use super::Object;
use crate::source::scim::wire::Members;

/// Keys whose value leads to another page or to a change feed, without signs and in lower case. A page that has one
/// before it is not the whole either.
const LEADS: [&str; 22] = [
    "odatanextlink",
    "odatadeltalink",
    "membersodatanextlink",
    "nextcursor",
    "nextpagetoken",
    "nextpage",
    "nextpageurl",
    "nextlink",
    "nexttoken",
    "nexturl",
    "next",
    "continuationtoken",
    "previouscursor",
    "prevcursor",
    "previouspage",
    "previous",
    "prev",
    "hasmore",
    "hasnextpage",
    "haspreviouspage",
    "istruncated",
    "truncated",
];
/// Keys that count what the whole holds.
const TOTALS: [&str; 7] =
    ["totalresults", "odatacount", "totalcount", "total", "totalelements", "totalitems", "count"];
/// Keys that number the first entry from 1.
const STARTS: [&str; 1] = ["startindex"];
/// Keys that count the entries before the first one.
const SKIPPED: [&str; 2] = ["offset", "skip"];
/// Keys that count pages, this one among them.
const PAGES: [&str; 4] = ["totalpages", "pagecount", "lastpage", "currentpage"];
/// Where APIs put these keys when not at the top.
const FOLDERS: [&str; 10] = [
    "links",
    "meta",
    "metadata",
    "page",
    "paging",
    "pageinfo",
    "pagination",
    "responsemetadata",
    "cursor",
    "listinfo",
];
/// Folders within folders (`{"meta": {"page": {"next": …}}}`) go no deeper.
const DEPTH_MAX: usize = 3;

/// What says that an answer with so many entries is not the whole, in words.
pub(super) fn sign_of_more(object: &Object<'_>, held: u64) -> Option<String> {
    object.0.iter().find_map(|(key, raw)| {
        let plain = plain(key);
        // A list of people under such a name is not parsed for nothing.
        if !is_sign(&plain) && !FOLDERS.contains(&plain.as_str()) {
            return None;
        }
        sign(key, &serde_json::from_str(raw.get()).ok()?, held, DEPTH_MAX)
    })
}

/// Keys that count a group's direct members.
const MEMBER_COUNTS: [&str; 4] = ["directmemberscount", "membersodatacount", "memberscount", "membercount"];
/// Microsoft Graph expands so many members of a group and no more, without a word.
const EXPANDED_MAX: usize = 20;

/// Why a group need not have these members alone, in words. What is absent is not said, which is not "nobody".
pub(super) fn doubt_of_members(group: &Object<'_>, members: &Members) -> Option<String> {
    let Members::Listed { refs, broken } = members else {
        return Some(
            "its members are not in the file: write \"members\": [] where there are none".to_owned(),
        );
    };
    let listed = refs.len() + broken;
    if let Some(sign) = sign_of_more(group, u64::MAX) {
        return Some(format!("{sign}: its members are one page of several"));
    }
    let counts = group.0.iter().filter(|(key, _)| MEMBER_COUNTS.contains(&plain(key).as_str()));
    let count = counts.filter_map(|(_, raw)| number(&serde_json::from_str(raw.get()).ok()?)).max();
    if let Some(count) = count.filter(|count| *count > listed as u64) {
        return Some(format!("it counts {count} members and lists {listed}"));
    }
    let is_graph = group.get("members").is_some_and(|raw| raw.get().contains("\"@odata.type\""));
    (is_graph && listed == EXPANDED_MAX).then(|| {
        format!(
            "it lists {listed} members, which is all that Microsoft Graph expands: export /members instead"
        )
    })
}

fn is_sign(plain: &str) -> bool {
    [&LEADS[..], &TOTALS, &STARTS, &SKIPPED, &PAGES].iter().any(|keys| keys.contains(&plain))
}

fn sign(key: &str, value: &Value, held: u64, depth: usize) -> Option<String> {
    let name = plain(key);
    let is = |keys: &[&str]| keys.contains(&name.as_str());
    let above = |limit: u64| number(value).is_some_and(|number| number > limit);
    if is(&TOTALS) && above(held) {
        let total = number(value)?;
        return Some(format!("the file holds {held} of {total} resources ({key})"));
    }
    if (is(&STARTS) && above(1)) || (is(&SKIPPED) && above(0)) || (is(&PAGES) && above(1)) {
        return Some(format!("the file's {key:?} is {value}"));
    }
    if is(&LEADS) && leads(value) {
        return Some(format!("the file has {key:?}"));
    }
    if !is(&FOLDERS) {
        return None;
    }
    let depth = depth.checked_sub(1)?;
    match value {
        Value::Object(fields) => fields.iter().find_map(|(key, value)| sign(key, value, held, depth)),
        // `[{"rel": "next", "href": …}]`
        Value::Array(links) => links.iter().find_map(|link| {
            let relation = link.get("rel").or_else(|| link.get("relation"))?.as_str()?;
            LEADS.contains(&plain(relation).as_str()).then(|| format!("the file has a link {relation:?}"))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// False for what a last page says: null, an empty text, `false`.
fn leads(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(more) => *more,
        Value::Number(number) => number.as_u64() != Some(0),
        Value::String(text) => !text.trim().is_empty() && !text.trim().eq_ignore_ascii_case("false"),
        Value::Array(values) => !values.is_empty(),
        // `{"href": null}`
        Value::Object(fields) => fields.values().any(leads),
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// `@odata.nextLink`, `next_link` and `nextLink` are one key.
fn plain(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(text: &str) -> Option<String> {
        sign_of_more(&serde_json::from_str(text).expect("an object"), 3)
    }

    #[test]
    fn whatever_leads_to_another_page_says_that_there_is_one() {
        for more in [
            r#"{"nextCursor":"x"}"#,
            r#"{"NEXTCURSOR":"x"}"#,
            r#"{"previousCursor":"x"}"#,
            r#"{"@odata.nextLink":"https://graph.example.com/v1.0/users?$skiptoken=x"}"#,
            r#"{"@odata.deltaLink":"https://graph.example.com/v1.0/users/delta?$deltatoken=x"}"#,
            r#"{"@odata.count":4}"#,
            r#"{"nextPageToken":"x"}"#,
            r#"{"next_page_token":"x"}"#,
            r#"{"next":"/users?page=2"}"#,
            r#"{"totalResults":4}"#,
            r#"{"totalResults":"4"}"#,
            r#"{"total_count":4}"#,
            r#"{"startIndex":2}"#,
            r#"{"offset":100}"#,
            r#"{"links":{"self":"a","next":"b"}}"#,
            r#"{"_links":{"next":{"href":"b"}}}"#,
            r#"{"links":[{"rel":"self"},{"rel":"next","href":"b"}]}"#,
            r#"{"response_metadata":{"next_cursor":"b"}}"#,
            r#"{"pageInfo":{"hasNextPage":true}}"#,
            r#"{"meta":{"page":{"next":2}}}"#,
            r#"{"has_more":true}"#,
        ] {
            assert!(sign(more).is_some(), "{more}");
        }
    }

    #[test]
    fn a_last_page_that_is_the_only_one_says_nothing_of_others() {
        for whole in [
            "{}",
            r#"{"nextCursor":null,"@odata.nextLink":"","nextPageToken":""}"#,
            r#"{"totalResults":3,"startIndex":1,"itemsPerPage":100,"@odata.count":3}"#,
            r#"{"links":{"self":"a","next":null},"_links":{"self":{"href":"a"},"next":{"href":null}}}"#,
            r#"{"response_metadata":{"next_cursor":""},"pageInfo":{"hasNextPage":false,"endCursor":"x"}}"#,
            r#"{"links":[{"rel":"self","href":"a"}],"meta":{"total":3,"current_page":1},"page":1}"#,
        ] {
            assert_eq!(sign(whole), None, "{whole}");
        }
    }
}
