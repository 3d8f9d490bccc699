//! A working team and identity providers on loopback, with faults.
