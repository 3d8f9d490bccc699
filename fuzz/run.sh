#!/usr/bin/env bash
# Runs every target for FUZZ_SECONDS (60) with the seeds of this folder, without sanitizers, so that stable Rust will do, and
# prints how often each was run. Ends with the first target that finds something.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export RUSTC_BOOTSTRAP=1
cargo fuzz build -s none >&2
for target in $(cargo fuzz list); do
    mkdir -p "fuzz/corpus/$target"
    log=$(mktemp)
    # No input is worth more than ten seconds or a gigabyte: both count as findings.
    if ! cargo fuzz run -s none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "found something: $target" >&2
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    slowest=$(sed -n 's/^stat::slowest_unit_time_sec: *//p' "$log")
    memory=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
    cover=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
    printf '%-24s %10s runs, %s, slowest %s s, %s MB\n' "$target" "$runs" "$cover" "$slowest" "$memory"
    rm -f "$log"
done
