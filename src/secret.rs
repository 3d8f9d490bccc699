//! Secrets: read from files whose mode and owner are right, never printed.
