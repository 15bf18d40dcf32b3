-- Verification: a subscription may ask that its receiver agrees before anything is sent to it. Until then it is
-- `pending`. None of those that are there asks.
-- Locks: ACCESS EXCLUSIVE on subscription and profile, for milliseconds: subscription is read once for its check.
-- Time: instant.

ALTER TABLE subscription
    DROP CONSTRAINT subscription_state,
    ADD CONSTRAINT subscription_state
        CHECK (state IN ('pending', 'active', 'paused', 'held', 'unsubscribed', 'disabled', 'archived')),
    ADD COLUMN verification text NOT NULL DEFAULT 'none'
        CONSTRAINT subscription_verification
        CHECK (verification IN ('none', 'challenge_get', 'cloudevents_options', 'echo_secret', 'url_verification')),
    ADD COLUMN verified_at        timestamptz, -- when its URL agreed; NULL: it has not
    ADD COLUMN verification_error text,        -- why not, when it was asked last
    ADD COLUMN webhook_origin     text;        -- that a CloudEvents receiver allowed: goes out with each request

ALTER TABLE profile
    ADD COLUMN verification text NOT NULL DEFAULT 'none' -- of new subscriptions that do not say
        CONSTRAINT profile_verification
        CHECK (verification IN ('none', 'challenge_get', 'cloudevents_options', 'echo_secret', 'url_verification'));
