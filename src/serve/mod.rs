//! Health endpoints and the page.
