/* SPDX-License-Identifier: Apache-2.0 */
#include "api/http/read_pause.h"

/* The kernel keeps what has come: the request points into the buffer that it would be read into. */
static void on_early(h2o_socket_t *sock, const char *error)
{
    (void)error;
    h2o_socket_read_stop(sock);
}

void read_pause_begin(h2o_req_t *req)
{
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);

    h2o_socket_dont_read(sock, 1);
    h2o_socket_read_start(sock, on_early);
}

void read_pause_end(h2o_req_t *req)
{
    h2o_socket_dont_read(req->conn->callbacks->get_socket(req->conn), 0);
}
