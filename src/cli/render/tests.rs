//! Printed plans, as they are.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::*;
use crate::asc::AppIds;
use crate::engine::report::{
    BudgetReport, CredentialReport, CycleReport, Doing, Done, GuardReport, Quarantine, Status, Trouble,
};
use crate::model::event::{CycleId, CycleResult};
use crate::model::operation::{Adopted, Forecast, PersonRef, PlanCoverage, Summary, TargetKind};
use crate::model::{
    Access, Address, Held, Hold, HoldReason, Kind, Operation, Plan, Role, Target, directory::Problem,
};

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn person(id: &str, email: &str, name: &str) -> Option<PersonRef> {
    Some(PersonRef { id: id.into(), email: Some(Address::new(email)), name: name.to_owned() })
}

fn seat(id: &str, name: &str) -> Target {
    Target { kind: TargetKind::Users, id: Some(id.to_owned()), name: Some(Address::new(name)) }
}

fn access(roles: &[&str], apps: Option<&[&str]>) -> Option<Access> {
    Some(Access {
        roles: roles.iter().map(|role| Role::new(role)).collect(),
        all_apps_visible: Some(apps.is_none()),
        provisioning_allowed: Some(false),
        visible_apps: Some(apps.unwrap_or_default().iter().map(|id| (*id).into()).collect()),
    })
}

fn operation(kind: Kind, person: Option<PersonRef>, target: Target, reasons: &[&str]) -> Operation {
    let (before, after) = match kind {
        Kind::Invite => (None, access(&["DEVELOPER"], Some(&["1001", "1002"]))),
        Kind::UpdateMember => {
            (access(&["DEVELOPER", "MARKETING"], None), access(&["APP_MANAGER"], Some(&["1001"])))
        }
        Kind::CancelInvitation | Kind::RemoveMember => (access(&["DEVELOPER"], None), None),
    };
    Operation {
        kind,
        person,
        target,
        before,
        after,
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
        invitee: None,
        replacement: false,
    }
}

fn held(operation: Operation, reason: HoldReason, detail: &str) -> Held {
    Held { operation, hold: Hold { reason, detail: detail.to_owned() } }
}

/// Somebody of each kind, and a name that tries to write over the screen.
fn plan() -> Plan {
    let ada = || person("00u1", "ada@example.com", "Ada King");
    let cancelled = Operation {
        replacement: true,
        target: Target {
            kind: TargetKind::UserInvitations,
            id: Some("i1".to_owned()),
            name: Some(Address::new("ada@example.com")),
        },
        ..operation(Kind::CancelInvitation, ada(), Target::new_invitation(), &["invitation expired"])
    };
    let again = Operation {
        replacement: true,
        ..operation(Kind::Invite, ada(), Target::new_invitation(), &["rule 1: group \"iOS Developers\""])
    };
    let moved = operation(
        Kind::UpdateMember,
        person("00u2", "bo@example.com", "Bo | *Lind* @octocat"),
        seat("u2", "bo.lind@icloud.example"),
        &[
            "attribute appStoreConnect_role: APP_MANAGER",
            "rule 2: group \"Release Managers\" or department eq \"Mobile\"",
        ],
    );
    let gone = operation(
        Kind::RemoveMember,
        person("00u3", "cy@example.com", "Cy\u{1b}[2J Dahl"),
        seat("u3", "cy@example.com"),
        &["disabled in the directory"],
    );
    let stranger =
        operation(Kind::RemoveMember, None, seat("u9", "agency@example.net"), &["nobody in the directory"]);
    let leaver = operation(
        Kind::RemoveMember,
        person("00u4", "di@example.com", "Di Engel"),
        seat("u4", "di@example.com"),
        &["gone from the directory"],
    );
    Plan {
        schema: crate::model::operation::SCHEMA.to_owned(),
        team: "production".to_owned(),
        created_at: Timestamp::UNIX_EPOCH,
        digest: DIGEST.to_owned(),
        coverage: PlanCoverage {
            directory: "complete".to_owned(),
            team: "complete".to_owned(),
            problems: Vec::new(),
        },
        summary: Summary {
            invite: 1,
            cancel_invitation: 1,
            update_member: 1,
            remove_member: 1,
            held: 2,
            unmanaged: 1,
            adopted: 1,
            unchanged: 57,
        },
        operations: vec![gone, cancelled, again, moved],
        held: vec![
            held(stranger, HoldReason::Unmanaged, "lifecycle.unmanaged.unknown"),
            held(leaver, HoldReason::Guard, "removals_max"),
        ],
        adopted: vec![Adopted {
            person: person("00u5", "eve@example.com", "Eve Falk").expect("somebody"),
            target: seat("u5", "eve@example.com"),
        }],
        forecast: Forecast { requests: 9, seconds: 75 },
    }
}

fn apps() -> AppIds {
    AppIds::from([("com.example.app".into(), "1001".into())])
}

#[test]
fn a_plan_as_text_on_a_wide_page() {
    insta::assert_snapshot!(plan_text(&plan(), &apps(), 100, false));
}

#[test]
fn a_plan_as_text_on_a_narrow_page() {
    insta::assert_snapshot!(plan_text(&plan(), &apps(), 44, false));
}

#[test]
fn a_plan_as_text_in_colour() {
    insta::assert_snapshot!(plan_text(&plan(), &apps(), 100, true).replace('\u{1b}', "ESC"));
}

#[test]
fn a_plan_as_markdown() {
    insta::assert_snapshot!(plan_markdown(&plan(), &apps()));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let colored = plan_text(&plan(), &apps(), 100, true);
    let mut plain = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    assert_eq!(plain, plan_text(&plan(), &apps(), 100, false));
}

#[test]
fn an_empty_plan_says_that_all_is_well() {
    let mut plan = plan();
    plan.operations.clear();
    plan.held.clear();
    plan.adopted.clear();
    plan.summary = Summary { unchanged: 1, ..Summary::default() };
    insta::assert_snapshot!(plan_text(&plan, &apps(), 100, false));
    assert!(plan_markdown(&plan, &apps()).contains("Nothing to do."));
}

#[test]
fn a_partial_read_is_said_first() {
    let mut plan = plan();
    plan.coverage.directory = "partial".to_owned();
    plan.coverage.problems = vec![Problem("group \"iOS\": timed out\u{202e}".to_owned())];
    let text = plan_text(&plan, &apps(), 100, false);
    assert!(
        text.starts_with(
            "Read of directory partial: nothing is removed on the strength of it.\n  missing: group \"iOS\": timed out\\u{202e}\n"
        ),
        "{text}"
    );
    assert!(plan_markdown(&plan, &apps()).contains("> **The read of the directory is partial:**"));
}

#[test]
fn nothing_remote_reaches_the_page_raw() {
    for text in [
        plan_text(&plan(), &apps(), 100, false),
        plan_text(&plan(), &apps(), 40, false),
        plan_markdown(&plan(), &apps()),
        status_text(&status(), 100, false),
    ] {
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn a_long_plan_fits_into_one_comment() {
    let mut plan = plan();
    plan.operations = std::iter::repeat_n(plan.operations[3].clone(), 5_000).collect();
    plan.held = std::iter::repeat_n(plan.held[0].clone(), 5_000).collect();
    let text = plan_markdown(&plan, &apps());
    assert!(text.chars().count() < 65_536, "{}", text.chars().count());
    assert!(text.contains("… and 4880 more"), "{text}");
}

#[test]
fn no_line_is_wider_than_the_page_unless_a_word_is() {
    for width in [40, 60, 100] {
        for line in plan_text(&plan(), &apps(), width, false).lines() {
            let words = line.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
            let fits = line.contains("sha256:") || line.chars().count() <= width.max(words + 12);
            assert!(fits, "{width}: {line}");
        }
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_341_600 + seconds).expect("in range")
}

fn status() -> Status {
    let cycle = |start: i64, result, error: Option<Trouble>| CycleReport {
        id: CycleId("c1".to_owned()),
        started_at: at(start),
        finished_at: at(start + 42),
        result,
        digest: Some(DIGEST.to_owned()),
        summary: Some(plan().summary),
        coverage: None,
        done: Done { applied: 3, failed: 1, ..Done::default() },
        error,
        exit_code: 0,
    };
    let trouble = Trouble {
        text: "the API key may not write\u{1b}[2J".to_owned(),
        hint: Some("make a new key with the Admin role".to_owned()),
    };
    Status {
        schema: crate::engine::report::SCHEMA.to_owned(),
        team: "production".to_owned(),
        version: "0.1.0".to_owned(),
        now: at(0),
        doing: Doing::Waiting,
        running_since: Some(at(-90_000)),
        interval_seconds: 2_400,
        next_cycle: Some(at(600)),
        last_success: Some(at(-3_000)),
        consecutive_failures: 2,
        quarantine: Some(Quarantine {
            since: at(-2_400),
            until: at(600),
            failures: 2,
            trouble: Some(trouble.clone()),
        }),
        cycles: vec![cycle(-600, CycleResult::Error, Some(trouble)), cycle(-3_000, CycleResult::Held, None)],
        held_by_reason: BTreeMap::from([(HoldReason::Guard, 1), (HoldReason::Unmanaged, 1)]),
        held: plan().held.into(),
        guard: Some(GuardReport {
            digest: DIGEST.to_owned(),
            guards: vec!["removals_max".to_owned()],
            at: at(-600),
            approved: false,
        }),
        open_intents: 1,
        budget: BudgetReport { limit: 3_600, reserve: 1_800, used: 12, remaining: Some(3_480) },
        credentials: vec![
            CredentialReport {
                name: "scim_token".to_owned(),
                expires: Some(at(86_400 * 5)),
                known_from: Some("configuration".to_owned()),
            },
            CredentialReport { name: "app_store_connect_key".to_owned(), expires: None, known_from: None },
        ],
        credential_troubles: std::collections::BTreeMap::new(),
        reload_trouble: None,
    }
}

#[test]
fn status_as_text() {
    insta::assert_snapshot!(status_text(&status(), 110, false));
}
