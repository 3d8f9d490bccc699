//! The journal (truth) and sled (cache).
