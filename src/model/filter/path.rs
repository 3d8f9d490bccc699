//! Attribute paths and where their values are found: providers put an extension's attribute in three different places.

use std::sync::Arc;

use serde_json::Value;

use super::super::directory::Attributes;

/// The schemas whose attributes are top-level ones.
const CORE: &[&str] =
    &["urn:ietf:params:scim:schemas:core:2.0:user", "urn:ietf:params:scim:schemas:core:2.0:group"];

/// The extension that everybody means by these names (RFC 7643 §4.3). Strictly they are nothing without its URN, and a
/// filter that is written without would fit nobody, and say so to nobody.
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user";
const ENTERPRISE_NAMES: [&str; 6] =
    ["costcenter", "department", "division", "employeenumber", "manager", "organization"];

/// `name`, `name.sub`, `URN:name.sub`; all in lower case, because attribute names have no case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributePath {
    pub(super) urn: Option<Arc<str>>,
    pub(super) name: Arc<str>,
    pub(super) sub: Vec<Arc<str>>,
    /// `URN:name`, as some providers write it.
    flat: Option<Arc<str>>,
    /// The name as it was written: Graph finds a directory extension only by its exact case.
    written: Arc<str>,
}

impl std::fmt::Display for AttributePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let urn = self.urn.iter().map(|urn| format!("{urn}:")).collect::<String>();
        write!(f, "{urn}{}", self.name)?;
        self.sub.iter().try_for_each(|sub| write!(f, ".{sub}"))
    }
}

impl AttributePath {
    /// Reads a path of a filter or of the configuration. A dot in a URN's version is not a dot of the path.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let (urn, rest) = match text.rsplit_once(':') {
            Some((urn, rest)) if urn.to_lowercase().starts_with("urn:") => (Some(urn.to_lowercase()), rest),
            Some(_) | None => (None, text),
        };
        let mut parts = rest.split('.');
        let written = parts.next().unwrap_or_default();
        let path = Self {
            urn: None,
            name: written.to_lowercase().into(),
            sub: parts.map(|part| part.to_lowercase().into()).collect(),
            flat: None,
            written: written.into(),
        };
        path.under(urn.as_deref().filter(|urn| !CORE.contains(urn)))
    }

    /// Reads a path of a filter: names of the enterprise extension are looked for there before they are at the top level.
    pub(super) fn of_filter(text: &str) -> Self {
        let path = Self::new(text);
        let is_bare = !text.contains(':') && ENTERPRISE_NAMES.contains(&&*path.name);
        path.under(is_bare.then_some(ENTERPRISE))
    }

    /// The same path under a URN, unless it names one itself.
    #[must_use]
    pub fn under(mut self, urn: Option<&str>) -> Self {
        if let (None, Some(urn)) = (&self.urn, urn) {
            let urn = urn.to_lowercase();
            self.flat = Some(format!("{urn}:{}", self.name).into());
            self.urn = Some(urn.into());
        }
        self
    }

    /// Every top-level name under which the value may stand; the plain one as it was written.
    pub fn top_level(&self) -> impl Iterator<Item = Arc<str>> {
        [self.urn.clone(), self.flat.clone(), Some(Arc::clone(&self.written))].into_iter().flatten()
    }

    /// The value: nested under the URN, as the flattened key `URN:name`, or at the top level. A null counts as absent.
    pub fn find<'a>(&self, attributes: &'a Attributes) -> Option<&'a Value> {
        let top = self.top(attributes)?;
        self.sub.iter().try_fold(top, |value, name| member(value, name)).filter(|value| !value.is_null())
    }

    /// [`Self::find`] without the part after the dot.
    pub(super) fn top<'a>(&self, attributes: &'a Attributes) -> Option<&'a Value> {
        let nested = self.urn.as_ref().and_then(|urn| member(attributes.get_folded(urn)?, &self.name));
        let flat = || self.flat.as_ref().and_then(|flat| attributes.get_folded(flat));
        nested.or_else(flat).or_else(|| attributes.get_folded(&self.name)).filter(|value| !value.is_null())
    }
}

/// A member of a JSON object, whatever the case of its name.
pub(super) fn member<'a>(value: &'a Value, lower: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object
        .get(lower)
        .or_else(|| object.iter().find(|(name, _)| name.to_lowercase() == lower).map(|(_, value)| value))
}
