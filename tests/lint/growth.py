#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Says where SQL would not outgrow one PostgreSQL: docs/adr/0002, "What the lint holds".

Migrations: the tenant is first in every key, constraints have names, and nothing is made that a schema of a Citus cluster
refuses. Statements and functions: every relation carries the tenant, in the scope in which it is named. Exceptions stand
in growth.txt, each with its reason; one that is not needed is a fault, too.

Prints a line for each fault: FILE:LINE: RULE: what. It begins with itself: growth_faults.sql.
"""
import pathlib
import re
import sys

sys.dont_write_bytecode = True
from growth_sql import Scan, read_statements, relations, without_comments

root = pathlib.Path(__file__).resolve().parents[2]

# Of the installation or of the whole cell: few, small, rarely written, and no tenant's.
OF_THE_CELL = {"schema_migration", "schema_repeatable", "tenant_cell", "tenant_away", "retention_week"}
HOT = {"api/publish/ingest.sql", "api/inbound/inbound.sql", "worker/claim.sql", "worker/load.sql", "worker/record.sql"}
VOLATILE = {"random", "gen_random_uuid", "clock_timestamp", "timeofday", "nextval", "uuid_generate_v4", "statement_timestamp"}

# rule, what it must not match, why. Looked for in the text without comments; literals count: EXECUTE has them.
MIGRATIONS_BAN = (
    ("no-trigger", r"\bcreate\s+(or\s+replace\s+)?(constraint\s+|event\s+)?trigger\b", "a trigger"),
    ("no-trigger", r"\bcreate\s+(or\s+replace\s+)?rule\b", "a rule"),
    ("no-sequence", r"\bcreate\s+(temp\w*\s+)?sequence\b|\b(small|big)?serial\b|\bgenerated\s+\w+(\s+default)?\s+as\s+identity\b", "a sequence"),
    ("no-inheritance", r"\binherits\s*\(|\bno\s+inherit\b", "inheritance other than partitions"),
    ("partition-range", r"\bpartition\s+by\s+(list|hash)\b", "partitions other than by range of an id"),
    ("no-exclusion", r"\bexclude\s+using\b", "an exclusion constraint"),
    ("no-force", r"\bforce\s+row\s+level\s+security\b", "FORCE: online moves of a schema hang on it"),
    ("no-foreign", r"\bcreate\s+(foreign\s+table|server|publication|subscription|materialized\s+view)\b", "what stays on one server"),
    ("no-owner", r"\bcreate\s+table\s+[^;(]*\bas\s+select\b|\bcreate\s+table\s+\w+\s+of\b", "CREATE TABLE AS, OF"),
)
SQL_BAN = (
    ("no-merge", r"\bmerge\s+into\b", "MERGE"),
    ("no-detach-concurrently", r"\bdetach\s+partition\b[^;]*\bconcurrently\b", "DETACH CONCURRENTLY"),
    ("no-temporary", r"\bcreate\s+(local\s+|global\s+)?temp(orary)?\s+table\b|\bon\s+commit\s+drop\b", "a temporary table"),
    ("no-cursor", r"\bwith\s+hold\b|\btablesample\b|\bcopy\s+\w+\s+(from|to)\b", "WITH HOLD, TABLESAMPLE, COPY"),
    ("planner-setting", r"\bset\s+(local\s+|session\s+)?(enable_\w+|plan_cache_mode|jit\w*|\w+_collapse_limit|work_mem)\b(?![^;$]*\bas\s+\$)"
     r"|\bset_config\(\s*'(enable_|plan_cache|jit|join_coll|from_coll|work_mem)",
     "planner settings are the connection's (hk/db.h), or stand in a function's head"),
    ("by-sqlstate", r"\bget\s+stacked\s+diagnostics\b[^;]*\b(constraint_name|table_name|column_name|schema_name|message_text)\b",
     "errors are told apart by SQLSTATE"),
)
C_BAN = (
    ("by-sqlstate", r"PG_DIAG_(TABLE_NAME|CONSTRAINT_NAME|COLUMN_NAME|SCHEMA_NAME)", "errors are told apart by SQLSTATE"),
)


class Faults:
    """Faults that growth.txt does not excuse."""

    def __init__(self, path):
        self.excused = {}
        self.needed = set()
        self.n = 0
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                key, _, reason = line.partition(" -- ")
                if len(key.split()) < 3 or not reason.strip():
                    self.say(f"{path.relative_to(root)}:{number}", "growth.txt", "RULE WHERE WHAT... -- reason")
                rule, where, *whats = key.split()
                self.excused.update({(rule, where, what): number for what in whats})

    def say(self, place, rule, text):
        self.n += 1
        print(f"{place}: {rule}: {text}")

    def found(self, place, rule, where, what, text):
        for key in ((rule, where, what), (rule, where, "*"), (rule, place.rsplit(":", 1)[0], what), (rule, place.rsplit(":", 1)[0], "*")):
            if key in self.excused:
                self.needed.add(key)
                return
        self.say(place, rule, f"{where}: {text}" if where else text)

    def end(self):
        for key, number in self.excused.items():
            if key not in self.needed:
                self.say(f"tests/lint/growth.txt:{number}", "growth.txt", f"nothing needs {' '.join(key)}")
        return self.n


def check_bans(faults, path, text, bans):
    for rule, pattern, why in bans:
        for match in re.finditer(pattern, text, re.IGNORECASE):
            line = text.count("\n", 0, match.start()) + 1
            what = re.sub(r"\s+", "_", match.group(0).strip())
            faults.found(f"{path}:{line}", rule, "", what, f"{why}: {match.group(0)!r}")


def first_column(words):
    return words[1] if len(words) > 1 and words[0] == "(" else None


def after(words, *wanted):
    """The words behind each place where `wanted` stand in a row."""
    for i in range(len(words) - len(wanted) + 1):
        if tuple(words[i:i + len(wanted)]) == wanted:
            yield words[i + len(wanted):]


def keys_of(words):
    """(kind, first column, has a name) of each key in the definition of a column or a constraint."""
    is_constraint = words[:1] in (["constraint"], ["primary"], ["unique"], ["foreign"], ["check"])
    has_name = words[:1] == ["constraint"]
    for kind, *wanted in (("PRIMARY KEY", "primary", "key"), ("UNIQUE", "unique"), ("FOREIGN KEY", "foreign", "key")):
        for rest in after(words, *wanted):
            yield kind, first_column(rest) if is_constraint else words[0], has_name
    for rest in after(words, "references"):
        column = first_column(rest[1:])
        if not is_constraint:
            yield "FOREIGN KEY", words[0], True
        elif column is not None:
            yield "REFERENCES", column, True


def check_keys(faults, place, table, part):
    words = [t for t in part if t not in ("if", "not", "exists", "nulls", "distinct")]
    for kind, column, has_name in keys_of(words):
        if column != "tenant_id":
            faults.found(place, "tenant-first", table, kind.replace(" ", "_") + f":{column}", f"{kind} does not begin with tenant_id")
        if kind == "FOREIGN KEY" and not has_name:
            faults.found(place, "named", table, kind.replace(" ", "_"), "a foreign key without a name")


PARTITIONED = {"event", "message", "attempt", "skip"}
FIRST_ON_CITUS = "0051"  # those before it make the schema, which is given to a cluster when it is complete
CONSTRAINTS = {"constraint", "check", "primary", "unique", "foreign", "references"}


def check_alter(faults, place, table, s, is_new):
    """ALTER TABLE. A schema of a Citus cluster takes one constraint at a time, by its name."""
    parts = s.parts_of(s.words[s.words.index(table) + 1:])
    added = [part[2 if part[1:2] == ["column"] else 1:] for part in parts if part[:1] == ["add"]]
    for part in added:
        check_keys(faults, place, table, part)
        if is_new and "check" in part and "constraint" not in part:
            faults.found(place, "named", table, "CHECK", "a CHECK without a name")
    if is_new and len(parts) > 1 and any(CONSTRAINTS & set(part) for part in parts):
        faults.found(place, "one-alter", table, "*", "a constraint shares its ALTER with something else")
    if is_new and re.search(r"\bset (storage|statistics)\b|\balter constraint\b", " ".join(s.words)):
        faults.found(place, "alter-kind", table, "*", "SET STORAGE, SET STATISTICS or ALTER CONSTRAINT")
    if table in PARTITIONED and "references" in s.words:
        faults.found(place, "no-key-of-log", table, "*", "a foreign key of what retention drops by partitions")


def check_unique_index(faults, place, words):
    at = words.index("on")
    rest = words[at + 4:] if words[at + 2:at + 3] == ["using"] else words[at + 2:]
    if words[at + 1] not in OF_THE_CELL and first_column(rest) != "tenant_id":
        faults.found(place, "tenant-first", words[at + 1], f"index:{words[3]}", "a unique index does not begin with tenant_id")


def check_migration(faults, path, statements, is_new):
    for s in statements:
        words = [w for w in s.words if w not in ("if", "exists", "only", "not")]
        place = f"{path}:{s.line}"
        if words[:2] == ["create", "table"] and words[3:4] == ["("] and words[2] not in OF_THE_CELL:
            for part in s.parts_of(words[3:]):
                check_keys(faults, place, words[2], part)
        elif words[:2] == ["alter", "table"] and words[2:3] and words[2] not in OF_THE_CELL:
            check_alter(faults, place, words[2], s, is_new)
        elif words[:3] == ["create", "unique", "index"]:
            check_unique_index(faults, place, words)


def of_conflicts(s):
    """Calls in DO UPDATE of what is not immutable: a cluster refuses them there."""
    for i in range(len(s.words) - 1):
        depth, at = 0, i + 2
        while s.words[i:i + 2] == ["do", "update"] and at < len(s.words) and depth >= 0 and s.words[at] != "returning":
            depth += (s.words[at] == "(") - (s.words[at] == ")")
            if s.words[at] in VOLATILE | {"now", "current_setting"} and s.words[at + 1:at + 2] == ["("]:
                yield s.words[at], s.lines[at]
            at += 1


def check_statement(faults, path, s, tables):
    for r in relations(s, tables):
        place = f"{path}:{r.line}"
        if r.kind == "insert" and r.table not in OF_THE_CELL and r.first_column != "tenant_id":
            faults.found(place, "relation", s.name, f"into:{r.table}", f"INSERT INTO {r.table} does not begin with tenant_id")
        elif r.kind != "insert" and r.table not in OF_THE_CELL and not r.is_bound:
            what = r.table if r.alias == r.table else f"{r.table}:{r.alias}"
            faults.found(place, "relation", s.name, what, f"{r.table} {r.alias} does not carry the tenant")
    for word, line in of_conflicts(s):
        faults.found(f"{path}:{line}", "conflict", s.name, word, f"{word}() in DO UPDATE: excluded has the value that a default would give")
    if path in HOT:
        for word, following in zip(s.words, s.words[1:]):
            if word in VOLATILE and following == "(":
                faults.found(f"{path}:{s.line}", "volatile", s.name, word, f"{word}() where a parameter should be")
            if word in ("into", "update") and following in OF_THE_CELL | {"tenant", "profile"}:
                faults.found(f"{path}:{s.line}", "hot-writes-directory", s.name, following, f"writes {following}")


def check_file(faults, path, text, tables, is_new):
    bare = without_comments(text)
    statements = read_statements(Scan(text))
    check_bans(faults, path, bare, SQL_BAN + (MIGRATIONS_BAN if path.startswith("migrations/") else ()))
    if re.match(r"migrations/\d", path):
        check_migration(faults, path, statements, is_new)
    else:
        for s in statements:
            check_statement(faults, path, s, tables)


def tables_of(files):
    found = set()
    for file in files:
        found.update(re.findall(r"\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?(\w+)", without_comments(file.read_text()), re.IGNORECASE))
    return found


def check_tree():
    faults = Faults(root / "tests/lint/growth.txt")
    numbered = sorted(root.glob("migrations/[0-9]*.sql"))
    tables = tables_of(numbered)
    functions = sorted(root.glob("migrations/repeatable/*.sql"))
    for file in numbered + functions + sorted(root.glob("api/**/*.sql")) + sorted(root.glob("worker/*.sql")):
        check_file(faults, str(file.relative_to(root)), file.read_text(), tables, file.name >= FIRST_ON_CITUS)
    for folder in ("api", "worker", "lib"):
        for file in sorted((root / folder).rglob("*.[ch]")):
            bare = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), file.read_text(), flags=re.S)
            check_bans(faults, str(file.relative_to(root)), bare, C_BAN)
    return faults.end()


class Found(Faults):
    """What is found in growth_faults.sql, where nothing is excused."""

    def __init__(self):
        self.rules = {}

    def found(self, place, rule, where, what, text):
        self.rules.setdefault(int(place.rsplit(":", 1)[1]), set()).add(rule)


def check_the_check():
    """Each line of growth_faults.sql that says "-- finds RULE" is found, and no other."""
    file = root / "tests/lint/growth_faults.sql"
    text, found, wrong = file.read_text(), Found(), 0
    tables = tables_of(sorted(root.glob("migrations/[0-9]*.sql")))
    migration, _, statements = text.partition("-- statements\n")
    check_file(found, "migrations/9999_x.sql", migration, tables, True)
    check_file(found, "worker/claim.sql", "\n" * migration.count("\n") + "\n" + statements, tables, True)
    for number, line in enumerate(text.splitlines(), 1):
        wanted = set(line.partition("-- finds ")[2].split())
        if found.rules.get(number, set()) != wanted:
            print(f"tests/lint/growth_faults.sql:{number}: {sorted(wanted)} wanted, {sorted(found.rules.get(number, set()))} found")
            wrong += 1
    return wrong


sys.exit(1 if check_the_check() + check_tree() else 0)
