#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who may include what (docs/ARCHITECTURE.md, "Dependencies"): two tables, and a look at every #include.
set -eu
cd "$(dirname "$0")/../.."

find include lib api worker migrations tests -name '*.[ch]' -exec grep -HE '^[[:space:]]*#[[:space:]]*include' {} + |
    awk '
BEGIN {
    # Folder, and the beginnings of "..." includes that its files may have. The first match counts.
    n = 0
    folder[++n] = "^include/hk/";  ours[n] = "^hk/"
    folder[++n] = "^lib/";         ours[n] = "^(hk/|[a-z_]+\\.h$)"
    folder[++n] = "^api/cli/";     ours[n] = "^(hk|api|migrations)/"
    folder[++n] = "^api/";         ours[n] = "^(hk|api|docs)/"
    folder[++n] = "^worker/";      ours[n] = "^(hk|worker)/|^api/(publish/(event_kinds|ingest\\.sql)|schema/schema_cache)\\.h"
    folder[++n] = "^migrations/";  ours[n] = "^(hk|migrations)/"
    folder[++n] = "^tests/";       ours[n] = "."

    # Library, and the files that may include its headers.
    m = 0
    library[++m] = "^libpq";       users[m] = "^(lib/db|api/cli/|migrations/|tests/support/|tests/integration/|tests/concurrency/)"
    library[++m] = "^curl/";       users[m] = "^(lib/(url\\.c|http(_[a-z]+)?\\.[ch])|api/cli/client\\.c|tests/)"
    library[++m] = "^h2o";         users[m] = "^(api/(auth|cells|http|inbound|live|publish|receivers)/|tests/sinker/|tests/bench/)"
    library[++m] = "^expat";       users[m] = "^lib/document_xml\\.c"
    library[++m] = "^argon2";      users[m] = "^api/auth/password\\.c"
    library[++m] = "^jansson";     users[m] = "^(api/(auth|cli|http|schema)/|tests/)"
    library[++m] = "^jwt\\.h";     users[m] = "^(api/auth/own_token\\.c|tests/)"
    library[++m] = "^openssl/";    users[m] = "^(lib/(certificate|encode|http|http_outcome|mac|sign|seal)\\.c|api/(http/listen|auth/own_token|auth/jwk)\\.[ch]|tests/)"
    library[++m] = "^cmocka";      users[m] = "^tests/"
}
{
    colon = index($0, ":")
    file = substr($0, 1, colon - 1)
    text = substr($0, colon + 1)
    is_ours = match(text, /"[^"]*"/)
    if (!is_ours && !match(text, /<[^>]*>/))
        next
    name = substr(text, RSTART + 1, RLENGTH - 2)
    if (is_ours) {
        for (i = 1; i <= n && file !~ folder[i]; i++)
            ;
        if (i > n || name !~ ours[i])
            complain("\"" name "\" is not for this folder")
        if (file !~ /^tests\// && name ~ /^tests\//)
            complain("product code does not know the tests")
        next
    }
    for (i = 1; i <= m; i++)
        if (name ~ library[i] && file !~ users[i])
            complain("<" name "> is for " users[i])
}
function complain(why) {
    print file ": " why
    n_wrong++
}
END { exit n_wrong > 0 }
'
