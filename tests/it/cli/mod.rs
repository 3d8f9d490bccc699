//! The program as its users meet it: the real binary, a configuration on disk, both sides simulated.

mod bad_input;
mod contradictions;
mod daemon;
mod decisions;
mod doctor;
mod explain;
mod file_exports;
mod files;
mod guards;
mod incidents;
mod keys;
mod kills;
mod leavers;
mod lost_answers;
mod papers;
mod partial;
mod power_cuts;
mod proof;
mod request_ids;
mod rotation;
mod seats;
mod story;
mod systemd;
mod unclear;
mod usage;
mod whole_reads;
