//! People and groups from a local file: offline plans.
