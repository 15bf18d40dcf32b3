-- Whether a payload is checked against its event type's schema when it is published: not at all,
-- with a warning to the producer, or refused. Types that are there keep doing nothing.
-- Locks: ACCESS EXCLUSIVE on event_type. Time: instant, a constant default rewrites nothing, and the
-- check is proved on a small catalogue.

ALTER TABLE event_type
    ADD COLUMN validation text NOT NULL DEFAULT 'off'
        CONSTRAINT event_type_validation CHECK (validation IN ('off', 'warn', 'enforce'));
