use serde_json::json;

use super::*;

fn answer(status: u16, body: &[u8]) -> Answer<'_> {
    Answer {
        endpoint: "PATCH /v1/users/7",
        status,
        body,
        retry_after: None,
        request_id: None,
        skew: Some(3),
        spend: Spend::Write,
    }
}

fn error(status: u16, errors: &Value) -> AscError {
    answer(status, json!({ "errors": errors }).to_string().as_bytes()).error()
}

fn cause(error: &AscError) -> Option<Refusal> {
    match error {
        AscError::Refused { cause, .. } => Some(*cause),
        _ => None,
    }
}

/// The bodies that were seen in public, see the reference of the API.
#[test]
fn every_forbidden_answer_names_its_cause() {
    let key = json!([{"status": "403", "code": "FORBIDDEN_ERROR", "title": "This request is forbidden for security reasons",
        "detail": "The API key in use does not allow this request"}]);
    let deeper = json!([{"code": "FORBIDDEN_ERROR.ROLES_NOT_ALLOWED"}]);
    let agreement = json!([{"code": "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED",
        "title": "A required agreement is missing or has expired."}]);
    let old_agreement = json!([{"code": "FORBIDDEN", "title": "Access Unavailable"}]);
    let by_words = json!([{"code": "FORBIDDEN_ERROR", "title": "This request requires an in-effect agreement that has not been signed or has expired."}]);
    let without_code = json!([{"title": "A required agreement is missing or has expired."}]);
    let licence = json!([{"code": "FORBIDDEN_ERROR.PLA_NOT_ACCEPTED"}]);
    let membership = json!([{"code": "FORBIDDEN_ERROR", "detail":
        "Team ID ABC is not associated with an active membership. To check your teams membership status, sign in."}]);
    let method = json!([{"code": "FORBIDDEN_ERROR", "detail": "The resource 'users' does not allow 'GET_COLLECTION'."}]);
    let credentials = json!([{"code": "NOT_AUTHORIZED"}]);
    for (errors, expected) in [
        (key, Some(Refusal::RoleTooSmall)),
        (deeper, Some(Refusal::RoleTooSmall)),
        (json!([{"code": "FORBIDDEN", "title": "No"}]), Some(Refusal::RoleTooSmall)),
        (agreement, Some(Refusal::Agreement)),
        (old_agreement, Some(Refusal::Agreement)),
        (by_words, Some(Refusal::Agreement)),
        (without_code, Some(Refusal::Agreement)),
        (licence, Some(Refusal::Agreement)),
        (membership, Some(Refusal::Membership)),
        (credentials, Some(Refusal::Credentials)),
        (method, None),
        (json!([{"code": "FORBIDDENISH"}]), None),
        (json!([]), None),
        (json!("nonsense"), None),
    ] {
        let error = error(403, &errors);
        assert_eq!(cause(&error), expected, "{errors}");
        assert_eq!(error.ends_cycle(), expected.is_some());
        let unclear = matches!(error, AscError::Unknown { .. });
        assert_eq!(error.hint().is_some(), expected.is_some() || unclear);
    }
}

#[test]
fn telling_error_counts_wherever_it_stands() {
    let errors = json!([
        {"code": "FORBIDDEN_ERROR", "title": "This request is forbidden for security reasons"},
        {"code": "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED", "title": "A required agreement is missing or has expired."},
    ]);
    let error = error(403, &errors);
    assert_eq!(cause(&error), Some(Refusal::Agreement));
    assert_eq!(
        error.to_string(),
        "PATCH /v1/users/7: 403 FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED: A required agreement is missing or has expired (and 1 more)"
    );
}

#[test]
fn conflict_lists_its_codes_deepest_first_with_the_nested_ones() {
    let errors = json!([
        {"code": "STATE_ERROR", "title": "state"},
        {"code": "ENTITY_ERROR.RELATIONSHIP.INVALID", "title": "no detail here", "meta": {"associatedErrors": {
            "/v1/apps/1": [{"code": "ENTITY_ERROR.ATTRIBUTE.INVALID.DUPLICATE", "detail": "already invited"}],
        }}},
        {"code": "STATE_ERROR"},
    ]);
    let AscError::Conflict { codes, text } = error(409, &errors) else { panic!("no conflict") };
    assert_eq!(
        codes,
        ["ENTITY_ERROR.ATTRIBUTE.INVALID.DUPLICATE", "ENTITY_ERROR.RELATIONSHIP.INVALID", "STATE_ERROR"]
    );
    assert!(text.starts_with(
        "PATCH /v1/users/7: 409 ENTITY_ERROR.ATTRIBUTE.INVALID.DUPLICATE: already invited (and 3 more)"
    ));
}

#[test]
fn every_status_has_its_kind() {
    let kind = |spend, status| match (Answer { spend, ..answer(status, b"{\"errors\":[{\"code\":\"X\"}]}") })
        .error()
    {
        AscError::Refused { cause, .. } => format!("{cause:?}"),
        AscError::Conflict { .. } => "conflict".into(),
        AscError::Gone { .. } => "gone".into(),
        AscError::Invalid { .. } => "invalid".into(),
        AscError::RateLimited { .. } => "rate".into(),
        AscError::NotSent { .. } => "not sent".into(),
        AscError::Unknown { .. } => "unknown".into(),
        AscError::Protocol { .. } => "protocol".into(),
    };
    for (statuses, expected) in [
        (&[401][..], "Credentials"),
        (&[400, 402, 403, 405, 406, 413, 415, 422, 451], "invalid"),
        (&[409], "conflict"),
        (&[429], "rate"),
        (&[408, 500, 501, 502, 503, 504, 599], "unknown"),
        (&[199, 304, 600], "protocol"),
    ] {
        for status in statuses {
            for spend in [Spend::Read, Spend::Write] {
                assert_eq!(kind(spend, *status), expected, "{status}");
            }
        }
    }
    assert_eq!(kind(Spend::Read, 404), "protocol", "another code than NOT_FOUND");
    assert_eq!(kind(Spend::Read, 410), "gone", "which Apple says of an invitation that was accepted");
    for status in [404, 410] {
        assert_eq!(kind(Spend::Write, status), "unknown", "another code than NOT_FOUND");
    }
}

#[test]
fn only_apples_own_word_says_that_something_is_gone() {
    let page = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>";
    let gone = |status, code: &str| {
        let error = error(status, &json!([{"code": code, "title": "no"}]));
        matches!(error, AscError::Gone { .. })
    };
    for (status, code, expected) in [
        (404, "NOT_FOUND", true),
        (404, "NOT_FOUND.USERS", true),
        (410, "NOT_FOUND", true),
        (404, "NOT_FOUNDATION", false),
        (404, "RESOURCE.NOT_FOUND", false),
        (410, "GONE", false),
        (404, "", false),
    ] {
        assert_eq!(gone(status, code), expected, "{status} {code}");
    }
    // What is not Apple's document is nobody's word, whatever the status.
    for body in [&page[..], b"", b"{}", b"{\"errors\":[]}", b"not found", b"{\"code\":\"NOT_FOUND\"}"] {
        for status in [400, 403, 404, 405, 409, 410, 413, 422] {
            let error = answer(status, body).error();
            assert!(matches!(error, AscError::Unknown { .. }), "{status}: {error:?}");
        }
    }
}

#[test]
fn unauthorized_with_a_wrong_clock_names_the_clock() {
    for (skew, expected) in [
        (None, Refusal::Credentials),
        (Some(60), Refusal::Credentials),
        (Some(-60), Refusal::Credentials),
        (Some(61), Refusal::ClockSkew(61)),
        (Some(-7200), Refusal::ClockSkew(-7200)),
        (Some(i64::MIN), Refusal::ClockSkew(i64::MIN)),
    ] {
        let answer = Answer { skew, ..answer(401, b"") };
        assert_eq!(cause(&answer.error()), Some(expected));
    }
}

#[test]
fn bodies_that_are_no_errors_are_told_apart() {
    for (body, expected) in [
        (&b""[..], "PATCH /v1/users/7: 502 answered with an empty body"),
        (b"  <!DOCTYPE html>", "PATCH /v1/users/7: 502 answered with a page of HTML instead of JSON"),
        (b"{\"oops\":1}", "PATCH /v1/users/7: 502 answered with JSON that names no error"),
        (b"{\"errors\":null}", "PATCH /v1/users/7: 502 answered with JSON that names no error"),
        (
            b"Could not process\x1b[31m\r\nthis request \xff",
            "PATCH /v1/users/7: 502 answered with text instead of JSON: Could not process [31m this request \u{fffd}",
        ),
    ] {
        assert_eq!(answer(502, body).error().to_string(), expected);
    }
}

#[test]
fn remote_text_is_cleaned_and_bounded() {
    let long = "ä".repeat(5000);
    let errors = json!([{"code": "X\u{1b}]0;title\u{7}", "title": long}]);
    let text = error(400, &errors).to_string();
    assert!(text.chars().count() < 400, "{}", text.chars().count());
    assert!(text.starts_with("PATCH /v1/users/7: 400 X ]0;title: ää"), "{text}");
    for (raw, expected) in [
        ("  a \n\n b\tc ", "a b c"),
        ("", ""),
        ("\u{202e}gro\u{200b}ss\u{feff}", "gro ss"),
        ("abcdefgh", "abcde…"),
        ("abcde", "abcde"),
    ] {
        assert_eq!(clean(raw, if raw.contains('\u{202e}') { 14 } else { 5 }), expected);
    }
}

#[test]
fn many_errors_are_looked_at_to_a_bound() {
    let deep = (0..25).fold(
        json!([]),
        |inner, n| json!([{"code": format!("C{n}"), "meta": {"associatedErrors": {"/x": inner}}}]),
    );
    assert_eq!(parse_errors(json!({ "errors": deep }).to_string().as_bytes()).len(), 25);
    let wide: Vec<Value> = (0..500).map(|n| json!({"code": format!("C{n}")})).collect();
    assert_eq!(parse_errors(json!({ "errors": wide }).to_string().as_bytes()).len(), MOST_ERRORS);
    assert_eq!(parse_errors(format!("{}1{}", "[".repeat(4000), "]".repeat(4000)).as_bytes()), []);
}

#[test]
fn lost_answers_of_writes_are_unknown_and_unsent_ones_are_not() {
    let place = || "https://api.example.com/v1/users".to_owned();
    let lost = HttpError::Lost { place: place(), cause: "reset".into() };
    let refused = HttpError::NotSent { place: place(), cause: "refused".into() };
    let timeout = HttpError::Timeout { place: place(), seconds: 60 };
    let redirect = HttpError::Redirect { place: place(), target: "https://example.com".into() };
    for spend in [Spend::Read, Spend::Write] {
        assert!(matches!(without_answer("x", &lost, spend), AscError::Unknown { .. }));
        assert!(matches!(without_answer("x", &timeout, spend), AscError::Unknown { .. }));
        assert!(matches!(without_answer("x", &refused, spend), AscError::NotSent { .. }));
    }
    assert!(matches!(without_answer("x", &redirect, Spend::Write), AscError::Unknown { .. }));
    assert!(matches!(without_answer("x", &redirect, Spend::Read), AscError::Protocol { .. }));
}

#[test]
fn error_names_its_place_its_own_id_and_the_request() {
    let body = json!({"errors": [
        {"id": "e-1", "code": "ENTITY_ERROR.ATTRIBUTE.INVALID", "detail": "No.", "source": {"pointer": "/data/a\u{1b}[31m"}},
    ]})
    .to_string();
    let request_id = Some("REQ-1".to_owned());
    let error = Answer { request_id, ..answer(409, body.as_bytes()) }.error();
    assert_eq!(
        error.to_string(),
        "PATCH /v1/users/7: 409 ENTITY_ERROR.ATTRIBUTE.INVALID: No (at /data/a [31m, error e-1) (request REQ-1)"
    );
    assert_eq!(error.request_id(), Some("REQ-1"));
    let parameter = json!([{"code": "PARAMETER_ERROR.INVALID", "source": {"parameter": "filter[email]"}}]);
    assert_eq!(
        self::error(400, &parameter).to_string(),
        "PATCH /v1/users/7: 400 PARAMETER_ERROR.INVALID (at filter[email])"
    );
    let long = json!([{"code": "X", "id": "i".repeat(5000), "source": {"pointer": "p".repeat(5000)}}]);
    assert!(self::error(409, &long).to_string().len() < 300);
    for odd in [json!([{"code": "X", "source": [], "id": 7}]), json!([{"code": "X", "source": null}])] {
        assert_eq!(self::error(409, &odd).to_string(), "PATCH /v1/users/7: 409 X");
    }
}
