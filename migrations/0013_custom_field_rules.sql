-- What a custom field asks of its values (pattern, minimum, maximum), and which event types carry it.
-- Each version of a connection's values keeps which members are for which types, so that a message
-- carries what applied when its event was accepted (BC-12).
-- Locks: ACCESS EXCLUSIVE on custom_field and connection_values. Time: instant, all columns are NULL.

ALTER TABLE custom_field
    ADD COLUMN pattern     text,   -- the whole of a text matches it
    ADD COLUMN minimum     json,   -- of a number or a date, as it was given
    ADD COLUMN maximum     json,
    ADD COLUMN event_types text[]; -- names and wildcards; NULL: every enrichable type carries it
ALTER TABLE connection_values
    ADD COLUMN applies json; -- {"key": ["invoice.*"]}: members that other types do not carry; NULL: all carry all
