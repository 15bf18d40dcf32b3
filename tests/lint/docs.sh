#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is generated is up to date, and docs/openapi.yaml has the routes that the API has, each described as its like are.
# Wants the programs: HOOKLINE_BIN_DIR, or build/dev/bin.
set -eu
cd "$(dirname "$0")/../.."
bin=${HOOKLINE_BIN_DIR:-build/dev/bin}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# same FILE WHY: stdin and FILE are equal.
same() {
    diff -u "$1" - || {
        echo "$1: $2"
        status=1
    }
}

timeout 20 "$bin/hookline" config docs >"$work/configuration.md"
same docs/configuration.md 'not up to date: hookline config docs >docs/configuration.md' <"$work/configuration.md"

# Each command that asks the API, and each of its options, stands in docs/cli.md.
for command in logs tail explain replay retry resend; do
    timeout 20 "$bin/hookline" "$command" --help
done | grep -oE '^  (hookline [a-z]+|--[a-z-]+)' | sed 's/^ *//' | sort -u | while read -r words; do
    grep -qF -e "$words" docs/cli.md || echo "docs/cli.md: nothing about $words"
done >"$work/cli"
[ ! -s "$work/cli" ] || {
    cat "$work/cli"
    status=1
}

# Each reason that a sentence is kept for stands in docs/support.md, but for those of no reason.
sed -n "s|^ *('/\{0,1\}\([a-z_]*\)', '.*|\1|p" migrations/repeatable/explanation_words.sql | sed '/^event$/,$d' |
    grep -vxE 'message|skipped' | sort -u | while read -r reason; do
    grep -qF "\`$reason\`" docs/support.md || echo "docs/support.md: nothing about $reason"
done >"$work/reasons"
[ ! -s "$work/reasons" ] || {
    cat "$work/reasons"
    status=1
}

docs/openapi-json --check || status=1

timeout 20 "$bin/hookline-api" --print-routes >"$work/scopes"
awk '{ print $1, $2 }' "$work/scopes" | sort >"$work/routes"
python3 - >"$work/openapi" <<'END'
import re

import yaml

methods = {"get", "put", "post", "delete", "patch", "head", "options"}
with open("docs/openapi.yaml", encoding="utf-8") as file:
    document = yaml.safe_load(file)
lines = [
    f"{method.upper()} " + re.sub(r"\{(\w+)\}", r":\1", path)
    for path, item in document["paths"].items()
    for method in item
    if method in methods
]
print("\n".join(sorted(lines)))
END
LC_ALL=C sort -o "$work/routes" "$work/routes"
LC_ALL=C sort -o "$work/openapi" "$work/openapi"
same "$work/routes" 'the routes of the API (-) and of docs/openapi.yaml (+) differ' <"$work/openapi"
tests/lint/openapi_operations.py "$work/scopes" || status=1
exit $status
