/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/scenarios/data.h - the data of a scenario: its catalogue of event types, what is published,
 * and what has to arrive, byte for byte. Files are named below tests/scenarios/:
 * "basiq/expected/user.created.json".
 */
#ifndef SCENARIOS_DATA_H
#define SCENARIOS_DATA_H

#include "tests/support/harness.h"

/* Names and values for data_text(): VALUES("event_id", id, "company", "c1"). */
#define VALUES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Loads <scenario>/catalogue.json with the admin's key. */
void given_catalogue(struct harness *h, const struct tenant *t, const char *scenario);

/* The sample of an event type, byte for byte as it is in the catalogue. */
const char *sample_of(struct harness *h, const struct tenant *t, const char *event_type);

/*
 * A file without the newline that ends it, and with the value in the place of each {{name}}.
 * `values` may be NULL; the test fails when a name has none.
 */
const char *data_text(struct harness *h, const char *file, const char *const values[]);

/* Publishes what is in a file as it is; the event's id. */
const char *publish_data(struct harness *h, const struct tenant *t, const char *event_type,
                         const char *company, const char *occurred_at, const char *file);

/* The test fails unless the i-th request of the path has exactly that file as its body. */
void assert_body(struct harness *h, const char *path, unsigned i, const char *file,
                 const char *const values[]);

#endif
