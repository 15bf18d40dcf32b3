/* SPDX-License-Identifier: Apache-2.0 */
/* db_dial.c - where a connection leads to: db_dial() -> [a look-up of names] -> libpq begins. */
#include "db_connection.h"

/* To the addresses that its names have; NULL: it has no names. */
static void begin(struct db_connection *connection, const struct db_address_found *found)
{
    const struct hk_db_options *options = &connection->db->options;
    const struct {
        const char *keyword, *value;
    } parameters[] = {
        {"dbname", options->url},
        {"user", options->user},
        {"options", connection->db->connect_options},
        {"application_name", options->name},
        {"client_encoding", "UTF8"},
        {"tcp_user_timeout", "10000"},
        {"keepalives_idle", "10"},
        {"host", found == NULL ? NULL : found->hosts},
        {"hostaddr", found == NULL ? NULL : found->addresses},
        {"port", found == NULL ? NULL : found->ports},
    };
    const char *keywords[HK_COUNTOF(parameters) + 1] = {0}, *values[HK_COUNTOF(parameters) + 1];

    for (size_t i = 0; i < HK_COUNTOF(parameters); i++) {
        keywords[i] = parameters[i].keyword;
        values[i] = parameters[i].value; /* NULL: as in the URL */
    }
    connection->pg = PQconnectStartParams(keywords, values, 1);
    db_connection_dialed(connection);
}

/* db_address_done_fn */
static void on_address_found(void *done_arg, const struct db_address_found *found)
{
    struct db_connection *connection = done_arg;

    connection->address = NULL;
    if (found == NULL)
        db_connection_fail(connection, "its name has no address");
    else
        begin(connection, found);
}

void db_dial(struct db_connection *connection)
{
    connection->address = db_address_find(connection->db->loop, connection->db->options.url,
                                          on_address_found, connection);
    if (connection->address == NULL)
        begin(connection, NULL);
}
