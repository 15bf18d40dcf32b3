/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/past.h"

#include <string.h>

void past_week(struct harness *h, unsigned days)
{
    (void)db_text(
        h,
        "DO $$ DECLARE parent text; name text;"
        " monday timestamptz := date_trunc('week', now() - interval '%u days', 'UTC');"
        " BEGIN SET LOCAL search_path = hookline;"
        " FOREACH parent IN ARRAY ARRAY['event', 'message', 'attempt', 'skip'] LOOP"
        "   name := partition_name(parent, monday);"
        "   CONTINUE WHEN to_regclass(name) IS NOT NULL;"
        /* Attached, as partition_create() does: nothing that runs beside it meets a deadlock. */
        "   EXECUTE format('CREATE TABLE %%I (LIKE %%I INCLUDING ALL)', name, parent);"
        "   EXECUTE format('ALTER TABLE %%I ATTACH PARTITION %%I FOR VALUES FROM (%%L) TO (%%L)',"
        "     parent, name, uuid_v7_floor(monday), uuid_v7_floor(monday + interval '7 days'));"
        " END LOOP; END $$",
        days);
}

static const char *make_events(struct harness *h, const struct tenant *t,
                               const char *subscription_id, unsigned days, unsigned n,
                               const char *status)
{
    bool is_held = strcmp(status, "held") == 0;

    past_week(h, days);
    return db_text(
        h,
        "WITH s AS (SELECT s.*, c.id AS connection_id, c.company_id FROM hookline.subscription s"
        "  JOIN hookline.connection c ON c.tenant_id = s.tenant_id AND c.app_id = s.app_id"
        "  WHERE s.tenant_id = '%s' AND s.id = '%s' ORDER BY c.id LIMIT 1),"
        /* A millisecond holds many: what is behind it is not looked at. */
        " g AS MATERIALIZED (SELECT s.*, (left(hookline.uuid_v7_floor(now() - interval '%u "
        "days')::text, 15)"
        "    || right(gen_random_uuid()::text, 21))::uuid AS event_id, i FROM s, "
        "generate_series(1, %u) i),"
        " e AS (INSERT INTO hookline.event (tenant_id, id, event_type, company_id, external_id, "
        "payload)"
        "   SELECT tenant_id, event_id, 'order.paid', company_id, 'past-' || event_id,"
        "   '{\"past\": %u}' FROM g),"
        " k AS (INSERT INTO hookline.event_key (tenant_id, external_id, event_id)"
        "   SELECT tenant_id, 'past-' || event_id, event_id FROM g),"
        " m AS (INSERT INTO hookline.message (tenant_id, id, event_id, subscription_id,"
        "   connection_id, status, attempts, finished_at)"
        "   SELECT tenant_id, hookline.message_id(event_id, id), event_id, id, connection_id, "
        "'%s', 1,"
        "   CASE WHEN '%s' = 'held' THEN NULL ELSE hookline.uuid_v7_time(event_id) END FROM g),"
        " a AS (INSERT INTO hookline.attempt (tenant_id, message_id, attempt_no, started_at, url,"
        "   outcome, duration_us, worker, recorded_at)"
        "   SELECT tenant_id, hookline.message_id(event_id, id), 1, now(), url, 'timeout', 1, 'w',"
        "   hookline.uuid_v7_time(event_id) FROM g),"
        " q AS (INSERT INTO hookline.queue (tenant_id, subscription_id, message_id, due_at, "
        "attempts)"
        "   SELECT tenant_id, id, hookline.message_id(event_id, id), 'infinity', 1 FROM g WHERE "
        "%s),"
        " x AS (INSERT INTO hookline.skip (tenant_id, event_id, subscription_id, connection_id, "
        "reason)"
        "   SELECT tenant_id, event_id, id, connection_id, 'type_not_selected' FROM g)"
        " SELECT event_id FROM g LIMIT 1",
        t->id, subscription_id, days, n, days, status, status, is_held ? "true" : "false");
}

const char *past_event(struct harness *h, const struct tenant *t, const char *subscription_id,
                       unsigned days, const char *status)
{
    return make_events(h, t, subscription_id, days, 1, status);
}

void past_events(struct harness *h, const struct tenant *t, const char *subscription_id,
                 unsigned days, unsigned n)
{
    (void)make_events(h, t, subscription_id, days, n, "succeeded");
}
