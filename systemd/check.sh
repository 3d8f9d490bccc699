#!/bin/sh
# Checks the units with the systemd of this machine: they parse without a word, their exposure is at most 1.0 (0.9 with
# the example drop-in), and all of them are hardened alike. Exits 1 on the first thing that is wrong.
set -eu
cd "$(dirname "$0")"
export SYSTEMD_COLORS=0 SYSTEMD_PAGER=

command -v systemd-analyze >/dev/null || { echo "systemd-analyze is not installed" >&2; exit 1; }
version=$(systemd-analyze --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "$1" >&2
    exit 1
}

# Keys that systemd before 254 does not know; only the units for 254 and later may use them.
newer='RestartSteps|RestartMaxDelaySec|notify-reload'

complaints() { # FOLDER OUTPUT
    if [ "$1" = . ] && [ "$version" -lt 254 ]; then
        grep -Ev "$newer" "$2" || true
    else
        cat "$2"
    fi
}

for folder in . debian12; do
    # The program need not be installed: a copy that starts another one is looked at.
    mkdir -p "$work/$folder"
    for unit in "$folder"/*.service rosterd-once.timer; do
        sed 's|^\(ExecStart=\)/usr/bin/rosterd|\1/bin/true|' "$unit" > "$work/$folder/$(basename "$unit")"
    done
    for unit in "$work/$folder"/*.service "$work/$folder"/*.timer; do
        systemd-analyze verify --man=no "$unit" > "$work/said" 2>&1 || fail "$unit: $(cat "$work/said")"
        said=$(complaints "$folder" "$work/said")
        [ -z "$said" ] || fail "$said"
    done
    for unit in "$folder"/*.service; do
        systemd-analyze security --offline=true --threshold=10 "$unit" > "$work/said" 2>&1 ||
            fail "$unit: $(tail -n 1 "$work/said")"
        echo "$unit: $(tail -n 1 "$work/said" | sed 's/.*: //')"
    done
done

for folder in . debian12; do
    rm -rf "$work/proxied"
    mkdir "$work/proxied"
    cp -r "$folder/rosterd.service" examples/rosterd.service.d "$work/proxied"
    systemd-analyze security --offline=true --threshold=9 "$work/proxied/rosterd.service" > "$work/said" 2>&1 ||
        fail "with the drop-in: $(tail -n 1 "$work/said")"
    echo "$folder/rosterd.service with the egress drop-in: $(tail -n 1 "$work/said" | sed 's/.*: //')"
done

# From "# Privileges" to "# Resources" all units say the same, but for the listener's port.
hardening() {
    sed -n '/^# Privileges/,/^# Resources/p' "$1" | grep -Ev '^(SocketBind|#|$)'
}
hardening rosterd.service > "$work/expected"
[ "$(wc -l < "$work/expected")" -gt 38 ] || fail "rosterd.service has lost its hardening"
for unit in *.service debian12/*.service; do
    hardening "$unit" | diff "$work/expected" - >&2 || fail "$unit is not hardened like rosterd.service"
done

# The same secrets everywhere.
secrets() {
    sed -n 's/^LoadCredential=\([^:]*\):.*/\1/p' "$1"
}
secrets rosterd.service > "$work/expected"
[ -s "$work/expected" ] || fail "rosterd.service loads no credential"
for unit in *.service debian12/*.service; do
    secrets "$unit" | diff "$work/expected" - >&2 || fail "$unit loads other credentials than rosterd.service"
done

# Words of the manual that a typo would turn into nothing.
for unit in rosterd.service rosterd@.service debian12/rosterd.service debian12/rosterd@.service; do
    grep -q '^RestartPreventExitStatus=64 78$' "$unit" || fail "$unit starts again on a wrong configuration"
    grep -q '^WatchdogSec=' "$unit" || fail "$unit has no watchdog"
done

# What neither verify nor security sees and a start or a reload does (both were met on booted systems).
for unit in *.service debian12/*.service; do
    ! grep -q '^SystemCallFilter=.*:E' "$unit" || fail "$unit: a call with an error of its own ends in 228/SECCOMP"
    program=$(sed -n 's/^ExecReload=\([^ ]*\) .*/\1/p' "$unit")
    [ -z "$program" ] || grep -q "^BindReadOnlyPaths=$program\$" "$unit" ||
        fail "$unit: $program is not within the empty root"
done
systemd-tmpfiles --dry-run --create tmpfiles.d/rosterd.conf > "$work/said" 2>&1 || {
    # Before 254 there is no dry run; a scratch root does as well.
    systemd-tmpfiles --root="$work/root" --create "$PWD/tmpfiles.d/rosterd.conf" > "$work/said" 2>&1 ||
        fail "tmpfiles.d/rosterd.conf: $(cat "$work/said")"
}
echo "all units are fine"
