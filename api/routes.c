/* SPDX-License-Identifier: Apache-2.0 */
/* routes.c - the API on one screen: the tables that api/resources/ and their neighbours declare. */
#include "api/auth/oauth.h"
#include "api/http/docs.h"
#include "api/http/health.h"
#include "api/http/route.h"
#include "api/inbound/inbound.h"
#include "api/publish/ingest.h"
#include "api/publish/payload_try.h"
#include "api/resources/resources.h"

/* One a line, whatever clang-format thinks: they are added by many. */
/* clang-format off */
const struct route *const route_tables[] = {
    ingest_routes, /* looked for from the top: what is asked for most */
    health_routes,
    docs_routes,
    inbound_routes,
    tenants_routes,
    tenant_secrets_routes,
    keys_routes,
    clients_routes,
    issuers_routes,
    signing_keys_routes,
    oauth_routes,
    well_known_routes,
    users_routes,
    sessions_routes,
    audit_log_routes,
    apps_routes,
    custom_fields_routes,
    companies_routes,
    connections_routes,
    event_types_routes,
    payload_try_routes,
    profiles_routes,
    subscriptions_routes,
    subscription_secrets_routes,
    backfills_routes,
    events_routes,
    exports_routes, /* before the messages: "export" is none */
    messages_routes,
    attempts_routes,
    replays_routes,
    tail_routes,
    basiq_routes,
    hooks_routes,
    flows_routes,
    runs_routes,
    gaps_routes,
    stats_routes,
    test_messages_routes,
    previews_routes,
    payloads_routes,
    NULL,
};
/* clang-format on */
