#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Says where an operation of docs/openapi.yaml is not described as its like are.

    tests/lint/openapi_operations.py ROUTES    what `hookline-api --print-routes` prints

An operation names its scope and the roles that have it; it lists the statuses, header fields and parameters that
follow from what it is: secured, with a body, an object in the path, a change, repeatable. Prints a line for each fault.
"""
import pathlib
import re
import sys

import yaml

root = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("get", "put", "post", "delete", "patch")
ALWAYS = {400, 406, 414, 431}
SECURED = {401, 403, 422, 429, 500, 503}
BODY = {413, 415}
LIMITS = {"RateLimit-Policy", "RateLimit"}
# POSTs that store nothing: there is nothing to be done twice. And those whose replies are for once only.
STORE_NOTHING = {"validatePayload", "sendTestMessages", "sendBasiqTestMessages", "verifySubscription", "testSubscription", "previewRequest",
                 "unmaskEvent", "unmaskAttempt", "receiveRuns", "testFlow"}
# Media types and schemas whose replies need no example: pages are made of objects that have one.
NO_EXAMPLE = re.compile(r"text/|application/x-ndjson|.*List$|^$")


class Document:
    def __init__(self):
        self.all = yaml.safe_load((root / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
        text = (root / "api" / "auth" / "scopes.def").read_text(encoding="utf-8")
        rows = re.findall(r'^SCOPE\(\w+,\s*"([^"]+)",\s*([A-Z_| ]+)\)', text, re.MULTILINE)
        self.roles = {name: ", ".join(role.strip().lower() for role in roles.split("|")) for name, roles in rows}

    def follow(self, thing):
        while "$ref" in thing:
            at = self.all
            for name in thing["$ref"][2:].split("/"):
                at = at[name]
            thing = at
        return thing

    def has_example(self, content):
        if "example" in content or "examples" in content:
            return True
        schema = content["schema"]
        return all(bool(self.follow(part).keys() & {"example", "examples"}) for part in schema.get("oneOf", [schema]))


def statuses(operation, path, method, is_secured, parameters):
    """What it may answer, as far as that follows from what it is."""
    wanted = ALWAYS | (SECURED if is_secured else set())
    if path.startswith("/in/"):  # whatever other systems send: it takes any Accept, and nothing of ours is changed
        return wanted - {406} | BODY | {401, 404}
    if "requestBody" in operation:
        wanted |= BODY
    if "{" in path:
        wanted |= {404}
    if method == "patch" or "If-Match" in parameters:
        wanted |= {412}
    if "If-None-Match" in parameters:
        wanted |= {304}
    if "Idempotency-Key" in parameters:
        wanted |= {409}
    return wanted


def success_faults(document, operation, method, is_secured, parameters):
    for status, response in operation["responses"].items():
        if not status.startswith("2"):
            continue
        response = document.follow(response)
        headers = response.get("headers", {}).keys()
        wanted = {"X-Request-Id"} | (LIMITS if is_secured else set())
        if "If-None-Match" in parameters or (method == "patch" and status == "200"):
            wanted |= {"ETag"}
        if "Idempotency-Key" in parameters:
            wanted |= {"Idempotency-Replayed"}
        if "cursor" in parameters:
            wanted |= {"Link"}
        yield from (f"{status} without the header {name}" for name in sorted(wanted - headers))
        for kind, content in response.get("content", {}).items():
            name = content["schema"].get("$ref", "").split("/")[-1]
            if not (NO_EXAMPLE.match(kind) or NO_EXAMPLE.match(name) or document.has_example(content)):
                yield f"{status} {name} without an example"


def faults(document, path, method, operation, scope):
    text = operation.get("description", "")
    is_secured = scope != "public"
    found = re.findall(r"Scope `[^\n]*", text)
    wanted = [f"Scope `{scope}`: {document.roles[scope]}."] if is_secured else []
    if found != wanted:
        yield f"says {found} instead of {wanted}"
    parameters = {}
    for parameter in map(document.follow, operation.get("parameters", [])):
        parameters[parameter["name"]] = parameter
        if "description" not in parameter:
            yield f"parameter {parameter['name']} without a description"
    missing = statuses(operation, path, method, is_secured, parameters) - {int(s) for s in operation["responses"] if s.isdigit()}
    if missing:
        yield f"without {sorted(missing)}"
    if list(operation["responses"]) != sorted(operation["responses"]):
        yield "its responses are not in order"
    is_repeatable = is_secured and scope != "session" and operation["operationId"] not in STORE_NOTHING
    if method == "post" and is_repeatable != ("Idempotency-Key" in parameters):
        yield "Idempotency-Key: " + ("missing" if is_repeatable else "nothing would be remembered")
    if method == "patch" and "If-Match" not in parameters and not path.startswith("/in/"):
        yield "without If-Match"
    if not is_secured and "security" not in operation:
        yield "public, and without a security of its own"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if not document.has_example(content):
            yield f"body {kind} without an example"
    yield from success_faults(document, operation, method, is_secured, parameters)


def scope_faults(document):
    """The scopes that the document lists are those of api/auth/scopes.def, with their roles."""
    listed = document.all["components"]["securitySchemes"]["oauth"]["flows"]["clientCredentials"]["scopes"]
    if list(listed) != list(document.roles):
        yield "the scopes of oauth are not those of api/auth/scopes.def, in its order"
    for name, text in listed.items():
        if not text.endswith(f" Roles: {document.roles.get(name)}."):
            yield f"scope {name}: does not end with its roles"


def tag_faults(document):
    named = [tag["name"] for tag in document.all["tags"]]
    used = {tag for item in document.all["paths"].values() for method in METHODS for tag in item.get(method, {}).get("tags", [])}
    used |= {tag for item in document.all["webhooks"].values() for tag in item["post"]["tags"]}
    yield from (f"tag {name}: not described or not used" for name in sorted(set(named) ^ used))


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__)
    document = Document()
    scopes = {}
    for line in pathlib.Path(arguments[0]).read_text(encoding="utf-8").splitlines():
        method, path, scope = line.split(" ", 2)
        scopes[method.lower(), re.sub(r":(\w+)", r"{\1}", path)] = scope
    found = [*scope_faults(document), *tag_faults(document)]
    for path, item in document.all["paths"].items():
        for method in METHODS:
            if method in item and (method, path) in scopes:
                fault = faults(document, path, method, item[method], scopes[method, path])
                found += [f"{method.upper()} {path}: {text}" for text in fault]
    print("".join(f"docs/openapi.yaml: {text}\n" for text in found), end="")
    sys.exit(bool(found))


main(sys.argv[1:])
