/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/isolation_world.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/inlet.h"

const struct owner owner_missing = {.n_ids = 0};

/* ---- ids ---- */

static void own(struct owner *o, const char *name, const char *id)
{
    assert_true(o->n_ids < MAX_IDS);
    o->ids[o->n_ids].name = name;
    o->ids[o->n_ids++].id = id;
}

static const char *missing_id(const char *name, size_t n)
{
    static const struct {
        const char *name, *id;
    } others[] = {{"key", "code"}, {"name", "no-such-type"}, {"attempt_no", "1"}};

    for (size_t i = 0; i < HK_COUNTOF(others); i++) {
        if (strlen(others[i].name) == n && memcmp(others[i].name, name, n) == 0)
            return others[i].id;
    }
    return n > 3 && memcmp(name + n - 3, "_id", 3) == 0 ? "0192aaaa-bbbb-7ccc-8ddd-eeeeeeeeee01"
                                                        : "no-such-thing";
}

static const char *id_of(const struct owner *o, const char *name, size_t n)
{
    if (o->any != NULL)
        return o->any;
    if (o == &owner_missing)
        return missing_id(name, n);
    for (unsigned i = 0; i < o->n_ids; i++) {
        if (strlen(o->ids[i].name) == n && memcmp(o->ids[i].name, name, n) == 0)
            return o->ids[i].id;
    }
    return NULL;
}

const char *path_of(struct harness *h, const struct listed_route *route, const struct owner *o)
{
    const char *path = "", *rest = route->path;

    while (*rest != '\0') {
        size_t n = strcspn(rest + 1, "/");
        const char *id = rest[1] == ':' ? id_of(o, rest + 2, n - 1) : NULL;

        if (rest[1] == ':' && id == NULL)
            return NULL;
        path = id == NULL ? http_text(h->http, "%s/%.*s", path, (int)n, rest + 1)
                          : http_text(h->http, "%s/%s", path, id);
        rest += n + 1;
    }
    return path;
}

void assert_shows_nothing_of(const struct reply *reply, const struct owner *o)
{
    for (unsigned i = 0; i < o->n_ids; i++) {
        if (strlen(o->ids[i].id) > 5 && strstr(reply->body, o->ids[i].id) != NULL)
            fail_test("%s shows a foreign %s: %s", reply->request, o->ids[i].name, o->ids[i].id);
    }
}

/* ---- given ---- */

static const char *first_id(struct harness *h, const char *key, const char *path, const char *at)
{
    struct reply reply = api_call(h, key, "GET", path, NULL);

    assert_status(reply, 200);
    return reply_text(&reply, at);
}

/* Of what a POST without a body makes. */
static const char *made_id(struct harness *h, const char *key, const char *path)
{
    struct reply reply = api_call(h, key, "POST", path, NULL);

    assert_status(reply, 201);
    return reply_text(&reply, "id");
}

/* One that has ended: a worker would change its row while a test compares all of them. */
static const char *given_backfill(struct harness *h, const struct tenant *t,
                                  const char *subscription_id)
{
    struct reply reply = api_call(
        h, t->admin, "POST", http_text(h->http, "/v1/subscriptions/%s/backfill", subscription_id),
        "{\"days\": 1}");
    const char *id;

    assert_status(reply, 201);
    id = reply_text(&reply, "id");
    reply = api_call(h, t->admin, "POST", http_text(h->http, "/v1/backfills/%s/cancel", id), NULL);
    assert_status(reply, 200);
    return id;
}

/* The same of the partner's own. */
static const char *given_replay(struct harness *h, const struct tenant *t, const char *partner)
{
    const char *key = given_key(h, t, "partner", partner), *id;
    struct reply reply = api_call(h, key, "POST", "/v1/replays", "{\"q\": \"status:failed\"}");

    assert_status(reply, 201);
    id = reply_text(&reply, "id");
    reply = api_call(h, key, "POST", http_text(h->http, "/v1/replays/%s/cancel", id), NULL);
    assert_status(reply, 200);
    return id;
}

/* What belongs to a partner: its app with a field, connected to a company, subscribed; one event is
 * sent. */
static struct owner given_partners(struct harness *h, const struct tenant *t, const char *partner,
                                   const char *company, const char *type)
{
    const char *app_id = given_app(h, t, partner), *message_id, *subscription_id;
    struct inlet inlet;
    struct owner o = {.any = NULL};
    struct reply reply;

    own(&o, "app_id", app_id);
    reply = api_call(h, t->admin, "POST", http_text(h->http, "/v1/apps/%s/custom_fields", app_id),
                     "{\"key\": \"code\", \"type\": \"text\"}");
    assert_status(reply, 201);
    own(&o, "key", "code");
    own(&o, "connection_id", given_connection(h, t, app_id, company));
    subscription_id = given_subscription(h, t, app_id, "/a", type).id;
    own(&o, "subscription_id", subscription_id);
    own(&o, "webhook_id", subscription_id); /* as Basiq's paths and REST hooks call it */
    own(&o, "hook_id", subscription_id);
    own(&o, "secret_id",
        first_id(h, t->admin, http_text(h->http, "/v1/subscriptions/%s/secrets", subscription_id),
                 "data.0.id"));
    own(&o, "event_id", publish(h, t, type, company, "{}"));
    own(&o, "backfill_id", given_backfill(h, t, subscription_id));
    own(&o, "replay_id", given_replay(h, t, partner));
    message_id =
        first_id(h, t->admin, http_text(h->http, "/v1/messages?app_id=%s", app_id), "data.0.id");
    own(&o, "message_id", message_id);
    own(&o, "attempt_no", "1");
    api_wait_for(h, t->admin, http_text(h->http, "/v1/messages/%s", message_id), "status",
                 "succeeded", 10000);
    inlet = given_inlet(h, t, app_id, "{\"kind\": \"none\"}", NULL, ", \"delivery\": \"pull\"");
    own(&o, "flow_id", inlet.id);
    own(&o, "run_id", inlet_run(h, t, &inlet, "application/json", "{}"));
    return o;
}

static void given_client(struct harness *h, const struct tenant *t, struct owner *o)
{
    struct reply reply =
        api_call(h, t->admin, "POST", "/v1/clients", "{\"name\": \"x\", \"role\": \"support\"}");

    assert_status(reply, 201);
    own(o, "client_id", reply_text(&reply, "id"));
    own(o, "client_secret_id", reply_text(&reply, "secrets.0.id"));
}

static void given_issuer(struct harness *h, const struct tenant *t, struct owner *o)
{
    struct reply reply = api_call(
        h, t->admin, "POST", "/v1/issuers",
        "{\"issuer\": \"i\", \"jwks_uri\": \"https://idp.example.com/\", \"audience\": \"a\","
        " \"algorithms\": [\"EdDSA\"], \"role\": \"admin\"}");

    assert_status(reply, 201);
    own(o, "issuer_id", reply_text(&reply, "id"));
}

static const char *made_user(struct harness *h, const struct tenant *t)
{
    struct reply reply =
        api_call(h, t->admin, "POST", "/v1/users",
                 "{\"email\": \"a@example.com\", \"name\": \"a\", \"role\": \"support\"}");

    assert_status(reply, 201);
    return reply_text(&reply, "id");
}

/* What belongs to a tenant as a whole, which no partner is an owner of. */
static void given_tenants(struct harness *h, const struct tenant *t, const char *type,
                          struct owner *o)
{
    struct reply reply;

    own(o, "tenant_id", t->id);
    own(o, "key_id", first_id(h, t->admin, "/v1/keys", "data.0.id"));
    own(o, "company_id", first_id(h, t->admin, "/v1/companies", "data.0.id"));
    own(o, "company", first_id(h, t->admin, "/v1/companies", "data.0.external_id"));
    own(o, "name", type);
    given_client(h, t, o);
    given_issuer(h, t, o);
    own(o, "version", "1");
    own(o, "user_id", made_user(h, t));
    own(o, "tenant_secret_id", made_id(h, t->admin, "/v1/tenant/secrets"));
    own(o, "profile", http_text(h->http, "profile-of-%s", type));
    reply = api_call(h, t->admin, "POST", "/v1/profiles", "{\"name\": \"profile-of-%s\"}", type);
    assert_status(reply, 201);
}

void given_world(struct harness *h, struct world *ret)
{
    static const struct {
        const char *company, *type;
    } mine = {"c1", "type-mine"}, foreign = {"c-foreign", "type-foreign"},
      neighbour = {"c2", "type-next"};
    struct tenant *other = given_tenant(h), *t = given_tenant(h);

    (void)given_company(h, t, mine.company);
    (void)given_company(h, t, neighbour.company);
    (void)given_company(h, other, foreign.company);
    given_event_type(h, t, mine.type);
    given_event_type(h, t, neighbour.type);
    given_event_type(h, other, foreign.type);
    ret->t = t;
    ret->own = given_partners(h, t, "acme", mine.company, mine.type);
    given_tenants(h, t, mine.type, &ret->own);
    ret->foreign_tenant = given_partners(h, other, "acme", foreign.company, foreign.type);
    given_tenants(h, other, foreign.type, &ret->foreign_tenant);
    ret->foreign_partner = given_partners(h, t, "other", neighbour.company, neighbour.type);
    ret->n_routes = list_routes(h, ret->routes, MAX_ROUTES);
}

/* ---- requests ---- */

const char *body_of(const struct listed_route *route)
{
    static const struct {
        const char *method, *path, *body;
    } bodies[] = {
        {"POST", "/v1/tenants", "{\"name\": \"x\"}"},
        {"PATCH", "/v1/tenant", "{\"name\": \"x\"}"},
        {"POST", "/v1/keys", "{\"name\": \"x\", \"role\": \"producer\"}"},
        {"POST", "/v1/clients", "{\"name\": \"x\", \"role\": \"producer\"}"},
        {"POST", "/v1/issuers",
         "{\"issuer\": \"https://i.example/\", \"jwks_uri\": "
         "\"https://i.example/keys\", \"audience\": \"x\", \"role\": \"support\"}"},
        {"POST", "/v1/users",
         "{\"email\": \"x@example.com\", \"name\": \"x\", \"role\": \"support\"}"},
        {"POST", "/v1/apps", "{\"name\": \"x\", \"partner\": \"acme\"}"},
        {"POST", "/v1/companies", "{\"external_id\": \"x\", \"name\": \"x\"}"},
        {"POST", "/v1/companies/import",
         "{\"companies\": [{\"external_id\": \"y\", \"name\": \"y\"}]}"},
        {"PUT", "/v1/companies/by_external_id/:company", "{\"name\": \"z\"}"},
        {"POST", "/v1/event_types", "{\"name\": \"x\", \"sample\": {}}"},
        {"POST", "/v1/event_types/import", "{\"event_types\": [{\"name\": \"y\"}]}"},
        {"POST", "/v1/event_types/import_openapi",
         "{\"openapi\": \"3.1.0\", \"webhooks\": {\"z\": {\"post\": {}}}}"},
        {"POST", "/v1/profiles", "{\"name\": \"x\", \"base\": \"standard\"}"},
        {"PATCH", "/v1/tenants/:tenant_id", "{\"name\": \"x\"}"},
        {"POST", "/v1/tenants/:tenant_id/keys", "{\"name\": \"x\"}"},
        {"PATCH", "/v1/keys/:key_id", "{\"name\": \"x\"}"},
        {"PATCH", "/v1/users/:user_id", "{\"name\": \"x\"}"},
        {"PATCH", "/v1/apps/:app_id", "{\"name\": \"x\"}"},
        {"POST", "/v1/apps/:app_id/custom_fields", "{\"key\": \"x\", \"type\": \"text\"}"},
        {"PATCH", "/v1/apps/:app_id/custom_fields/:key", "{\"label\": \"x\"}"},
        {"PATCH", "/v1/companies/:company_id", "{\"name\": \"x\"}"},
        {"POST", "/v1/apps/:app_id/connections", "{\"companies\": [{\"company\": \"c1\"}]}"},
        {"PATCH", "/v1/connections/:connection_id", "{\"values\": {\"code\": \"x\"}}"},
        {"POST", "/v1/event_types/:name/validate", "{\"payload\": {}}"},
        {"PATCH", "/v1/event_types/:name", "{\"description\": \"x\"}"},
        {"POST", "/v1/apps/:app_id/subscriptions",
         "{\"url\": \"https://e.com/\", \"event_types\": [\"type-mine\"]}"},
        {"PATCH", "/v1/issuers/:issuer_id", "{\"audience\": \"x\"}"},
        {"PATCH", "/v1/clients/:client_id", "{\"name\": \"x\"}"},
        {"PATCH", "/v1/profiles/:profile", "{\"timeout_ms\": 2000}"},
        {"PATCH", "/v1/subscriptions/:subscription_id", "{\"description\": \"x\"}"},
        {"POST", "/v1/subscriptions/:subscription_id/backfill", "{\"days\": 1}"},
        {"POST", "/v1/flows/:flow_id/ack", "{\"receipts\": [\"x\"]}"},
        {"POST", "/v1/flows/:flow_id/nack", "{\"receipts\": [\"x\"]}"},
        {"PATCH", "/v1/flows/:flow_id", "{\"name\": \"x\"}"},
        {"POST", "/v1/replays", "{\"q\": \"status:failed\"}"},
        {"POST", "/v1/subscriptions/:subscription_id/preview", "{\"payload\": {}}"},
        {"POST", "/v1/events/:event_id/expunge", "{\"reason\": \"x\"}"},
        {"POST", "/v1/events/:event_id/unmask", "{\"reason\": \"x\"}"},
        {"POST", "/v1/messages/:message_id/attempts/:attempt_no/unmask", "{\"reason\": \"x\"}"},
        {"POST", "/notifications/webhooks/:webhook_id", "{\"description\": \"x\"}"},
    };

    for (size_t i = 0; i < HK_COUNTOF(bodies); i++) {
        if (strcmp(route->method, bodies[i].method) == 0 &&
            strcmp(route->path, bodies[i].path) == 0)
            return bodies[i].body;
    }
    return NULL;
}
