#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No function above 80 lines, no file above 500. clang-format puts a function's braces into column 1
# and nothing else's; tables begin with "= {" and are not counted.
set -eu
cd "$(dirname "$0")/../.."

find include lib api worker migrations tests deploy .ci -type f \( -name '*.[ch]' -o -name '*.sql' -o -name '*.sh' -o -name run \
    -o -path 'deploy/*' \) -exec awk -v max_function=80 -v max_file=500 '
function complain(where, why) {
    print where ": " why
    n_wrong++
}
function end_file() {
    if (file != "" && n_lines > max_file)
        complain(file, n_lines " lines, more than " max_file)
}
FNR == 1 {
    end_file()
    file = FILENAME
    begin = 0
}
{ n_lines = FNR }
file !~ /\.[ch]$/ { next }
/^[A-Za-z_].*\(/ && !begin { signature = FNR; name = $0 }
/^{$/ { begin = signature }
/^}/ {
    if (begin && FNR - begin + 1 > max_function)
        complain(file ":" begin, FNR - begin + 1 " lines in a function, more than " max_function ": " name)
    begin = 0
}
END {
    end_file()
    exit n_wrong > 0
}
' {} +
