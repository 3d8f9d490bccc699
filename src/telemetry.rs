//! Logs: text on a terminal, journal fields under systemd, JSON elsewhere.
