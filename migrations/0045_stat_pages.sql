-- Roll-ups take less room and less work: a row is a page, the minutes of an hour, the hours of a week or the days of a month,
-- written when an hour is over; until then minutes are in stat_open (docs/adr/0032-roll-ups.md). What was rolled up is kept.
-- Locks: ACCESS EXCLUSIVE on stat, which charts and the step of the roll-ups alone read. Time: 30 s for a million rows of
-- it, which is some 300,000 attempts of a thin log; deliveries and publishing do not notice.

-- First, in the order of the steps of the workers that are still there: what they count meanwhile would be lost.
LOCK TABLE stat_progress, stat IN ACCESS EXCLUSIVE MODE;

-- A minute, an hour or a day. Latencies are counted as latency_add() says.
CREATE TYPE stat_part AS (
    slot           smallint,  -- which of its page's; 0 is the first
    n_events       integer,
    n_messages     integer,
    skips          jsonb,
    n_attempts     integer,
    n_failed       integer,
    failures       jsonb,
    latency        integer[],
    latency_failed integer[]
);

-- Of an hour that may still get more: by the minute, but pairs of a subscription and a type by the hour.
CREATE TABLE stat_open (
    tenant_id       uuid NOT NULL,
    app_id          uuid NOT NULL, -- of what: all zero with subscription and type '': all of the tenant; see stat_rows()
    subscription_id uuid NOT NULL,
    event_type      text NOT NULL,
    at              timestamptz NOT NULL,
    n_events        integer NOT NULL, -- accepted; of the tenant and its types only
    n_messages      integer NOT NULL, -- that they became at once
    skips           jsonb,            -- {"filter_false": 3}; NULL: none, as the next
    n_attempts      integer NOT NULL, -- begun then
    n_failed        integer NOT NULL,
    failures        jsonb,            -- {"http_5xx": 1, "timeout": 2}
    latency         integer[],        -- of all attempts
    latency_failed  integer[],
    PRIMARY KEY (tenant_id, app_id, subscription_id, event_type, at)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1);

CREATE TABLE stat_page (
    tenant_id       uuid NOT NULL,
    grain           text NOT NULL CONSTRAINT stat_page_grain CHECK (grain IN ('minute', 'hour', 'day')),
    app_id          uuid NOT NULL,
    subscription_id uuid NOT NULL,
    event_type      text NOT NULL,
    at              timestamptz NOT NULL, -- the hour, week or month (UTC) that begins then, by its grain
    parts           stat_part[] NOT NULL, -- in no order, those in which something happened
    PRIMARY KEY (tenant_id, grain, app_id, subscription_id, event_type, at)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.1);
CREATE INDEX stat_page_age ON stat_page (grain, at); -- what has had its time

-- Of before: the first element of an array is of bin 0, succeeded and failed apart.
CREATE FUNCTION stat_latency_of(succeeded integer[], failed integer[]) RETURNS integer[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    total integer := 0;
    h     integer[];
BEGIN
    FOR i IN 1 .. coalesce(greatest(cardinality(succeeded), cardinality(failed)), 0) LOOP
        total := total + coalesce(succeeded[i], 0) + coalesce(failed[i], 0);
        IF total > 0 THEN
            h[i - 1] := total;
        END IF;
    END LOOP;
    RETURN h;
END
$$;
INSERT INTO stat_page
SELECT s.tenant_id, s.grain, s.app_id, s.subscription_id, s.event_type, date_trunc(g.page, s.at, 'UTC'),
       array_agg(row((extract(epoch FROM s.at - date_trunc(g.page, s.at, 'UTC')) / g.part_s)::smallint, s.n_events, s.n_messages, s.skips,
                     s.n_attempts, s.n_attempts - s.n_succeeded, s.failures,
                     stat_latency_of(s.latency_succeeded, s.latency_failed), stat_latency_of(NULL, s.latency_failed))::stat_part)
  FROM (VALUES ('minute', 'hour', 60), ('hour', 'week', 3600), ('day', 'month', 86400)) AS g (grain, page, part_s)
  JOIN stat s ON s.grain = g.grain
 WHERE s.grain <> 'minute' OR s.event_type = '' OR s.subscription_id = '00000000-0000-0000-0000-000000000000'
 GROUP BY s.tenant_id, s.grain, s.app_id, s.subscription_id, s.event_type, date_trunc(g.page, s.at, 'UTC');
DROP FUNCTION stat_latency_of(integer[], integer[]);
DROP TABLE stat;

ALTER TABLE stat_progress
    ADD COLUMN folded_to timestamptz NOT NULL DEFAULT '-infinity'; -- nothing of before is in stat_open

ALTER TABLE stat_open ENABLE ROW LEVEL SECURITY;
ALTER TABLE stat_page ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON stat_open FOR SELECT TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY own ON stat_page FOR SELECT TO hookline_api USING (tenant_id = current_tenant_id());
CREATE POLICY delivery ON stat_open TO hookline_worker USING (true);
CREATE POLICY delivery ON stat_page TO hookline_worker USING (true);
GRANT SELECT ON stat_open, stat_page TO hookline_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON stat_open, stat_page TO hookline_worker;
