//! Answers whose content is odd and still says something.

use super::*;

fn user(number: u64, more: &str) -> String {
    format!(r#"{{"id":"u{number}","userName":"user{number}@example.com","active":true{more}}}"#)
}

/// The value of a parameter of a query.
fn parameter(target: &str, name: &str) -> u64 {
    let query = target.split('?').nth(1).unwrap_or_default();
    let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    found.and_then(|value| value.parse().ok()).unwrap_or(1)
}

/// The page of people that was asked for, of so many, one of them with something more.
fn page(target: &str, total: u64, odd: u64, more: &str) -> String {
    let (start, count) = (parameter(target, "startIndex"), parameter(target, "count"));
    let people = (start..=total).take(usize::try_from(count).expect("a page"));
    let people: Vec<String> = people.map(|at| user(at, if at == odd { more } else { "" })).collect();
    format!(r#"{{"totalResults":{total},"startIndex":{start},"Resources":[{}]}}"#, people.join(","))
}

#[tokio::test]
async fn a_byte_order_mark_is_passed_over() {
    let fake = Fake::start(|asked| match asked.target.split('?').next().unwrap_or_default() {
        "/Groups" => ok("\u{feff}{\"totalResults\":1,\"Resources\":[{\"id\":\"g1\",\"displayName\":\"iOS\",\"members\":[{\"value\":\"u1\"}]}]}"),
        "/Groups/g1" => ok("\u{feff}{\"id\":\"g1\",\"displayName\":\"iOS\",\"members\":[{\"value\":\"u1\"}]}"),
        "/Users" => ok(&format!("\u{feff}{}", page(&asked.target, 3, 0, ""))),
        _ => ok(&format!("\u{feff}{}", user(1, ""))),
    })
    .await;
    let source = fake.bearer();
    let snapshot = source.read(&interest("iOS")).await.expect("readable");
    assert!(snapshot.coverage.is_complete(), "{}", problems(&snapshot));
    assert_eq!(snapshot.people().len(), 3);
    let one = [PersonId::from("u1")];
    let again = source.recheck(&interest("iOS"), &one, &[]).await.expect("readable");
    assert!(matches!(again.people[&one[0]], Again::There(_)));
}

#[tokio::test]
async fn the_words_of_an_error_are_shown_in_whatever_form_they_come() {
    for body in [
        r#"{"Errors":[{"description":"the tenant is being moved","code":"400"}]}"#,
        r#"{"detail":"the tenant is being moved"}"#,
        r#"{"error":{"message":"the tenant is being moved"}}"#,
        r#"{"errorSummary":"the tenant is being moved"}"#,
    ] {
        let fake = Fake::start(move |_| (400, SCIM, body.to_owned())).await;
        let snapshot = fake.bearer().read(&Interest::default()).await.expect("an answer");
        assert!(problems(&snapshot).contains("400 Bad Request: the tenant is being moved"), "{body}");
    }
}

#[tokio::test]
async fn a_count_over_the_providers_cap_is_made_smaller() {
    let fake = Fake::start(|asked| match parameter(&asked.target, "count") {
        6.. => (
            400,
            SCIM,
            r#"{"scimType":"invalidValue","detail":"count must be at most 5","status":"400"}"#.to_owned(),
        ),
        _ => ok(&page(&asked.target, 7, 0, "")),
    })
    .await;
    let snapshot = fake.bearer().read(&Interest::default()).await.expect("readable");
    assert_eq!((snapshot.people().len(), problems(&snapshot)), (7, String::new()));
}

#[tokio::test]
async fn one_huge_person_hides_nobody_behind_them() {
    for odd in [1, 2, 15, 30] {
        let more = format!(r#","title":"{}""#, "x".repeat(20_000));
        let fake = Fake::start(move |asked| ok(&page(&asked.target, 30, odd, &more))).await;
        let settings = Settings {
            base_url: Url::parse(&fake.origin).expect("a URL"),
            auth: Auth::Bearer { token: "t".into() },
            page_size: 10,
            concurrency: 2,
            attribute_namespace: String::new(),
        };
        let options = HttpOptions { max_body: 10_000, ..HttpOptions::standard() };
        let source = ScimSource::with_options(settings, &options, Metrics::new(), Clock::System);
        let snapshot = source.expect("usable").read(&Interest::default()).await.expect("readable");
        assert_eq!(snapshot.people().len(), 29, "{odd}: {}", problems(&snapshot));
        assert!(
            problems(&snapshot).contains(&format!("entry {odd} is too large")),
            "{}",
            problems(&snapshot)
        );
    }
}

#[tokio::test]
async fn an_echo_that_does_not_fit_says_what_was_asked_and_what_came() {
    let fake = Fake::start(|asked| match parameter(&asked.target, "startIndex") {
        1 => ok(&page(&asked.target, 30, 0, "")),
        _ => ok(&page("/Users?startIndex=21&count=10", 30, 0, "")),
    })
    .await;
    let snapshot = fake.bearer().read(&Interest::default()).await.expect("readable");
    let said = problems(&snapshot);
    assert!(said.contains("asked for startIndex 10, answered 21"), "{said}");
}

#[tokio::test]
async fn groups_are_asked_for_by_name_or_id_where_their_list_fails() {
    let group = r#"{"id":"g1","displayName":"iOS","members":[{"value":"u1"}]}"#;
    for name in ["iOS", "ios", "g1"] {
        let fake = Fake::start(move |asked| match asked.target.split('?').next().unwrap_or_default() {
            "/Users" => ok(&page(&asked.target, 3, 0, "")),
            "/Groups"
                if asked.target.contains("filter=displayName+eq+%22iOS%22")
                    || asked.target.contains("%22ios%22") =>
            {
                ok(&format!(
                    r#"{{"totalResults":2,"Resources":[{{"id":"g2","displayName":"iOS too"}},{group}]}}"#
                ))
            }
            "/Groups" if asked.target.contains("filter") => ok(EMPTY),
            "/Groups" => (500, SCIM, String::new()),
            "/Groups/g1" => ok(group),
            _ => (404, SCIM, String::new()),
        })
        .await;
        let snapshot = fake.bearer().read(&interest(name)).await.expect("readable");
        assert!(!snapshot.coverage.is_complete());
        assert_eq!(snapshot.groups.len(), 1, "{name}: {}", problems(&snapshot));
        assert_eq!(snapshot.groups[0].members.len(), 1, "{name}");
        assert!(!problems(&snapshot).contains("not in the part"), "{}", problems(&snapshot));
    }
}
