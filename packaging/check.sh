#!/usr/bin/env bash
# Tries the Debian package as an administrator would: builds it (or takes the one named), lets lintian read it, installs it
# in a clean Debian of its own, uses it, removes and purges it, and compares that Debian with what it was before. Needs
# root, debootstrap and lintian; nothing of this machine is touched. SUITE (bookworm) and MIRROR choose the Debian, ROOT
# keeps it for the next time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
SUITE=${SUITE:-bookworm}

fail() { echo "failed: $1" >&2; exit 1; }
say() { printf '\n=== %s (%d s)\n' "$1" "$SECONDS"; }
for tool in lintian debootstrap; do
    command -v "$tool" > /dev/null || fail "missing: $tool; apt-get install $tool"
done
[ "$(id -u)" = 0 ] || fail "debootstrap and chroot need root"

work=$(mktemp -d)
root=$work/root
running=
clean_up() {
    [ -z "$running" ] || kill "$running" 2> /dev/null || true
    for mount in proc dev; do
        mountpoint -q "$root/$mount" && umount "$root/$mount"
    done
    rm -rf "$work"
}
trap clean_up EXIT

if [ $# -gt 0 ]; then
    deb=$(realpath "$1")
else
    say build
    packaging/build.sh
    deb=$(realpath "$(ls -t target/debian/rosterd_*.deb | head -n 1)")
fi

say lintian
# The placeholder of a maintainer is not for a package that is published; MAINTAINER= names who builds it.
lintian --fail-on error,warning --pedantic --display-info --tag-display-limit 0 "$deb"
dpkg-deb --info "$deb"
dpkg-deb --contents "$deb" | awk '{print $1, $2, $3, $6}'

say "a clean $SUITE"
kept=${ROOT:-}
if [ -n "$kept" ] && [ -f "$kept" ]; then
    mkdir "$root"
    tar -xpf "$kept" -C "$root"
else
    debootstrap --variant=minbase --include=ca-certificates,procps,systemd "$SUITE" "$root" ${MIRROR:+"$MIRROR"} > "$work/log" ||
        { tail -n 20 "$work/log" >&2; fail "debootstrap"; }
    [ -z "$kept" ] || tar -cpf "$kept" -C "$root" .
fi
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"

# Every path with its mode and owner; what any installation changes is left out.
listing() {
    (cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./tmp -o -path ./run/systemd \) -prune -o -printf '%p %m %u:%g\n') |
        grep -Ev '^\./(var/(lib/(dpkg|apt)|cache|log)|etc/(passwd|group|shadow|gshadow|subuid|subgid)-?)([ /]|$)' | sort
}
accounts() { cut -d: -f1 "$root/etc/passwd" "$root/etc/group" | sort; }
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
listing > "$work/before"
accounts > "$work/accounts"

say install
cp "$deb" "$root/tmp/rosterd.deb"
inside dpkg -i /tmp/rosterd.deb
inside rosterd --version
inside id rosterd
inside test ! -e /etc/systemd/system/multi-user.target.wants/rosterd.service || fail "it was enabled"
inside systemctl is-enabled rosterd.service > "$work/enabled" 2>&1 || true
grep -qx disabled "$work/enabled" || fail "the service is $(cat "$work/enabled")"
inside systemd-analyze verify --man=no /usr/lib/systemd/system/rosterd.service /usr/lib/systemd/system/rosterd@team.service \
    /usr/lib/systemd/system/rosterd-once.service /usr/lib/systemd/system/rosterd-once.timer
for file in share/man/man1/rosterd-plan.1.gz share/bash-completion/completions/rosterd share/rosterd/config.schema.json; do
    [ -s "$root/usr/$file" ] || fail "no $file"
done

say "check refuses what nobody has filled in"
inside rosterd check && fail "the configuration of the package was accepted" || [ $? = 78 ]

say "check approves a real-looking configuration"
umask 077
inside openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 > "$root/etc/rosterd/AuthKey.p8"
echo made-up > "$root/etc/rosterd/scim-token"
umask 022
inside rosterd check
rm "$root/etc/rosterd/AuthKey.p8" "$root/etc/rosterd/scim-token"

say demo
inside rosterd demo > "$work/demo"
grep -q "Nobody lost a seat" "$work/demo" || fail "demo"

say "a cycle as the package's user, over the simulator"
mkdir -m 700 "$root/var/lib/rosterd"
inside chown rosterd:rosterd /var/lib/rosterd
# Not by `inside`: what is to be ended is the program and not a shell that waits for it.
chroot "$root" setpriv --reuid=rosterd --regid=rosterd --clear-groups rosterd simulate --dir /var/lib/rosterd/sim > "$work/sim" &
running=$!
for _ in $(seq 100); do [ ! -s "$work/sim" ] || break; sleep 0.1; done
inside setpriv --reuid=rosterd --regid=rosterd --clear-groups rosterd -c /var/lib/rosterd/sim/config.toml run --once
inside setpriv --reuid=rosterd --regid=rosterd --clear-groups rosterd -c /var/lib/rosterd/sim/config.toml plan --detailed-exitcode | tail -n 2
kill "$running"
wait "$running" 2> /dev/null || true
running=

say "remove keeps configuration and state, purge does not"
echo "# edited" >> "$root/etc/rosterd/config.toml"
inside dpkg --remove rosterd
[ ! -e "$root/usr/bin/rosterd" ] || fail "the program is still there"
[ -s "$root/etc/rosterd/config.toml" ] || fail "remove took the configuration away"
[ -d "$root/var/lib/rosterd" ] || fail "remove took the state away"
inside dpkg --purge rosterd
rm "$root/tmp/rosterd.deb"
listing > "$work/after"
accounts > "$work/accounts-after"
diff "$work/before" "$work/after" || fail "something is left behind"
diff "$work/accounts" "$work/accounts-after" || fail "an account is left behind"
say "all is well: nothing is left behind"
