//! The grammar of RFC 7644 §3.4.2.2, figure 1, with the `[…].sub` form of §3.5.2 besides.

use std::sync::Arc;

use winnow::ascii::{Caseless, multispace0, multispace1};
use winnow::combinator::{
    alt, cut_err, delimited, eof, fail, not, opt, peek, preceded, separated, terminated,
};
use winnow::error::{ContextError, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::token::{any, one_of, take_while};

use super::{AttributePath, Expr, Filter, FilterError, Literal, Operator, Test, fold};

/// How deep parentheses, `not` and brackets may nest: enough for any real filter, and no stack is spent on others.
const DEPTH_MAX: usize = 32;

pub(super) fn filter(text: &str) -> Result<Expr, FilterError> {
    delimited(multispace0, |input: &mut &str| any_of(input, 0), (multispace0, end))
        .parse(text)
        .map_err(|error| describe(text, error.offset(), error.inner()))
}

fn describe(text: &str, offset: usize, error: &ContextError) -> FilterError {
    let expected = error.context().find_map(|context| match context {
        StrContext::Expected(StrContextValue::Description(what)) => Some(*what),
        _ => None,
    });
    let at = text.get(..offset).map_or(offset, |before| before.chars().count()) + 1;
    FilterError {
        at,
        expected: expected.unwrap_or("a comparison such as department eq \"Mobile\"").to_owned(),
    }
}

fn expect(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

fn end(input: &mut &str) -> ModalResult<()> {
    cut_err(eof.void()).context(expect("\"and\", \"or\" or the end")).parse_next(input)
}

/// `or` binds least.
fn any_of(input: &mut &str, depth: usize) -> ModalResult<Expr> {
    let mut parts: Vec<Expr> =
        separated(1.., |input: &mut &str| all_of(input, depth), joined("or")).parse_next(input)?;
    Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Any(parts) })
}

fn all_of(input: &mut &str, depth: usize) -> ModalResult<Expr> {
    let mut parts: Vec<Expr> =
        separated(1.., |input: &mut &str| term(input, depth), joined("and")).parse_next(input)?;
    Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::All(parts) })
}

/// ` and `: once the word is there, a term must follow.
fn joined<'a>(word: &'static str) -> impl Parser<&'a str, (), winnow::error::ErrMode<ContextError>> {
    (multispace0, keyword(word), multispace0, cut_err(peek(any.void())).context(expect("a comparison")))
        .void()
}

fn keyword<'a>(word: &'static str) -> impl Parser<&'a str, (), winnow::error::ErrMode<ContextError>> {
    terminated(Caseless(word), not(one_of(name_char))).void()
}

fn term(input: &mut &str, depth: usize) -> ModalResult<Expr> {
    if depth >= DEPTH_MAX {
        return cut_err(fail).context(expect("fewer parentheses within each other")).parse_next(input);
    }
    alt((
        |input: &mut &str| negated(input, depth),
        |input: &mut &str| group(input, depth),
        |input: &mut &str| attribute(input, depth),
    ))
    .context(expect("an attribute name, \"not (\" or \"(\""))
    .parse_next(input)
}

fn group(input: &mut &str, depth: usize) -> ModalResult<Expr> {
    delimited(
        ('(', multispace0),
        cut_err(|input: &mut &str| any_of(input, depth + 1)),
        cut_err((multispace0, ')')).context(expect("\")\"")),
    )
    .parse_next(input)
}

fn negated(input: &mut &str, depth: usize) -> ModalResult<Expr> {
    let inner = preceded((keyword("not"), multispace0, peek('(')), |input: &mut &str| group(input, depth));
    inner.map(|inner| Expr::Not(Box::new(inner))).parse_next(input)
}

fn attribute(input: &mut &str, depth: usize) -> ModalResult<Expr> {
    let path = path.parse_next(input)?;
    if opt((multispace0, '[')).parse_next(input)?.is_some() {
        return element(path, input, depth);
    }
    let test = cut_err(preceded(multispace1, test))
        .context(expect("a blank and an operator: eq ne co sw ew gt ge lt le pr"))
        .parse_next(input)?;
    Ok(Expr::Attribute { path, test })
}

/// What follows `path[`.
fn element(path: AttributePath, input: &mut &str, depth: usize) -> ModalResult<Expr> {
    let inner = delimited(
        multispace0,
        cut_err(|input: &mut &str| any_of(input, depth + 1)),
        cut_err((multispace0, ']')).context(expect("\"]\"")),
    )
    .parse_next(input)?;
    let rest = opt(preceded('.', cut_err(rest))).parse_next(input)?;
    Ok(Expr::Element { path, inner: Box::new(inner), rest })
}

/// `.value`, alone (is there one?) or with an operator.
fn rest(input: &mut &str) -> ModalResult<(Vec<Arc<str>>, Test)> {
    let name = path.context(expect("an attribute name")).parse_next(input)?;
    let tested = opt(preceded(multispace1, test)).parse_next(input)?;
    let names = std::iter::once(name.name).chain(name.sub).collect();
    Ok((names, tested.unwrap_or(Test::Present)))
}

fn name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '$')
}

fn path(input: &mut &str) -> ModalResult<AttributePath> {
    take_while(1.., |c| name_char(c) || matches!(c, ':' | '.'))
        .verify(|text: &str| text.chars().next().is_some_and(|c| c.is_alphabetic() || matches!(c, '_' | '$')))
        .verify(|text: &str| !text.ends_with(['.', ':']) && !text.contains(".."))
        .map(AttributePath::of_filter)
        .parse_next(input)
}

fn test(input: &mut &str) -> ModalResult<Test> {
    if opt(keyword("pr")).parse_next(input)?.is_some() {
        return Ok(Test::Present);
    }
    let operator = alt((
        keyword("eq").value(Operator::Eq),
        keyword("ne").value(Operator::Ne),
        keyword("co").value(Operator::Co),
        keyword("sw").value(Operator::Sw),
        keyword("ew").value(Operator::Ew),
        keyword("gt").value(Operator::Gt),
        keyword("ge").value(Operator::Ge),
        keyword("lt").value(Operator::Lt),
        keyword("le").value(Operator::Le),
    ))
    .context(expect("an operator: eq ne co sw ew gt ge lt le pr"))
    .parse_next(input)?;
    let value = "a value: \"text\", a number, true, false or null";
    let literal = cut_err(preceded(multispace1, literal)).context(expect(value)).parse_next(input)?;
    if !operator.takes(&literal) {
        return cut_err(fail).context(expect(operator.wants())).parse_next(input);
    }
    Ok(Test::Compare(operator, literal))
}

impl Operator {
    /// RFC 7644: booleans have no order, and only text has parts.
    fn takes(self, literal: &Literal) -> bool {
        match self {
            Self::Eq | Self::Ne => true,
            Self::Co | Self::Sw | Self::Ew => matches!(literal, Literal::Text { .. }),
            Self::Gt | Self::Ge | Self::Lt | Self::Le => {
                matches!(literal, Literal::Text { .. } | Literal::Number(_))
            }
        }
    }

    fn wants(self) -> &'static str {
        match self {
            Self::Eq | Self::Ne => "a value",
            Self::Co | Self::Sw | Self::Ew => {
                "text in double quotes before this: co, sw and ew look into text"
            }
            Self::Gt | Self::Ge | Self::Lt | Self::Le => {
                "text, a date or a number before this: true, false and null have no order"
            }
        }
    }
}

fn literal(input: &mut &str) -> ModalResult<Literal> {
    alt((
        keyword("true").value(Literal::Bool(true)),
        keyword("false").value(Literal::Bool(false)),
        keyword("null").value(Literal::Null),
        number,
        text,
    ))
    .parse_next(input)
}

fn number(input: &mut &str) -> ModalResult<Literal> {
    take_while(1.., |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'))
        .verify_map(|text: &str| serde_json::from_str(text).ok())
        .map(Literal::Number)
        .parse_next(input)
}

/// A JSON string: its end is found here, its escapes are serde_json's to read.
fn text(input: &mut &str) -> ModalResult<Literal> {
    ('"', to_closing_quote)
        .take()
        .verify_map(|text: &str| serde_json::from_str(text).ok())
        .map(Literal::text)
        .parse_next(input)
}

fn to_closing_quote(input: &mut &str) -> ModalResult<()> {
    let mut escaped = false;
    let end = input.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    match end {
        Some(end) => {
            *input = &input[end + 1..];
            Ok(())
        }
        None => cut_err(fail).context(expect("a closing \"")).parse_next(input),
    }
}

impl Literal {
    fn text(written: String) -> Self {
        Self::Text { folded: fold(&written), instant: written.parse().ok(), written }
    }
}

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}
