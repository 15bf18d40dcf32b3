-- Replays: messages that a query finds are sent again, or events that were missed become messages, at a rate, in steps
-- that the workers carry out: docs/adr/0034-replays.md.
-- Locks: none that anybody waits for: new tables. Time: instant.

CREATE TABLE replay (
    tenant_id         uuid NOT NULL CONSTRAINT replay_tenant REFERENCES tenant,
    id                uuid NOT NULL DEFAULT uuid_v7(),
    partner           text,    -- who asked for it: of its apps only; NULL: of all
    source            text NOT NULL CONSTRAINT replay_source CHECK (source IN ('search', 'recover', 'missed')),
    asked             json NOT NULL, -- the query, or whose since when, as it was asked for
    filter            jsonb,   -- of messages: message_search(); NULL: missed
    app_id            uuid,    -- of missed: of this app's subscriptions,
    subscription_id   uuid,    -- or of this one only,
    since             timestamptz, -- what they missed since then
    max_messages      integer NOT NULL CONSTRAINT replay_max_messages CHECK (max_messages BETWEEN 1 AND 500000), -- the newest ones
    has_todays_values boolean NOT NULL,
    has_own_id        boolean NOT NULL, -- its messages carry webhook-ids of their own
    rate_per_second   integer NOT NULL CONSTRAINT replay_rate CHECK (rate_per_second BETWEEN 1 AND 1000),
    runs_at_once      boolean NOT NULL, -- begins when it is planned
    state             text NOT NULL DEFAULT 'planning'
                      CONSTRAINT replay_state CHECK (state IN ('planning', 'planned', 'running', 'paused', 'cancelling',
                                                               'finished', 'cancelled')),
    state_reason      text,
    cursor            uuid,    -- planning has come down to it; cancelling up to it
    serving           uuid,    -- the subscription that the last step ended with
    n_looked_at       bigint NOT NULL DEFAULT 0,
    n_planned         integer NOT NULL DEFAULT 0, -- = n_replayed + n_skipped + those without an outcome
    n_replayed        integer NOT NULL DEFAULT 0,
    n_skipped         integer NOT NULL DEFAULT 0,
    n_cancelled       integer NOT NULL DEFAULT 0, -- of its messages, with it
    is_truncated      boolean NOT NULL DEFAULT false, -- there were more than max_messages
    plan              json,    -- how many by app and by hour; NULL: not planned
    skipped           jsonb NOT NULL DEFAULT '{}', -- how many by reason
    paced_at          timestamptz, -- up to when the rate is used up
    n_pauses          integer NOT NULL DEFAULT 0, -- steps in a row that had to wait
    due_at            timestamptz DEFAULT now(),  -- of the next step; NULL: there is none
    created_at        timestamptz NOT NULL DEFAULT now(),
    planned_at        timestamptz,
    started_at        timestamptz,
    finished_at       timestamptz,
    PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 50);
CREATE INDEX replay_due ON replay (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX replay_under_way ON replay (tenant_id) WHERE finished_at IS NULL;
CREATE INDEX replay_finished ON replay (finished_at) WHERE finished_at IS NOT NULL;

-- What a replay is about, each pair of event and subscription once. Written with the replay's row locked.
CREATE TABLE replay_message (
    tenant_id       uuid NOT NULL,
    replay_id       uuid NOT NULL,
    message_id      uuid NOT NULL, -- that is sent again, or that becomes one
    event_id        uuid NOT NULL,
    subscription_id uuid NOT NULL,
    was             text,          -- the message's status when it was planned; NULL: missed
    outcome         text,          -- replayed, or why it was skipped; NULL: it waits
    PRIMARY KEY (tenant_id, replay_id, message_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX replay_message_waiting ON replay_message (tenant_id, replay_id, subscription_id, message_id)
    WHERE outcome IS NULL;

ALTER TABLE replay ENABLE ROW LEVEL SECURITY;
ALTER TABLE replay_message ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON replay TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY own ON replay_message TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY delivery ON replay TO hookline_worker USING (true);
CREATE POLICY delivery ON replay_message TO hookline_worker USING (true);
GRANT SELECT, INSERT, UPDATE ON replay TO hookline_api;
GRANT SELECT ON replay_message TO hookline_api;
GRANT SELECT, UPDATE, DELETE ON replay TO hookline_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON replay_message TO hookline_worker;

