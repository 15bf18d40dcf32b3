/* SPDX-License-Identifier: Apache-2.0 */
/* tests/scenarios/catalogue.h - a tenant with the event types of docs/catalogues/. */
#ifndef SCENARIOS_CATALOGUE_H
#define SCENARIOS_CATALOGUE_H

#include "tests/support/harness.h"

/* Loads docs/catalogues/<name>.json with the admin's key. */
void given_catalogue(struct harness *h, const struct tenant *t, const char *name);

/* The sample of an event type, byte for byte as it is in the catalogue. */
const char *sample_of(struct harness *h, const struct tenant *t, const char *event_type);

#endif
