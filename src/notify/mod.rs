//! Notices by webhook and e-mail.
