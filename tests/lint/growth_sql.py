# SPDX-License-Identifier: Apache-2.0
"""As much of SQL as growth.py needs: words, statements, scopes, and the relations that a statement names.

A body between dollar quotes is read as what is around it, so that functions are looked into. What EXECUTE runs is a
literal and is not.
"""
import re
from dataclasses import dataclass, field

WORD = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<string>[eE]?'(?:[^'\\]|''|\\.)*')|(?P<dollar>\$\w*\$)|(?P<param>\$\d+)"""
    r"""|(?P<quoted>"[^"]+")|(?P<name>[A-Za-z_]\w*)|(?P<number>\d[\w.]*)|(?P<cast>::)|(?P<newline>\n)|(?P<space>[ \t\r]+)|(?P<other>.)""",
    re.S)

ENDS_FROM = {"where", "group", "order", "having", "limit", "offset", "union", "except", "intersect", "returning", "window", "set", "select",
             "for", "loop", "then"}
NOT_AN_ALIAS = ENDS_FROM | {"on", "join", "left", "right", "inner", "cross", "full", "natural", "using", "as", "do", "default", "values",
                            "with", "when", "into", "and", "overriding", "tablesample"}
TAKES_FROM = {"extract", "trim", "substring", "overlay", "position"}


def without_comments(text):
    """The text, each comment as blank as it was long in lines."""
    return WORD.sub(lambda m: "\n" * m.group(0).count("\n") if m.group("comment") else m.group(0), text)


class Scan:
    """The words of a text, in lower case, with their lines; and what its statements are called."""

    def __init__(self, text):
        self.words, self.lines, self.names = [], [], {}
        line = 1
        for m in WORD.finditer(text):
            word = m.group(0)
            if m.lastgroup == "comment" and (named := re.match(r"-- name: (\w+)", word)):
                self.names[line] = named.group(1)
            if m.lastgroup in ("param", "name", "number", "cast", "other"):
                self.add(word.lower(), line)
            elif m.lastgroup == "quoted":
                self.add(word[1:-1].lower(), line)
            elif m.lastgroup == "string":
                self.add("'", line)
            line += word.count("\n")

    def add(self, word, line):
        if word == "function" and self.words[-1:] and self.words[-1] in ("create", "replace"):
            self.names[line] = None  # the next word is its name
        elif line in self.names and self.names[line] is None:
            self.names[line] = word
        self.words.append(word)
        self.lines.append(line)


@dataclass
class Statement:
    name: str
    words: list = field(default_factory=list)
    lines: list = field(default_factory=list)

    @property
    def line(self):
        return self.lines[0]

    @staticmethod
    def parts_of(words):
        """The list that begins with these words, in parentheses or not, cut at its commas."""
        if words[:1] == ["("]:
            words = words[1:]
        parts, depth = [[]], 0
        for word in words:
            depth += (word == "(") - (word == ")")
            if depth < 0:
                break
            if word == "," and depth == 0:
                parts.append([])
            else:
                parts[-1].append(word)
        return parts


def read_statements(scan):
    """The statements between semicolons, each with the name that was given last before it."""
    found, current = [], Statement("")
    name, named = "", sorted(scan.names.items())
    for word, line in zip(scan.words, scan.lines):
        while named and named[0][0] <= line:
            name = named.pop(0)[1]
        if word == ";":
            if current.words:
                found.append(current)
            current = Statement(name)
        else:
            current.name = name
            current.words.append(word)
            current.lines.append(line)
    return found + ([current] if current.words else [])


@dataclass
class Relation:
    table: str
    alias: str
    line: int
    kind: str
    first_column: str = ""
    is_bound: bool = False


def close_of(words):
    """For each word, where the parenthesis around it closes."""
    ends, opened = [len(words)] * len(words), []
    spans = []
    for i, word in enumerate(words):
        if word == "(":
            opened.append(i)
        elif word == ")" and opened:
            spans.append((opened.pop(), i))
    for start, end in sorted(spans, key=lambda s: s[0]):
        for i in range(start + 1, end):
            ends[i] = (start, end)
    return [e if isinstance(e, tuple) else (-1, len(words)) for e in ends]


def carries_tenant(words, alias, is_alone):
    """Whether alias.tenant_id is compared with something, or shared by USING."""
    for i, word in enumerate(words):
        if word != "tenant_id":
            continue
        is_qualified = words[i - 1:i] == ["."]
        if is_qualified and words[i - 2] != alias or not is_qualified and not is_alone and not (words[i - 2:i] == ["using", "("]):
            continue
        before = words[i - 3:i - 2] if is_qualified else words[i - 1:i]
        if words[i + 1:i + 2] in (["="], ["in"]) or before == ["="] or words[i - 2:i] == ["using", "("]:
            return True
        if before == ["("] and words[i + 1:i + 2] == [","]:
            return True  # (a.tenant_id, a.id) = (...)
    return False


def common_names(words):
    """Names of WITH: they hide tables."""
    return {words[i] for i in range(len(words) - 2)
            if words[i + 1] == "as" and words[i - 1:i] in (["with"], [","], ["recursive"])
            and (words[i + 2] == "(" or words[i + 2] in ("materialized", "not"))}


def starts_relation(words, i):
    """"select", "update", "insert", or None: what stands after words[i]."""
    word, before = words[i], words[i - 1] if i > 0 else ""
    if word in ("join", "using") and words[i + 1:i + 2] != ["("] and words[i + 2:i + 3] != ["="]:
        return "select"
    if word == "from" and before != "distinct":
        return "select"
    if word == "update" and before not in ("for", "do", "key", "on", "or", ","):
        return "update"
    if word == "into" and before == "insert":
        return "insert"
    return None


def is_call(words, start):
    return start > 0 and words[start - 1] in TAKES_FROM


def relations(statement, tables):
    """The tables that a statement reads or writes."""
    words, spans = statement.words, close_of(statement.words)
    hidden = common_names(words)
    in_from = set()
    for i, word in enumerate(words):
        span = spans[i]
        kind = starts_relation(words, i)
        if word == "from" and is_call(words, span[0]):
            continue
        if kind is None and word == "," and span in in_from:
            kind = "select"
        if word == "from":
            in_from.add(span)
        elif word in ENDS_FROM:
            in_from.discard(span)
        if kind is None:
            continue
        at = i + 1
        while words[at:at + 1] in (["only"], ["lateral"]):
            at += 1
        table = words[at] if at < len(words) else ""
        if table not in tables or table in hidden or words[at + 1:at + 2] in (["("] if kind != "insert" else ["."], ["."]):
            continue
        yield describe(statement, tables, kind, table, at)


def describe(statement, tables, kind, table, at):
    words = statement.words
    rest = words[at + 1:at + 3]
    alias = rest[1] if rest[:1] == ["as"] else rest[0] if rest and re.match(r"\w", rest[0]) and rest[0] not in NOT_AN_ALIAS else table
    relation = Relation(table, alias, statement.lines[at], kind)
    if kind == "insert":
        columns = words[at + 1 + (alias != table) * (1 + (rest[:1] == ["as"])):]
        relation.first_column = columns[1] if columns[:1] == ["("] else ""
    else:
        start, end = close_of(words)[at]
        relation.is_bound = carries_tenant(words[start + 1:end], alias, alias == table)
    return relation
