#!/bin/sh
# Checks the alerts: syntax, lint, their tests, two tests for each, and a place in the runbook. That the metrics they and the
# dashboard name exist is a test of the program (`cargo test metrics`). Needs promtool.
set -eu
cd "$(dirname "$0")"

promtool check rules --lint=all --lint-fatal alerts.yml
promtool test rules alerts_test.yml

alerts=$(sed -n 's/^  - alert: //p' alerts.yml)
for alert in $alerts; do
    cases=$(grep -c "alertname: $alert\$" alerts_test.yml || true)
    quiet=$(grep -A1 "alertname: $alert\$" alerts_test.yml | grep -c 'exp_alerts: \[\]' || true)
    [ "$cases" -ge 2 ] && [ "$quiet" -ge 1 ] && [ "$quiet" -lt "$cases" ] || {
        echo "$alert needs a case that fires and one that stays quiet" >&2
        exit 1
    }
    grep -q "^## $alert\$" ../docs/runbook.md || { echo "docs/runbook.md has nothing about $alert" >&2; exit 1; }
    anchor=$(echo "$alert" | tr '[:upper:]' '[:lower:]')
    grep -q "runbook_url: docs/runbook.md#$anchor\$" alerts.yml || { echo "$alert points elsewhere" >&2; exit 1; }
done
echo "$(echo "$alerts" | wc -l) alerts are fine"
