//! Does a person fit? Text is compared without case (`id` excepted), dates as instants, lists by any element.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use super::super::directory::{Activity, Person};
use super::path::member;
use super::{AttributePath, Expr, Literal, Operator, Test, fold};

/// A value of a person, from our own fields or as the provider sent it.
#[derive(Clone, Copy)]
enum Found<'a> {
    /// An id: compared exactly.
    Exact(&'a str),
    Text(&'a str),
    Bool(bool),
    Json(&'a Value),
}

pub(super) fn person(expr: &Expr, person: &Person) -> bool {
    holds(expr, &|path| look_up(person, path))
}

/// Evaluates over whatever a path finds: a person, or one element between brackets.
fn holds<'a>(expr: &Expr, find: &dyn Fn(&AttributePath) -> Vec<Found<'a>>) -> bool {
    match expr {
        Expr::All(parts) => parts.iter().all(|part| holds(part, find)),
        Expr::Any(parts) => parts.iter().any(|part| holds(part, find)),
        Expr::Not(inner) => !holds(inner, find),
        Expr::Attribute { path, test } => test.fits(&find(path)),
        Expr::Element { path, inner, rest } => {
            let mut fitting = find(path).into_iter().filter(|element| {
                holds(inner, &|path| {
                    path.sub.iter().fold(within(*element, &path.name), |found, name| {
                        found.into_iter().flat_map(|value| within(value, name)).collect()
                    })
                })
            });
            match rest {
                None => fitting.next().is_some(),
                Some((names, test)) => {
                    let values = names.iter().fold(fitting.collect::<Vec<_>>(), |found, name| {
                        found.into_iter().flat_map(|value| within(value, name)).collect()
                    });
                    // Of no element at all, "is not x" says nothing.
                    !values.is_empty() && test.fits(&values)
                }
            }
        }
    }
}

fn look_up<'a>(person: &'a Person, path: &AttributePath) -> Vec<Found<'a>> {
    let whole = match (&path.urn, built_in(person, path)) {
        (None, Some(found)) => return found,
        (Some(_), _) | (None, None) => path.top(&person.attributes),
    };
    let whole = whole.map(|value| elements(Found::Json(value))).unwrap_or_default();
    path.sub
        .iter()
        .fold(whole, |found, name| found.into_iter().flat_map(|value| within(value, name)).collect())
}

/// What the model keeps in fields of its own, under SCIM's names and Graph's. The attribute as it was read comes first
/// where it says more (types of addresses, other parts of a name).
fn built_in<'a>(person: &'a Person, path: &AttributePath) -> Option<Vec<Found<'a>>> {
    let text =
        |value: &'a Option<std::sync::Arc<str>>| value.as_deref().map(Found::Text).into_iter().collect();
    let read = || path.top(&person.attributes).is_some();
    let sub: Option<&str> = path.sub.first().map(|sub| &**sub);
    match (&*path.name, sub) {
        ("id", None) => Some(vec![Found::Exact(person.id.as_str())]),
        ("active" | "accountenabled", None) => Some(match person.activity {
            Activity::Active => vec![Found::Bool(true)],
            Activity::Disabled => vec![Found::Bool(false)],
            Activity::NotSaid | Activity::Unclear => Vec::new(),
        }),
        ("username" | "userprincipalname", None) if !read() => Some(text(&person.user_name)),
        ("displayname", None) if !read() => Some(text(&person.display_name)),
        ("name", None) if !read() => {
            Some([&person.given_name, &person.family_name].into_iter().flat_map(text).collect::<Vec<_>>())
        }
        ("name", Some("givenname")) | ("givenname", None) if !read() => Some(text(&person.given_name)),
        ("name", Some("familyname")) | ("surname", None) if !read() => Some(text(&person.family_name)),
        ("emails", None | Some("value")) if !read() => {
            Some(person.addresses.all().iter().map(|address| Found::Text(address.as_str())).collect())
        }
        ("mail", None) if !read() => Some(
            person.addresses.all().first().map(|address| Found::Text(address.as_str())).into_iter().collect(),
        ),
        _ => None,
    }
}

/// The elements of a list, or the one value.
fn elements(found: Found<'_>) -> Vec<Found<'_>> {
    match found {
        Found::Json(Value::Array(values)) => values.iter().map(Found::Json).collect(),
        Found::Json(Value::Null) => Vec::new(),
        Found::Exact(_) | Found::Text(_) | Found::Bool(_) | Found::Json(_) => vec![found],
    }
}

/// An attribute of an element. A plain value is its own `value`.
fn within<'a>(element: Found<'a>, name: &str) -> Vec<Found<'a>> {
    match element {
        Found::Json(object @ Value::Object(_)) => {
            member(object, name).map(|value| elements(Found::Json(value))).unwrap_or_default()
        }
        Found::Exact(_) | Found::Text(_) | Found::Bool(_) | Found::Json(_) if name == "value" => {
            vec![element]
        }
        Found::Exact(_) | Found::Text(_) | Found::Bool(_) | Found::Json(_) => Vec::new(),
    }
}

impl Test {
    fn fits(&self, values: &[Found<'_>]) -> bool {
        let mut present = values.iter().filter(|value| value.is_present());
        match self {
            Self::Present | Self::Compare(Operator::Ne, Literal::Null) => present.next().is_some(),
            Self::Compare(Operator::Eq, Literal::Null) => present.next().is_none(),
            Self::Compare(Operator::Ne, literal) => {
                let mut present = present.peekable();
                present.peek().is_none() || present.any(|value| !value.compares(Operator::Eq, literal))
            }
            Self::Compare(operator, literal) => present.any(|value| value.compares(*operator, literal)),
        }
    }
}

impl Found<'_> {
    /// RFC 7644: "a non-empty value, or a non-empty node for complex attributes".
    fn is_present(&self) -> bool {
        match self {
            Self::Exact(text) | Self::Text(text) => !text.is_empty(),
            Self::Bool(_) => true,
            Self::Json(Value::Null) => false,
            Self::Json(Value::String(text)) => !text.is_empty(),
            Self::Json(Value::Array(values)) => !values.is_empty(),
            Self::Json(Value::Object(object)) => !object.is_empty(),
            Self::Json(Value::Bool(_) | Value::Number(_)) => true,
        }
    }

    fn compares(&self, operator: Operator, literal: &Literal) -> bool {
        match self {
            Self::Exact(text) => match literal {
                Literal::Text { written, .. } => parts(operator, text, written),
                Literal::Null | Literal::Bool(_) | Literal::Number(_) => false,
            },
            Self::Text(text) => compare_text(operator, text, literal),
            Self::Bool(flag) => compare_bool(operator, *flag, literal),
            Self::Json(Value::String(text)) => compare_text(operator, text, literal),
            Self::Json(Value::Bool(flag)) => compare_bool(operator, *flag, literal),
            Self::Json(Value::Number(number)) => {
                number.as_f64().is_some_and(|number| compare_number(operator, number, literal))
            }
            // A complex value without a named part is compared by its `value`.
            Self::Json(object @ Value::Object(_)) => member(object, "value")
                .is_some_and(|value| !value.is_object() && Found::Json(value).compares(operator, literal)),
            Self::Json(Value::Null | Value::Array(_)) => false,
        }
    }
}

fn compare_text(operator: Operator, text: &str, literal: &Literal) -> bool {
    match literal {
        Literal::Text { folded, instant, .. } => {
            let ours = instant.and_then(|_| text.parse::<Timestamp>().ok());
            match (ours, instant) {
                (Some(ours), Some(theirs)) if !operator.looks_inside() => operator.accepts(ours.cmp(theirs)),
                (Some(_) | None, Some(_) | None) => parts(operator, &fold(text), folded),
            }
        }
        // Providers write booleans and numbers as text.
        Literal::Bool(flag) => {
            operator == Operator::Eq && text.trim().eq_ignore_ascii_case(if *flag { "true" } else { "false" })
        }
        Literal::Number(_) => {
            text.trim().parse().is_ok_and(|number| compare_number(operator, number, literal))
        }
        Literal::Null => false,
    }
}

fn compare_bool(operator: Operator, flag: bool, literal: &Literal) -> bool {
    match literal {
        Literal::Bool(wanted) => operator == Operator::Eq && flag == *wanted,
        Literal::Text { folded, .. } => {
            operator == Operator::Eq && folded == if flag { "true" } else { "false" }
        }
        Literal::Null | Literal::Number(_) => false,
    }
}

fn compare_number(operator: Operator, number: f64, literal: &Literal) -> bool {
    let wanted = match literal {
        Literal::Number(wanted) => Some(*wanted),
        Literal::Text { written, .. } => written.trim().parse().ok(),
        Literal::Null | Literal::Bool(_) => None,
    };
    wanted.and_then(|wanted| number.partial_cmp(&wanted)).is_some_and(|order| operator.accepts(order))
}

fn parts(operator: Operator, text: &str, wanted: &str) -> bool {
    match operator {
        Operator::Co => text.contains(wanted),
        Operator::Sw => text.starts_with(wanted),
        Operator::Ew => text.ends_with(wanted),
        Operator::Eq | Operator::Ne | Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le => {
            operator.accepts(text.cmp(wanted))
        }
    }
}

impl Operator {
    fn looks_inside(self) -> bool {
        matches!(self, Self::Co | Self::Sw | Self::Ew)
    }

    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Co | Self::Sw | Self::Ew => false,
        }
    }
}
