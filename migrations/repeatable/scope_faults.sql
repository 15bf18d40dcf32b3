-- What is wrong with a list of scopes for a role: its problem's errors. `of_roles` says what each role has, as
-- api/auth/scopes.def does: {"admin": ["tenant:read", ...], ...}.
CREATE OR REPLACE FUNCTION scope_faults(role text, scopes text[], of_roles json)
RETURNS TABLE (pointer text, detail text) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '/scopes/' || (s.position - 1), format('The role %s does not have the scope "%s".', $1, s.name)
      FROM unnest($2) WITH ORDINALITY AS s (name, position)
     WHERE NOT EXISTS (SELECT FROM json_array_elements_text($3 -> $1) AS g (name) WHERE g.name = s.name)
$$;

-- Whether a caller may give these scopes (NULL: all of the role). `to_give`: those that it may give, with blanks between;
-- NULL: any. Whoever has fewer scopes than its role cannot get them back by way of what it makes.
CREATE OR REPLACE FUNCTION scopes_may_be_given(role text, scopes text[], of_roles json, to_give text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN $4 IS NULL
       OR coalesce($2, ARRAY(SELECT json_array_elements_text($3 -> $1))) <@ string_to_array($4, ' ');
