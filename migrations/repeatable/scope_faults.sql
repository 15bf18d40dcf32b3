-- What is wrong with a list of scopes for a role: its problem's errors. `of_roles` says what each role has, as
-- api/scopes.def does: {"admin": ["tenant:read", ...], ...}.
CREATE OR REPLACE FUNCTION scope_faults(role text, scopes text[], of_roles json)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '/scopes/' || (s.position - 1), format('The role %s does not have the scope "%s".', $1, s.name)
      FROM unnest($2) WITH ORDINALITY AS s (name, position)
     WHERE NOT EXISTS (SELECT FROM json_array_elements_text($3 -> $1) AS g (name) WHERE g.name = s.name)
$$;
