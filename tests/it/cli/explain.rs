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

/// Everything a terminal obeys, or that makes a line read otherwise than it is.
fn assert_plain(what: &str, text: &str) {
    let odd = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    let at = text.find(odd);
    assert!(at.is_none(), "{what}: {:?}", at.map(|at| text[at..].chars().take(40).collect::<String>()));
}

#[test]
fn no_output_of_any_command_has_characters_that_a_terminal_obeys() {
    let bench = Bench::sample();
    let odd = "A\u{1b}]0;x\u{7}\r\u{7f}\u{9b}31m\u{202e}\u{2028}\u{2066}\u{200b}da";
    bench.state(|state| person(state, "ada@example.com").given_name = odd.into());
    bench.state(|state| person(state, "betty@example.com").family_name = odd.into());
    let before: [&[&str]; 6] = [
        &["plan"],
        &["plan", "--json"],
        &["plan", "--output", "markdown"],
        &["explain", "betty@example.com"],
        &["explain", "ada@example.com", "--json"],
        &["explain", odd],
    ];
    let after: [&[&str]; 9] = [
        &["explain", "ada@example.com"],
        &["explain", "betty@example.com", "--json"],
        &["status"],
        &["status", "--json"],
        &["audit", "show", "--limit", "100"],
        &["audit", "export"],
        &["audit", "verify"],
        &["state", "export"],
        &["doctor", "--json"],
    ];
    let look = |commands: &[&[&str]]| {
        for command in commands {
            let output = bench.run(command);
            assert_plain(&format!("{command:?}"), &output.stdout);
            assert_plain(&format!("{command:?}, stderr"), &output.stderr);
        }
    };
    look(&before);
    let file = bench.path("plan.json");
    let file = file.to_str().expect("a path");
    bench.run(&["plan", "--out", file]).expect(0);
    assert_plain("a saved plan", &std::fs::read_to_string(file).expect("saved"));
    bench.run(&["apply", file]).expect(0);
    look(&after);
}
