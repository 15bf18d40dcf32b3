#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/openapi.yaml passes `redocly lint`, and api/docs/ holds the Swagger UI that tests/contract/package.json names.
# Installs both from npm into build/contract, once for a lock file. Exit status 75: npm's registry cannot be reached.
set -eu
cd "$(dirname "$0")/../.."
folder=build/contract
modules=$folder/node_modules

if ! cmp -s tests/contract/package-lock.json "$folder/installed-lock.json"; then
    mkdir -p "$folder"
    cp tests/contract/package.json tests/contract/package-lock.json "$folder/"
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error || {
        npm ping >/dev/null 2>&1 || exit 75
        exit 1
    }
    cp tests/contract/package-lock.json "$folder/installed-lock.json"
fi

status=0
REDOCLY_TELEMETRY=off "$modules/.bin/redocly" lint --config tests/contract/redocly.yaml docs/openapi.yaml || status=1
for file in swagger-ui-bundle.js swagger-ui.css; do
    gzip -dc "api/docs/$file.gz" | cmp - "$modules/swagger-ui-dist/$file" || {
        echo "api/docs/$file.gz: not the one of npm's swagger-ui-dist that is pinned"
        status=1
    }
done
exit $status
