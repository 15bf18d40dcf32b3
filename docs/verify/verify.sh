#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Verifies a webhook with OpenSSL 3; exit status 0: it is genuine. The raw body is standard input.
#
#   verify.sh standard KEY WEBHOOK-ID WEBHOOK-TIMESTAMP WEBHOOK-SIGNATURE <body     KEY: whsec_... or whpk_...
#   verify.sh basekit SECRET X-DELIVERY-HMAC-SHA256 <body
#
# NOW, in Unix seconds, stands for the clock. Others on the machine may see arguments: not for a server of many users.
set -eu

from_base64() { openssl base64 -d -A; }
to_hex() { od -An -v -tx1 | tr -d ' \n'; }

# hmac HEX-KEY: of standard input, as bytes.
hmac() { openssl mac -digest SHA256 -macopt "hexkey:$1" -in /dev/stdin -binary HMAC; }

# same A B: compares what a random key makes of both, so that the time taken says nothing about either.
same() {
    random=$(openssl rand -hex 32)
    [ "$(printf %s "$1" | hmac "$random" | to_hex)" = "$(printf %s "$2" | hmac "$random" | to_hex)" ]
}

fits_public_key() {
    { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat "$work/key"; } >"$work/key.der"
    printf %s "$1" | from_base64 >"$work/signature" 2>/dev/null || return 1
    openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key.der" -rawin -in "$work/signed" \
        -sigfile "$work/signature" >/dev/null 2>&1
}

verify_standard() {
    key=$1 id=$2 timestamp=$3 signatures=$4
    case $timestamp in '' | *[!0-9]* | ?????????????*) return 1 ;; esac
    age=$((${NOW:-$(date +%s)} - timestamp))
    [ -n "$id" ] && [ "$age" -le 300 ] && [ "$age" -ge -300 ] || return 1
    { printf '%s.%s.' "$id" "$timestamp"; cat; } >"$work/signed"
    encoded=${key#wh*_}
    while [ $((${#encoded} % 4)) -ne 0 ]; do encoded="$encoded="; done
    printf %s "$encoded" | from_base64 >"$work/key" 2>/dev/null || return 1
    [ -s "$work/key" ] || return 1
    ours=$(hmac "$(to_hex <"$work/key")" <"$work/signed" | openssl base64 -A)
    for text in $signatures; do
        case $key,$text in
        whpk_*,v1a,*) ! fits_public_key "${text#v1a,}" || return 0 ;;
        whsec_*,v1,*) ! same "v1,$ours" "$text" || return 0 ;;
        esac
    done
    return 1
}

# The key is the secret's text, "whsec_" and all.
verify_basekit() {
    [ -n "$1" ] && same "$(hmac "$(printf %s "$1" | to_hex)" | to_hex)" "$2"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scheme=$1
shift
"verify_$scheme" "$@"
