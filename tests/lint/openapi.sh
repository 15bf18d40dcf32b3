#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/openapi.yaml passes `redocly lint`, and api/docs/ holds the Swagger UI that tests/contract/package.json names.
# Exit status 75: npm's registry cannot be reached.
set -eu
cd "$(dirname "$0")/../.."
modules=build/contract/node_modules

tests/contract/install

status=0
REDOCLY_TELEMETRY=off "$modules/.bin/redocly" lint --config tests/contract/redocly.yaml docs/openapi.yaml || status=1
for file in swagger-ui-bundle.js swagger-ui.css; do
    gzip -dc "api/docs/$file.gz" | cmp - "$modules/swagger-ui-dist/$file" || {
        echo "api/docs/$file.gz: not the one of npm's swagger-ui-dist that is pinned"
        status=1
    }
done
exit $status
