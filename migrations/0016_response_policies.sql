-- What follows from a receiver's answer is a table of its own: profile.responses (docs/adr/0019), in the
-- place of `success`, `on_401` and `on_410`; overrides of these three become overrides of that one.
-- The old columns stay, filled and no longer read, until the next version: workers of the version before
-- go on by them while this one is rolled out.
-- Locks: profile ACCESS EXCLUSIVE and the rows of subscriptions that override one of the three, for
-- milliseconds. No hot table is touched.

ALTER TABLE profile ADD COLUMN responses text; -- "2xx success,429 throttle 60s": see include/hk/responses.h

UPDATE profile p
   SET responses = concat_ws(',', CASE p.success WHEN '200' THEN '200 success' ELSE '2xx success' END,
                             CASE p.on_401 WHEN 'unsubscribe' THEN '401 unsubscribe' END,
                             CASE p.on_410 WHEN 'disable' THEN '410 disable' END,
                             CASE WHEN p.tenant_id = installation_id() AND p.name = 'cloudevents' THEN '415 drop' END,
                             CASE WHEN coalesce(p.base, p.name) <> 'basecone'
                                  THEN '429 throttle 60s,502 throttle 5s,503 throttle 5s,504 throttle 5s' END);
UPDATE profile p SET retry_after_cap_ms = 604800000 WHERE p.tenant_id = installation_id() AND p.name = 'cloudevents';

ALTER TABLE profile
    ALTER COLUMN responses SET NOT NULL,
    ADD CONSTRAINT profile_responses
        CHECK (responses ~ ('^(([2-5]([0-9][0-9]|xx)|error) (success|retry|throttle( [1-9][0-9]*[smhd])?|disable'
                            || '|unsubscribe|drop)(,(?=.)|$))*$'));

UPDATE subscription s
   SET overrides = o.kept::json
  FROM (SELECT x.tenant_id, x.id,
               nullif((x.overrides::jsonb - 'success' - 'on_401' - 'on_410')
                      || CASE WHEN r.responses = '{}' THEN '{}' ELSE jsonb_build_object('responses', r.responses) END,
                      '{}') AS kept
          FROM subscription x
         CROSS JOIN LATERAL (
                SELECT CASE x.overrides ->> 'success' WHEN '200' THEN '{"2xx": "retry", "200": "success"}'::jsonb
                                                      WHEN '2xx' THEN '{"2xx": "success"}' ELSE '{}' END
                       || CASE x.overrides ->> 'on_401' WHEN 'unsubscribe' THEN '{"401": "unsubscribe"}'::jsonb
                                                        WHEN 'fail' THEN '{"401": "retry"}' ELSE '{}' END
                       || CASE x.overrides ->> 'on_410' WHEN 'disable' THEN '{"410": "disable"}'::jsonb
                                                        WHEN 'fail' THEN '{"410": "retry"}' ELSE '{}' END AS responses) r
         WHERE x.overrides IS NOT NULL
           AND num_nonnulls(x.overrides -> 'success', x.overrides -> 'on_401', x.overrides -> 'on_410') > 0) o
 WHERE s.tenant_id = o.tenant_id AND s.id = o.id;
