//! The unix socket: server for run, client for the commands.
