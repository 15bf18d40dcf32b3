#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each statement of the seed systems has a row in tests/scenarios/README.md and a test that carries its id in its name and is run:
# a test function that is in no table does not compile. Each system is a folder with its catalogue and the expected bodies; the
# cases of support have a paragraph each in a README of their own, and their data.
set -eu
cd "$(dirname "$0")/../.."
readme=tests/scenarios/README.md
status=0

complain() {
    echo "$1"
    status=1
}

# statements SYSTEM FOLDER NUMBER...
statements() {
    system=$1
    folder=$2
    shift 2
    ls "tests/scenarios/$folder/catalogue.json" "tests/scenarios/$folder/expected/"*.json >/dev/null ||
        complain "tests/scenarios/$folder: no catalogue, or no expected bodies"
    for number in "$@"; do
        grep -rhqE "^ *harness_test\(test_([A-Z]{2}_[0-9]{2}_)*${system}_${number}_" "tests/scenarios/$folder" --include='*.c' ||
            complain "$system-$number: no test in tests/scenarios/$folder has it in its name"
        grep -q "^| $system-$number |" "$readme" || complain "$system-$number: no row in $readme"
    done
    for file in "tests/scenarios/$folder"/*.c; do
        grep -q '^int main(' "$file" || continue
        grep -qE "scenarios/$folder/$(basename "$file" .c)\)?\$" tests/CMakeLists.txt ||
            complain "$file: tests/CMakeLists.txt does not run it"
    done
}

for number in 01 02 03 04 05 06 07 08 09 10; do
    grep -qE "^ *harness_test\(test_SU_${number}_" tests/scenarios/support/support.c || complain "SU-$number: no test has it in its name"
    data=$(sed -n "s/^\*\*SU-$number\*\*.*(\`cases\/\([a-z_]*\.json\)\`).*/\1/p" tests/scenarios/support/README.md)
    [ -f "tests/scenarios/support/cases/${data:-none}" ] ||
        complain "SU-$number: no paragraph in tests/scenarios/support/README.md that names its data"
done
for number in 01 02 03 04 05 06 07; do
    grep -rqE "^ *harness_test\(test_EI_${number}_" tests/scenarios/elastic || complain "EI-$number: no test has it in its name"
    grep -q "^| EI-$number |" "$readme" || complain "EI-$number: no row in $readme"
done
statements BC basecone 01 02 03 04 05 06 07 08 09 10 11 12 13 20 21 22 23 30 31
statements BK basekit 01 02 03 04 05 06 07
statements BQ basiq 01 02 03 04 05 06 07 08 09
statements AL acculynx 01 02 03 04 05 06 07 08
exit $status
