-- Searching the delivery log (docs/query-language.md): indexes on what is rare, so that a plain success pays for none of
-- them, and on an event's company, which support asks for first.
-- Locks: SHARE on message, attempt and event while an index of theirs is built, which reads the table once: some 10 s for
-- each 10 million rows, during which publishing and verdicts wait and nothing is lost. Time: that.

-- Attempts that are not just a first one that succeeded at once: message_search() asks in the same words.
CREATE INDEX attempt_remarkable ON attempt (tenant_id, message_id)
 WHERE outcome <> 'succeeded' OR status_code NOT BETWEEN 200 AND 299 OR duration_us >= 1000000 OR attempt_no > 1;

-- Messages that failed, were cancelled or are held. One that succeeds never has a reason: the update stays HOT.
CREATE INDEX message_with_reason ON message (tenant_id, id) WHERE status_reason IS NOT NULL;
CREATE INDEX message_with_reason_of_subscription ON message (tenant_id, subscription_id, id) WHERE status_reason IS NOT NULL;

CREATE INDEX event_of_company ON event (tenant_id, company_id, id);
CREATE INDEX event_of_trace ON event (tenant_id, traceparent COLLATE "C", id) WHERE traceparent IS NOT NULL;
CREATE INDEX company_name ON company (tenant_id, name);

-- A filter, made ready for message_search(): names are ids by now. NULL: not asked for.
CREATE TYPE log_terms AS (
    tenant_id         uuid,
    partner           text,
    least_id          uuid,      -- messages from here,
    below_id          uuid,      -- below that
    ids               uuid[],    -- of messages or events
    message_ids       uuid[],
    event_ids         uuid[],
    trace_ids         text[],
    attribute_names   text[],    -- a pair of these each
    attribute_values  text[],
    n_attributes      integer,   -- names, of which all must be there
    company_ids       uuid[],
    not_company_ids   uuid[],
    app_ids           uuid[],
    not_app_ids       uuid[],
    given_ids         uuid[],    -- of subscriptions
    not_given_ids     uuid[],
    subscription_ids  uuid[],    -- all those that partner, apps and given_ids leave; NULL: too many, or not limited
    event_types       text[],    -- for LIKE
    not_event_types   text[],
    statuses          text[],
    not_statuses      text[],
    origins           text[],
    not_origins       text[],
    codes             integer[], -- -1: no answer
    not_codes         integer[],
    errors            text[],
    not_errors        text[],
    least_us          bigint,
    below_us          bigint,
    least_attempts    integer,
    most_attempts     integer,
    path              text
);

-- Jobs search in the worker.
CREATE POLICY delivery ON app FOR SELECT TO hookline_worker USING (true);
CREATE POLICY delivery ON event_key FOR SELECT TO hookline_worker USING (true);
GRANT SELECT ON app, event_key, attempt TO hookline_worker;
