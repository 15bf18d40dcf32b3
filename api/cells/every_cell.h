/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cells/every_cell.h - operators' views over all cells: one statement is asked of each cell at
 * once, and the answers are put together here, because no statement crosses a cell. A cell that is
 * down, or does not answer in time, is named in the reply and fails nothing.
 */
#ifndef API_EVERY_CELL_H
#define API_EVERY_CELL_H

#include "api/http/call.h"

/*
 * The list of a route with `stmt_of_cell`, where there are several cells, in place of its `stmt`
 * and after its parameters are bound. The statement takes the same parameters and the cell's name
 * as the last one. It returns a row for each object, (id, body), the latest id first, one more than
 * the page has room for if there are as many; and, when it did not look at all that there is, a row
 * without a body: the id up to which it did.
 */
enum stage_result every_cell_list(struct call *call);

/* The `handle` of GET /v1/cells. */
bool every_cell_show(struct call *call);

#endif
