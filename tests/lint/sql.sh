#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every statement of the API is bound to its tenant, $1: it compares tenant_id with it, inserts it as the
# first column, or hands it to a function as the first argument. No statement names a schema: a cell may be called anything.
# What else keeps a cell able to grow: growth.py.
set -eu
cd "$(dirname "$0")/../.."

# Statements that have no tenant: operators list tenants themselves.
without_tenant=' tenant_create tenant_list tenant_list_of_cell tenant_get tenant_update '
status=0

awk -v allowed="$without_tenant" '
function check() {
    is_bound = text ~ /tenant_id = \$1/ || text ~ /[a-z_]+\(\$1(::uuid)?[,)]/ ||
        text ~ /INSERT INTO [a-z_]+ \(tenant_id,.*(SELECT|VALUES \() ?\$1/
    if (name != "" && !is_bound && index(allowed, " " name " ") == 0) {
        print where ": " name " does not mention tenant_id = $1"
        n_wrong++
    }
}
FNR == 1 { check(); name = "" }
/^-- name: / {
    check()
    name = $3
    where = FILENAME ":" FNR
    text = ""
    next
}
{
    sub(/--.*/, "")
    text = text " " $0
}
END {
    check()
    exit n_wrong > 0
}
' api/resources/*.sql || status=1

find api worker migrations -name '*.sql' -exec awk '
{
    line = tolower($0)
    sub(/--.*/, "", line)
    gsub(/\047[^\047]*\047/, "0", line)
    if (line ~ /(^|[^a-z0-9_.])(hookline|public)\.[a-z_]/ ||
        line ~ /(^|[^a-z_])(join|into|update|table|references)[ ]+(only[ ]+)?[a-z_]+\.[a-z_]/) {
        print FILENAME ":" FNR ": names a schema: " $0
        n_wrong++
    }
}
END { exit n_wrong > 0 }
' {} + || status=1
n=0
for file in migrations/[0-9]*.sql; do
    n=$((n + 1))
    case ${file#migrations/} in
    "$(printf %04d "$n")"_*) ;;
    *)
        echo "$file: not number $n: numbered migrations follow each other without a gap"
        status=1
        ;;
    esac
done

tests/lint/growth.py || status=1
exit $status
