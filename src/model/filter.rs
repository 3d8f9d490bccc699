//! SCIM filters (RFC 7644 §3.4.2.2) over a person.

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    text: String,
}

impl Filter {
    /// The filter as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
