/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api/cells/tenant_cell.h - leads a call to the cell of the tenant that it acts for: by the
 * thread's directory, which is filled from the home cell's table tenant_cell on demand. With one
 * cell there is nothing to do, and nothing is asked. docs/adr: cells.
 */
#ifndef API_TENANT_CELL_H
#define API_TENANT_CELL_H

#include "api/http/call.h"

/*
 * Makes call->cell the cell of call->tenant_id, which has to be set. STAGE_NEXT: it is. STAGE_WAIT:
 * the directory is asked, with call->query, and the stage of the call runs again afterwards.
 */
HK_NODISCARD enum stage_result tenant_cell_enter(struct call *call);

/* The stage behind prepare(): for a call that acts for another tenant than the caller's. */
stage_fn tenant_cell_stage;

/*
 * For prepare() of a tenant's creation, after call_set_tenant(): the cell that it is made in;
 * `name` .p NULL: the home cell.
 */
HK_NODISCARD enum hk_code tenant_cell_choose(struct call *call, struct hk_str name,
                                             struct hk_error *reterr);

/* The `work` of that route: writes it into the directory. A tenant that is not made in the end
 * leaves a line there that nobody asks for. */
stage_fn tenant_cell_place;

/*
 * The cell has said that the tenant is away (HK_TENANT_MOVING), and nothing was done. True: the
 * directory is asked once more; if the tenant lives elsewhere by now, the stage of the call runs
 * again in that cell, else the call fails. False: it has been asked before, or the call may not be
 * run twice.
 */
HK_NODISCARD bool tenant_cell_follow(struct call *call);

/* The call has done what cannot be taken back: it does not follow its tenant from here on. */
void tenant_cell_stay(struct call *call);

#endif
