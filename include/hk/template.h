/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/template.h - templates of values: JSON, or a text, with placeholders. Pure; no code, no loops.
 *
 *     {"text": "{{ $.title | max 200 }} {{ $.url }}", "price": "{{ $.lines[0].price }}"}
 *
 *     placeholder = "{{" ( path / literal ) *( "|" filter ) "}}"
 *     path        = ( "$" / "$request" / "$steps" / "$flow" ) *( "." name / "[" string "]" /
 *                   "[" number "]" )
 *     name        = letter / "_", then letters, digits, "_" and "-"
 *     filter      = "max" number              text of at most so many characters
 *                 / "default" literal         what to take when there is nothing, or null
 *     literal     = a string, number, true, false or null, as in JSON
 *
 * Placeholders stand in strings that are values; names of members are taken as they are. A string
 * that is one placeholder and nothing else becomes the value as it is, byte for byte: 0.1 stays
 * 0.1. Else what it has beside other characters becomes text: a string itself, nothing and null the
 * empty text, all others their JSON. {{ "{{" }} is two braces.
 *
 * Paths are lax, as those of filters: .name of an array is that of its first element, and [0] of
 * what is no array is the value itself. Of two members of one name the first counts.
 */
#ifndef HK_TEMPLATE_H
#define HK_TEMPLATE_H

#include "hk/buf.h"
#include "hk/err.h"

enum {
    HK_TEMPLATE_MAX_BYTES = 65536,
    HK_TEMPLATE_MAX_PLACEHOLDERS = 256,
    HK_TEMPLATE_MAX_STEPS = 16,          /* of a path */
    HK_TEMPLATE_MAX_FILTERS = 4,         /* of a placeholder */
    HK_TEMPLATE_MAX_READ_BYTES = 1 << 22 /* that all paths of a step may walk over */
};

/* What paths lead into: JSON that hk_json_scan() accepts, without blanks around it; .p NULL: null.
 */
struct hk_template_scope {
    struct hk_str value, request, steps, flow;
    size_t *n_read; /* what the renderings that share it have walked over; NULL: each for itself */
};

/* HK_OK, or HK_INVALID_BODY at `pointer`, with the placeholder and what is wrong in its detail. */
HK_NODISCARD enum hk_code hk_template_check(struct hk_str json, const char *pointer,
                                            struct hk_error *reterr);
HK_NODISCARD enum hk_code hk_template_check_text(struct hk_str text, const char *pointer,
                                                 struct hk_error *reterr);

/*
 * Appends what a checked template becomes: JSON that hk_json_scan() accepts. False with static
 * words: it is too large for `buf`, too deep, or the paths walk too far; then nothing that was
 * appended counts.
 */
HK_NODISCARD bool hk_template_render(struct hk_str json, const struct hk_template_scope *scope,
                                     struct hk_buf *buf, const char **reterr);

/* What a text is for: what the values in it have to be. The text around them is taken as it is. */
enum hk_template_use {
    HK_TEMPLATE_PLAIN,  /* any text */
    HK_TEMPLATE_URL,    /* percent-encoded, all but A-Z a-z 0-9 - . _ ~; no way up: "..", "." */
    HK_TEMPLATE_HEADER, /* no control characters; at most 4096 bytes in all */
    HK_TEMPLATE_FORM,   /* percent-encoded, as of a form */
    HK_TEMPLATE_KEY,    /* a name or key: as PLAIN, but it must lead to something, as URL, HEADER */
};

/*
 * The same for a text that is no JSON. In a URL, a header or a key each placeholder must lead to a
 * string that is not empty, a number or a truth value, or have a default: else the call would be
 * another one than was meant. Of values the JSON is as it is there.
 */
HK_NODISCARD bool hk_template_render_text(struct hk_str text, enum hk_template_use use,
                                          const struct hk_template_scope *scope, struct hk_buf *buf,
                                          const char **reterr);

#endif
