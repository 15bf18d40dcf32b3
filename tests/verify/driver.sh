#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Asks docs/verify/verify.sh; see check.
set -eu
verify=$(dirname "$0")/../../docs/verify/verify.sh

while IFS='|' read -r scheme key now id timestamp signature body; do
    [ "$id" != - ] || id=
    [ "$timestamp" != - ] || timestamp=
    [ "$signature" != - ] || signature=
    if [ "$scheme" = standard ]; then set -- "$key" "$id" "$timestamp" "$signature"; else set -- "$key" "$signature"; fi
    if printf %s "$body" | openssl base64 -d -A | NOW=$now "$verify" "$scheme" "$@"; then echo yes; else echo no; fi
done
