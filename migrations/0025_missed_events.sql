-- What a subscription missed while it was not active, found by the subscription.
-- Locks: SHARE on skip and its partitions: publishing waits while they are read for the index. Time: about a second for
-- 5 million skips; the index holds those few only that a subscription's state was the reason of.

CREATE INDEX skip_missed ON skip (tenant_id, subscription_id, event_id)
    WHERE reason IN ('subscription_pending', 'subscription_paused', 'subscription_unsubscribed', 'subscription_disabled');
