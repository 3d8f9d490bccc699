//! `explain`: one person, end to end.

use crate::support::{Bench, person};

#[test]
fn ten_people_of_the_sample_are_explained() {
    let bench = Bench::sample();
    // Who, words that stand in the text.
    let cases: [(&str, &[&str]); 11] = [
        ("ada@example.com", &["Ada King", "iOS Developers", "rule 1", "ADMIN", "nothing to do"]),
        ("betty@example.com", &["Betty Holberton", "rule 2", "com.example.watch", "invite"]),
        ("emmy@example.com", &["APP_MANAGER", "appStoreConnect_role", "update"]),
        ("evelyn@example.com", &["disabled", "remove"]),
        ("donald@example.com", &["scope.filter", "Employee"]),
        ("john@example.com", &["none of the groups", "unmanaged"]),
        ("svc-build@example.com", &["scope.exclude", "svc-*@example.com"]),
        ("tom@example.com", &["expired", "invite"]),
        ("maryam@example.com", &["maryam.mirzakhani@example.org"]),
        ("annie@example.com", &["CREATE_APPS", "nothing to do"]),
        ("karen@example.com", &["invitation", "nothing to do"]),
    ];
    for (who, words) in cases {
        let text = bench.run(&["explain", who]).expect(0).stdout;
        for word in words {
            assert!(text.contains(word), "{who}: {word:?} in\n{text}");
        }
        assert!(text.ends_with('\n'), "{who}: {text:?}");
        let json = bench.run(&["explain", who, "--json"]).expect(0).json();
        assert_eq!(json["who"], who);
        let by_id = json["person"]["id"].as_str().expect("an id");
        assert_eq!(bench.run(&["explain", by_id]).expect(0).stdout, text, "{who} by id");
    }
    assert_eq!(bench.writes(), 0);
}

#[test]
fn somebody_only_at_apple_is_explained_by_name_and_by_seat() {
    let bench = Bench::sample();
    let text = bench.run(&["explain", "konrad@example.net"]).expect(0).stdout;
    assert!(text.contains("not in the directory") && text.contains("unmanaged"), "{text}");
    let seat = bench.state(|state| state.team.member("konrad@example.net").expect("konrad").id.clone());
    let by_seat = bench.run(&["explain", &seat]).expect(0).stdout;
    assert!(by_seat.contains("konrad@example.net") && by_seat.contains("unmanaged"), "{by_seat}");
    let owner = bench.run(&["explain", "owner@example.com"]).expect(0).stdout;
    assert!(owner.contains("ACCOUNT_HOLDER"), "{owner}");
}

#[test]
fn nobody_is_an_error_that_names_who_is_near() {
    let bench = Bench::sample();
    bench.run(&["explain", "adda@example.com"]).expect_trouble(
        1,
        &["adda@example.com", "ada@example.com"],
        "address",
    );
    bench.run(&["explain", "zzz"]).expect_trouble(1, &["zzz"], "address");
    bench.run(&["explain", ""]).expect_trouble(1, &["nobody"], "address");
    assert_eq!(bench.run(&["explain", "zzz", "--json"]).code, 1);
}

#[test]
fn remote_text_reaches_the_terminal_without_control_characters() {
    let bench = Bench::sample();
    bench.state(|state| person(state, "ada@example.com").given_name = "A\u{1b}]0;x\u{7}da".into());
    let text = bench.run(&["explain", "ada@example.com"]).expect(0).stdout;
    assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text:?}");
    bench.run(&["apply", "--yes"]).expect(0);
    for command in [&["status"] as &[&str], &["audit", "show", "--limit", "100"]] {
        let text = bench.run(command).expect(0).stdout;
        assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{command:?} {text:?}");
    }
}
