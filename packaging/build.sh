#!/usr/bin/env bash
# Builds the Debian package: target/debian/rosterd_VERSION_ARCH.deb. Needs cargo-deb; uses cargo-auditable where it is
# installed, so that the program carries the list of what it was built from. MAINTAINER="Name <address>" names who built
# it; SOURCE_DATE_EPOCH the time stamp of every file (default: the last commit's).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v cargo-deb > /dev/null || { echo "missing: cargo-deb; cargo install cargo-deb --locked" >&2; exit 1; }
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || date +%s)}
export SOURCE_DATE_EPOCH

if command -v cargo-auditable > /dev/null; then
    cargo auditable build --release --locked
else
    cargo build --release --locked
fi
program=${CARGO_TARGET_DIR:-target}/release/rosterd

# What is made from the program itself, and what Debian wants in another form.
stage=target/package
rm -rf "$stage"
mkdir -p "$stage/completions"
"$program" man "$stage/man"
gzip -9n "$stage"/man/*
for shell in bash zsh fish; do
    "$program" completions "$shell" > "$stage/completions/$shell"
done
gzip -9nc CHANGELOG.md > "$stage/changelog.gz"
sed '1s|.*|#:schema file:///usr/share/rosterd/config.schema.json|; s|config\.example\.toml check|/etc/rosterd/config.toml check|; s|docs/configuration\.md|/usr/share/doc/rosterd/configuration.md|' \
    config.example.toml > "$stage/config.toml"
find "$stage" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +

cargo deb --no-build --locked --maintainer "${MAINTAINER:-The rosterd project <rosterd@example.com>}" "$@"
