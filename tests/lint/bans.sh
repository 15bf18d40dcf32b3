#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is not to be found in the tree: functions that end badly, // comments, notes to self, paths of one
# machine, waiting for a fixed time. C is looked at without its comments and literals.
set -eu
cd "$(dirname "$0")/../.."
status=0

# Prints FILE:LINE: WHY and fails.
in_code() {
    find include lib api worker migrations tests -name '*.[ch]' -exec awk '
FNR == 1 { in_comment = 0 }
{
    code = ""
    rest = $0
    while (rest != "") {
        if (in_comment) {
            at = index(rest, "*/")
            if (at == 0)
                break
            rest = substr(rest, at + 2)
            in_comment = 0
        } else if (match(rest, /^"([^"\\]|\\.)*"/) || match(rest, /^\047([^\047\\]|\\.)+\047/)) {
            code = code "0"
            rest = substr(rest, RLENGTH + 1)
        } else if (substr(rest, 1, 2) == "/*") {
            in_comment = 1
            rest = substr(rest, 3)
        } else {
            code = code substr(rest, 1, 1)
            rest = substr(rest, 2)
        }
    }
    if (code ~ /\/\//)
        complain("a // comment")
    if (match(code, /(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|system|sleep|usleep|nanosleep|localtime|gmtime)[ ]*\(/))
        complain("banned: " substr(code, RSTART, RLENGTH))
}
function complain(why) {
    print FILENAME ":" FNR ": " why
    n_wrong++
}
END { exit n_wrong > 0 }
' {} + || status=1
}

# find_lines WHY REGEX FIND-ARGUMENTS...: no line of those files may match.
find_lines() {
    why=$1
    regex=$2
    shift 2
    if found=$(find . -name .git -prune -o -path ./build -prune -o -type f ! -path ./tests/lint/bans.sh \
        \( "$@" \) -exec grep -nEI "$regex" {} +); then
        printf '%s\n' "$found" | sed "s|^|$why: |"
        status=1
    fi
}

in_code
find_lines 'a note to self' '\b(TODO|FIXME|XXX|HACK)\b' -name '*.[ch]' -o -name '*.def' -o -name '*.sql' -o -name '*.sh' \
    -o -name 'CMakeLists.txt' -o -name '*.cmake' -o -name run -o -name quickstart
find_lines 'a path of one machine' '(^|[^[:alnum:]_./-])/(work|home)(/|\b[^a-z])' -name '*.[ch]' -o -name '*.sql' -o -name '*.sh' \
    -o -name run -o -name quickstart -o -name '*.md' -o -name '*.json' -o -name '*.yaml'
find_lines 'waits for a fixed time' '^[^#]*\b(sleep|usleep|pg_sleep)\b' -name '*.sql' -o \
    \( -name '*.sh' -o -name run \) ! -path './deploy/*' ! -path './tests/bench/*'
exit $status
