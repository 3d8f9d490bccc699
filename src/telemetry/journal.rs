//! The journal's own protocol, with messages that `journalctl` shows whole.
//!
//! `journalctl` prints the message alone, and ours are fixed texts whose values are fields: "cycle ended early" would
//! stand there without its cause. So the fields are appended to the message, and kept as fields for queries.

use std::fmt::{self, Write};
use std::io;

use tracing::field::{DisplayValue, Field, Value, Visit, display};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::model::text::printable;

/// A layer that writes to the journal.
///
/// # Errors
/// When there is no journal to connect to.
pub(super) fn layer() -> io::Result<Journal> {
    let levels = PriorityMappings {
        error: Priority::Error,
        warn: Priority::Warning,
        info: Priority::Informational,
        debug: Priority::Debug,
        trace: Priority::Debug,
    };
    let inner = tracing_journald::layer()?
        .with_priority_mappings(levels)
        .with_field_prefix(Some("ROSTERD".to_owned()))
        .with_syslog_identifier("rosterd".to_owned());
    Ok(Journal(inner))
}

/// See the module.
pub(super) struct Journal(tracing_journald::Layer);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Journal {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.0.on_new_span(attributes, id, context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.0.on_record(id, values, context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let texts = Texts::of(event);
        let shown: Vec<Option<DisplayValue<&str>>> =
            texts.0.iter().map(|text| text.as_deref().map(display)).collect();
        let values: Vec<Option<&dyn Value>> =
            shown.iter().map(|text| text.as_ref().map(|text| text as &dyn Value)).collect();
        let metadata = event.metadata();
        let values = metadata.fields().value_set_all(&values);
        self.0.on_event(&Event::new(metadata, &values), context);
    }
}

/// The fields of an event as cleaned text, in the order of its call site; the message with all the others behind it.
struct Texts(Vec<Option<String>>);

impl Texts {
    fn of(event: &Event<'_>) -> Self {
        let fields = event.metadata().fields();
        let mut texts = Self(vec![None; fields.len()]);
        event.record(&mut texts);
        let mut tail = String::new();
        for field in fields.iter().filter(|field| field.name() != "message") {
            if let Some(Some(text)) = texts.0.get(field.index()) {
                // Writing to a text cannot fail.
                let _ = write!(tail, " {}={text}", field.name());
            }
        }
        let message = fields.field("message").map(|field| field.index());
        if let Some(Some(message)) = message.and_then(|index| texts.0.get_mut(index)) {
            message.push_str(&tail);
        }
        texts
    }

    fn keep(&mut self, field: &Field, text: &str) {
        if let Some(slot) = self.0.get_mut(field.index()) {
            *slot = Some(printable(text).into_owned());
        }
    }
}

impl Visit for Texts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    struct Kept(Arc<Mutex<Vec<Vec<Option<String>>>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().expect("not poisoned").push(Texts::of(event).0);
        }
    }

    #[test]
    fn the_message_says_what_the_fields_say() {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let subscriber = tracing_subscriber::registry().with(Kept(Arc::clone(&kept)));
        tracing::subscriber::with_default(subscriber, || {
            let nothing: Option<&str> = None;
            tracing::error!(error = %"refused\x1b[2J", count = 3, nothing, "cycle ended early");
        });
        let texts = kept.lock().expect("not poisoned").pop().expect("an event");
        let texts: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
        let message = "cycle ended early error=refused\\u{1b}[2J count=3";
        assert_eq!(texts, [Some(message), Some("refused\\u{1b}[2J"), Some("3"), None]);
    }
}
