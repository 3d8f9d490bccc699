//! The figures of the README: requests, processor time, memory and bytes, each next to the floor of the same work.
//!
//! `cargo bench` prints every table for 1 k, 10 k and 100 k people, `cargo bench -- --full` for 1 M as well, and
//! `cargo bench -- plan 10k` one table for one size. Each line is measured in a process of its own, so that peak memory is
//! that line's alone; processor time is the process's own, which other work on the machine disturbs less than a wall clock.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a program that prints tables of rounded figures"
)]

mod cycle;
mod daemon;
mod idle;
mod measure;
mod plan;
mod read;
mod store;
mod table;
mod world;

use world::Size;

/// A table, and how it is made.
struct Section {
    name: &'static str,
    title: &'static str,
    run: fn(&[Size]),
}

const SECTIONS: [Section; 5] = [
    Section {
        name: "read",
        title: "(a) reading: from bytes to a snapshot, next to parsing the same JSON",
        run: read::table,
    },
    Section { name: "plan", title: "(b) planning alone", run: plan::table },
    Section { name: "cycle", title: "(c) whole cycles of the program over the simulator", run: cycle::table },
    Section { name: "store", title: "(d) journal and cache", run: store::table },
    Section { name: "idle", title: "(e) the idle daemon", run: idle::table },
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["measure", section, rest @ ..] = words.as_slice() {
        measure_one(section, rest);
        return;
    }
    let full = words.contains(&"--full");
    let sizes: Vec<Size> = Size::ALL.into_iter().filter(|size| wanted(&words, *size, full)).collect();
    let named = |section: &&Section| words.contains(&section.name);
    let any = SECTIONS.iter().any(|section| named(&section));
    for section in SECTIONS.iter().filter(|section| !any || named(section)) {
        println!("\n{}", section.title);
        (section.run)(&sizes);
    }
}

/// A line of a table, in the process that was started for it.
fn measure_one(section: &str, rest: &[&str]) {
    match section {
        "read" => read::measure(rest),
        "plan" => plan::measure(rest),
        "store" => store::measure(rest),
        other => eprintln!("nothing is called {other}"),
    }
}

fn wanted(words: &[&str], size: Size, full: bool) -> bool {
    let any = Size::ALL.iter().any(|size| words.contains(&size.name));
    if any { words.contains(&size.name) } else { full || size.people <= 100_000 }
}
