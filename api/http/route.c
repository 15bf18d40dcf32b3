/* SPDX-License-Identifier: Apache-2.0 */
/* route.c - finding a route, and refusing tables that contradict themselves. */
#include "api/http/route.h"

#include <stdio.h>

/* Takes the segment up to the next '/'; false when the text is used up. Text begins with '/'. */
static bool next_segment(struct hk_str *text, struct hk_str *ret)
{
    const char *slash;

    if (text->n == 0)
        return false;
    text->p++;
    text->n--;
    slash = memchr(text->p, '/', text->n);
    *ret = (struct hk_str){text->p, slash == NULL ? text->n : (size_t)(slash - text->p)};
    text->p += ret->n;
    text->n -= ret->n;
    return true;
}

static bool path_matches(const struct route *route, struct hk_str path, struct route_match *ret)
{
    struct hk_str pattern = hk_str(route->path), wanted, given;

    ret->route = route;
    ret->n_params = 0;
    while (next_segment(&pattern, &wanted)) {
        if (!next_segment(&path, &given))
            return false;
        if (wanted.n > 0 && wanted.p[0] == ':') {
            if (given.n == 0)
                return false;
            ret->params[ret->n_params].name = (struct hk_str){wanted.p + 1, wanted.n - 1};
            ret->params[ret->n_params++].value = given;
        } else if (!hk_str_eq(wanted, given)) {
            return false;
        }
    }
    return path.n == 0 || (route->takes_slash && hk_str_eq(path, HK_STR("/")));
}

static void add_allowed(char allow[64], const char *method)
{
    size_t n = strlen(allow);

    if (strstr(allow, method) != NULL) /* another pattern has told already */
        return;
    (void)snprintf(allow + n, 64 - n, "%s%s", n == 0 ? "" : ", ", method);
}

enum hk_code route_find(struct hk_str method, struct hk_str path, struct route_match *ret,
                        char ret_allow[64])
{
    struct hk_str wanted = hk_str_eq(method, HK_STR("HEAD")) ? HK_STR("GET") : method;

    ret_allow[0] = '\0';
    if (path.n == 0 || path.p[0] != '/')
        return HK_NOT_FOUND;
    for (size_t table = 0; route_tables[table] != NULL; table++) {
        for (const struct route *route = route_tables[table]; route->method != NULL; route++) {
            if (!path_matches(route, path, ret))
                continue;
            if (hk_str_eq(wanted, hk_str(route->method)))
                return HK_OK;
            add_allowed(ret_allow, route->method);
            if (strcmp(route->method, "GET") == 0)
                add_allowed(ret_allow, "HEAD");
        }
    }
    if (ret_allow[0] == '\0')
        return HK_NOT_FOUND;
    add_allowed(ret_allow, "OPTIONS");
    return HK_METHOD_NOT_ALLOWED;
}

static bool complain(const struct route *route, const char *what, const char *name)
{
    (void)fprintf(stderr, "route %s %s: %s%s%s\n", route->method, route->path, what,
                  name == NULL ? "" : ": ", name == NULL ? "" : name);
    return false;
}

static bool has_path_param(const struct route *route, const char *name)
{
    struct route_match match;

    /* A pattern matches itself, and its parameters' values are then ":name". */
    if (!path_matches(route, hk_str(route->path), &match))
        return false;
    for (unsigned i = 0; i < match.n_params; i++) {
        if (hk_str_eq(match.params[i].name, hk_str(name)))
            return true;
    }
    return false;
}

static bool has_query_field(const struct route *route, const char *name)
{
    if (route->is_list && (strcmp(name, "limit") == 0 || strcmp(name, "cursor") == 0))
        return true;
    for (const struct query_field *field = route->query; field != NULL && field->name != NULL;
         field++) {
        if (strcmp(field->name, name) == 0)
            return true;
    }
    return false;
}

static bool bind_is_known(const struct route *route, const char *bind)
{
    switch (bind[0]) {
    case ':':
        return has_path_param(route, bind + 1);
    case '?':
        return has_query_field(route, bind + 1);
    case '=':
        return route->prepare != NULL || route->work != NULL;
    default:
        return strcmp(bind, "tenant") == 0 || strcmp(bind, "partner") == 0 ||
               strcmp(bind, "if_match") == 0 || (strcmp(bind, "body") == 0 && route->body != NULL);
    }
}

static bool path_params_are_bound(const struct route *route)
{
    struct route_match match;

    if (!path_matches(route, hk_str(route->path), &match))
        return complain(route, "the path does not match itself", NULL);
    for (unsigned p = 0; p < match.n_params; p++) {
        bool is_bound = route->handle != NULL || route->prepare != NULL;

        for (unsigned i = 0; i < route->stmt->n_params && !is_bound; i++)
            is_bound = route->bind[i][0] == ':' &&
                       hk_str_eq(hk_str(route->bind[i] + 1), match.params[p].name);
        if (!is_bound)
            return complain(route, "a path parameter that nothing binds", NULL);
    }
    return true;
}

static bool binds(const struct route *route, const char *bind)
{
    for (unsigned i = 0; i < HK_STMT_MAX_PARAMS && route->bind[i] != NULL; i++) {
        if (strcmp(route->bind[i], bind) == 0)
            return true;
    }
    return false;
}

static bool binds_are_sound(const struct route *route)
{
    for (unsigned i = 0; i < HK_STMT_MAX_PARAMS; i++) {
        const char *bind = route->bind[i];

        if ((bind != NULL) != (i < route->stmt->n_params))
            return complain(route, "the number of bindings is not the statement's",
                            route->stmt->name);
        if (bind != NULL && !bind_is_known(route, bind))
            return complain(route, "an unknown binding", bind);
    }
    if (route->scope != SCOPE_PUBLIC &&
        (route->bind[0] == NULL || strcmp(route->bind[0], "tenant") != 0))
        return complain(route, "the first binding must be \"tenant\"", NULL);
    if (strcmp(route->method, "PATCH") == 0 && !binds(route, "if_match"))
        return complain(route, "a PATCH that does not bind \"if_match\"", NULL);
    return path_params_are_bound(route);
}

static bool needs_max(const struct body_field *field)
{
    return field->type != BODY_BOOLEAN && field->type != BODY_OBJECT;
}

static bool body_is_sound(const struct route *route, const struct body_field *fields)
{
    for (const struct body_field *field = fields; field != NULL && field->name != NULL; field++) {
        bool wants_fields = field->type == BODY_OBJECT || field->type == BODY_OBJECT_LIST;

        if (field->type == 0)
            return complain(route, "a body field without a type", field->name);
        if (needs_max(field) && field->max <= 0)
            return complain(route, "a body field without a maximum", field->name);
        if (wants_fields != (field->fields != NULL))
            return complain(route, "a body field whose fields do not fit its type", field->name);
        if (!body_is_sound(route, field->fields))
            return false;
    }
    return true;
}

static bool route_is_sound(const struct route *route)
{
    if (route->scope == 0)
        return complain(route, "no scope", NULL);
    if (route->ok_status < 200 || route->ok_status > 299)
        return complain(route, "no status", NULL);
    if ((route->stmt == NULL) == (route->handle == NULL))
        return complain(route, "needs a statement or a handle, one of them", NULL);
    if (route->location != NULL && route->ok_status != 201 && strcmp(route->method, "PUT") != 0)
        return complain(route, "a location without 201", NULL);
    if (route->reads_log && (route->stmt == NULL || strcmp(route->method, "GET") != 0))
        return complain(route, "reads the log without a statement, or not by GET", NULL);
    return body_is_sound(route, route->body) && (route->stmt == NULL || binds_are_sound(route));
}

bool route_check_all(void)
{
    bool is_sound = true;

    for (size_t table = 0; route_tables[table] != NULL; table++) {
        for (const struct route *route = route_tables[table]; route->method != NULL; route++)
            is_sound = route_is_sound(route) && is_sound;
    }
    return is_sound;
}
