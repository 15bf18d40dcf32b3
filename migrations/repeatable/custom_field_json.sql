-- The public JSON form of a custom field.
CREATE OR REPLACE FUNCTION custom_field_json(f custom_field) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('key', f.key, 'label', f.label, 'help', f.help, 'type', f.type, 'required', f.required,
                             'max_length', f.max_length, 'choices', f.choices, 'pattern', f.pattern,
                             'minimum', f.minimum, 'maximum', f.maximum, 'event_types', f.event_types,
                             'position', f.position, 'is_sensitive', f.is_sensitive)
$$;
