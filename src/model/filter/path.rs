//! Attribute paths and where their values are found: providers put an extension's attribute in three different places.

use std::sync::Arc;

use serde_json::Value;

use super::super::directory::Attributes;

/// The schemas whose attributes are top-level ones.
const CORE: &[&str] =
    &["urn:ietf:params:scim:schemas:core:2.0:user", "urn:ietf:params:scim:schemas:core:2.0:group"];

/// `name`, `name.sub`, `URN:name.sub`; all in lower case, because attribute names have no case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributePath {
    pub(super) urn: Option<Arc<str>>,
    pub(super) name: Arc<str>,
    pub(super) sub: Vec<Arc<str>>,
    /// The name as it was written: Graph finds a directory extension only by its exact case.
    written: Arc<str>,
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
        Self {
            urn: urn.filter(|urn| !CORE.contains(&urn.as_str())).map(Arc::from),
            name: written.to_lowercase().into(),
            sub: parts.map(|part| part.to_lowercase().into()).collect(),
            written: written.into(),
        }
    }

    /// The same path under a URN, unless it names one itself.
    #[must_use]
    pub fn under(mut self, urn: Option<&str>) -> Self {
        if self.urn.is_none() {
            self.urn = urn.map(|urn| urn.to_lowercase().into());
        }
        self
    }

    /// Every top-level name under which the value may stand; the plain one as it was written.
    pub fn top_level(&self) -> impl Iterator<Item = Arc<str>> {
        let flat = self.urn.as_ref().map(|urn| format!("{urn}:{}", self.name).into());
        [self.urn.clone(), flat, Some(Arc::clone(&self.written))].into_iter().flatten()
    }

    /// The value: nested under the URN, as the flattened key `URN:name`, or at the top level. A null counts as absent.
    pub fn find<'a>(&self, attributes: &'a Attributes) -> Option<&'a Value> {
        let top = self.top(attributes)?;
        self.sub.iter().try_fold(top, |value, name| member(value, name)).filter(|value| !value.is_null())
    }

    /// [`Self::find`] without the part after the dot.
    pub(super) fn top<'a>(&self, attributes: &'a Attributes) -> Option<&'a Value> {
        let nested = |urn: &Arc<str>| member(attributes.get(urn)?, &self.name);
        let flat = |urn: &Arc<str>| attributes.get(&format!("{urn}:{}", self.name));
        let extension = self.urn.as_ref().and_then(|urn| nested(urn).or_else(|| flat(urn)));
        extension.or_else(|| attributes.get(&self.name)).filter(|value| !value.is_null())
    }
}

/// A member of a JSON object, whatever the case of its name.
pub(super) fn member<'a>(value: &'a Value, lower: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object
        .get(lower)
        .or_else(|| object.iter().find(|(name, _)| name.to_lowercase() == lower).map(|(_, value)| value))
}
