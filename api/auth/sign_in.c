/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign_in.c - in the order in which it runs:
 *
 *     sign_in_... -> find [wait] -> on_user_found -> [helper's thread: run_job] -> on_job_done
 *
 * Whatever is wrong takes the same way: for an unknown user a hash is computed as well.
 */
#include "api/auth/sign_in.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/auth/auth_guard.h"
#include "api/auth/authenticate.h"
#include "api/auth/password.h"
#include "api/cells/tenant_cell.h"
#include "api/http/cookie.h"
#include "api/http/reply.h"
#include "api/http/server.h"
#include "api/resources/sessions.sql.h"
#include "hk/offload.h"

enum { MAX_PASSWORD_BYTES = 4 * PASSWORD_MAX_CHARACTERS };

/* What is done with the passwords of a body. */
static const struct flow {
    stage_fn *work;
    const char *proof;  /* the member that is compared with the stored hash, or NULL */
    const char *wanted; /* the member that becomes the password, or NULL */
} flows[] = {
    {sign_in_create_session, "password", NULL},
    {sign_in_change_password, "old_password", "new_password"},
    {sign_in_set_password, NULL, "password"},
};

struct job {
    struct hk_offload_job job;
    struct hk_str proof, wanted; /* .p NULL: not asked for */
    char proof_text[MAX_PASSWORD_BYTES], wanted_text[MAX_PASSWORD_BYTES];
    char stored_hash[PASSWORD_HASH_SIZE]; /* "": there is none */
    bool is_proven;
    bool is_out_of_memory;
    char new_hash[PASSWORD_HASH_SIZE]; /* "": none is needed */
};

static hk_db_done_fn on_user_found;
static hk_offload_run_fn run_job;
static hk_offload_done_fn on_job_done;

static const struct flow *flow_of(const struct call *call)
{
    const struct flow *flow = flows;

    while (flow->work != call->match.route->work)
        flow++;
    return flow;
}

static enum stage_result find(struct call *call, const struct hk_stmt *stmt, struct hk_str by)
{
    enum stage_result entered = tenant_cell_enter(call);

    if (entered != STAGE_NEXT)
        return entered;
    call->query = (struct hk_db_query){
        .stmt = stmt,
        .params = {hk_str(call->tenant_id), by},
        .context = &call->context,
        .done = on_user_found,
        .timeout_ms = (unsigned)call->thread->config->api_query_timeout_ms,
    };
    return hk_db_submit(call->cell->db, &call->query) == HK_OK ? STAGE_WAIT
                                                               : call_stage_fail(call, HK_BUSY);
}

/* For the routes that nobody has to sign in for: the tenant is the body's. False: replied. */
static bool act_for_given_tenant(struct call *call)
{
    struct hk_error error = {0};
    struct hk_id tenant_id;

    if (!authenticate_is_same_origin(call)) {
        call_fail_code(call, HK_CSRF_FAILED, HK_STR_NULL);
        return false;
    }
    if (!hk_id_parse(call_body_string(call, "tenant_id"), &tenant_id)) {
        (void)hk_fail(&error, HK_INVALID_BODY, "/tenant_id", "must be a UUID");
        call_fail(call, &error);
        return false;
    }
    call->caller.tenant_id = tenant_id;
    call_act_for(call, &tenant_id);
    call->has_proof = true;
    return !auth_guard_refuses(call);
}

enum stage_result sign_in_create_session(struct call *call)
{
    if (!act_for_given_tenant(call))
        return STAGE_REPLIED;
    call_set_param(call, "=email", call_body_string(call, "email"));
    return find(call, &stmt_sign_in_find, call_body_string(call, "email"));
}

/* Whoever came with a key has no password. */
enum stage_result sign_in_change_password(struct call *call)
{
    if (call->session_token.p == NULL)
        return call_stage_fail(call, HK_NOT_FOUND);
    call_set_param(call, "=session_sha256", hk_str(call->key_sha256_hex));
    return find(call, &stmt_password_find, hk_str(call->key_sha256_hex));
}

enum stage_result sign_in_set_password(struct call *call)
{
    struct hk_str token = call_body_string(call, "token");

    if (!act_for_given_tenant(call))
        return STAGE_REPLIED;
    hk_sha256(token.p, token.n, call->key_sha256);
    hk_hex_encode(call->key_sha256, HK_SHA256_SIZE, call->key_sha256_hex);
    call_set_param(call, "=token_sha256", hk_str(call->key_sha256_hex));
    return find(call, &stmt_password_token_find, hk_str(call->key_sha256_hex));
}

static struct hk_str copy_password(struct hk_str password, char ret[MAX_PASSWORD_BYTES])
{
    size_t n = password.n < MAX_PASSWORD_BYTES ? password.n : MAX_PASSWORD_BYTES;

    if (password.p == NULL)
        return password;
    memcpy(ret, password.p, n);
    return (struct hk_str){ret, n};
}

static struct job *new_job(struct call *call, const struct flow *flow, struct hk_str stored_hash)
{
    struct job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        abort();
    job->job = (struct hk_offload_job){.run = run_job, .done = on_job_done, .owner = call};
    if (flow->proof != NULL)
        job->proof = copy_password(call_body_string(call, flow->proof), job->proof_text);
    if (flow->wanted != NULL)
        job->wanted = copy_password(call_body_string(call, flow->wanted), job->wanted_text);
    (void)snprintf(job->stored_hash, sizeof(job->stored_hash), "%s",
                   stored_hash.p == NULL ? "" : stored_hash.p);
    return job;
}

static void free_job(struct job *job)
{
    explicit_bzero(job, sizeof(*job));
    free(job);
}

/* Nothing is hashed while it is too early to try, nor for a password that cannot be. */
static bool is_refused(struct call *call, const struct flow *flow,
                       const struct hk_db_result *result)
{
    struct hk_str email = hk_db_value(result, 0, 0), wait_s = hk_db_value(result, 0, 2);
    struct hk_error error = {0};
    char pointer[32];

    if (wait_s.p != NULL && !hk_str_eq(wait_s, HK_STR("0"))) {
        call->retry_after_s = (unsigned)strtoul(wait_s.p, NULL, 10);
        call_fail_code(call, HK_TOO_MANY_ATTEMPTS, HK_STR_NULL);
        return true;
    }
    if (flow->proof == NULL && email.p == NULL) /* the statement says so, in the same words */
        return false;
    if (flow->wanted == NULL)
        return false;
    (void)snprintf(pointer, sizeof(pointer), "/%s", flow->wanted);
    if (password_check(call_body_string(call, flow->wanted), email, pointer, &error) == HK_OK)
        return false;
    call_fail(call, &error);
    return true;
}

static void on_user_found(struct hk_db_query *query, const struct hk_db_result *result)
{
    struct call *call = HK_CONTAINER_OF(query, struct call, query);
    const struct flow *flow = flow_of(call);
    struct job *job;

    if (result->code != HK_OK || result->n_rows != 1) {
        call_fail_code(call, result->code == HK_OK ? HK_INTERNAL : result->code, HK_STR_NULL);
        return;
    }
    if (is_refused(call, flow, result))
        return;
    job = new_job(call, flow, hk_db_value(result, 0, 1));
    if (hk_offload_submit(server_offload(call->thread), &job->job) != HK_OK) {
        free_job(job);
        call_fail_code(call, HK_BUSY, HK_STR_NULL);
        return;
    }
    call->job = &job->job;
}

/* On the helper's thread. */
static void run_job(struct hk_offload_job *offload_job)
{
    struct job *job = HK_CONTAINER_OF(offload_job, struct job, job);
    bool has_hash = job->stored_hash[0] != '\0';
    struct hk_str to_hash = job->wanted;

    if (job->proof.p != NULL)
        job->is_proven = password_verify(has_hash ? job->stored_hash : NULL, job->proof);
    if (job->is_proven && to_hash.p == NULL && password_is_outdated(job->stored_hash))
        to_hash = job->proof;
    if (to_hash.p != NULL && (job->proof.p == NULL || job->is_proven))
        job->is_out_of_memory = !password_hash(to_hash, job->new_hash);
}

static void set_session_params(struct call *call)
{
    char token[SESSION_TOKEN_SIZE], csrf_token[CSRF_TOKEN_SIZE];
    char *copy = call_alloc(call, sizeof(token));

    session_token_new(&call->caller.tenant_id, token);
    memcpy(copy, token, sizeof(token));
    explicit_bzero(token, sizeof(token));
    call->session_token = hk_str(copy);
    csrf_token_of(call->session_token, csrf_token);
    hk_sha256(copy, call->session_token.n, call->key_sha256);
    hk_hex_encode(call->key_sha256, HK_SHA256_SIZE, call->key_sha256_hex);
    call_set_param(call, "=session_sha256", hk_str(call->key_sha256_hex));
    call_set_param(call, "=csrf_token", hk_str(csrf_token));
    call_set_param(call, "=lifetime_s",
                   call_number(call, call->thread->config->api_session_lifetime_s));
}

/* Completes the stage. */
static void on_job_done(struct hk_offload_job *offload_job)
{
    struct job *job = HK_CONTAINER_OF(offload_job, struct job, job);
    struct call *call = offload_job->owner;
    bool is_out_of_memory = job->is_out_of_memory;

    if (call == NULL) {
        free_job(job);
        return;
    }
    call->job = NULL;
    call_set_param(call, "=proven_hash", job->is_proven ? hk_str(job->stored_hash) : HK_STR_NULL);
    call_set_param(call, "=new_hash",
                   job->new_hash[0] != '\0' ? hk_str(job->new_hash) : HK_STR_NULL);
    free_job(job);
    if (is_out_of_memory) {
        call_fail_code(call, HK_BUSY, HK_STR_NULL);
        return;
    }
    if (call->match.route->work == sign_in_create_session)
        set_session_params(call);
    call->stage++;
    call_run(call);
}

/* The cookie lives as long as the session may: that it was idle, the server knows. */
static void set_cookie(struct call *call, struct hk_str value, int64_t max_age_s)
{
    char cookie[256];
    int n = snprintf(cookie, sizeof(cookie),
                     SESSION_COOKIE_NAME
                     "=%.*s; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=%lld",
                     (int)value.n, value.p, (long long)max_age_s);

    reply_add_header(call, "set-cookie", (struct hk_str){cookie, (size_t)n});
    explicit_bzero(cookie, sizeof(cookie));
}

void sign_in_set_cookie(struct call *call)
{
    auth_guard_trust(call); /* the new session */
    set_cookie(call, call->session_token, call->thread->config->api_session_lifetime_s);
}

void sign_in_clear_cookie(struct call *call)
{
    set_cookie(call, HK_STR(""), 0);
}
