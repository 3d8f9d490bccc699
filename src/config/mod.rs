//! One struct per table, all problems at once.
