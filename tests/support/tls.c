/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - see tls.h. */
#include "tests/support/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "hk/encode.h"

#define MAX_RECEIVERS 8
#define MAX_REQUESTS  256
#define REQUEST_SIZE  16384

struct tls_receiver {
    int listener;
    char url[64];
    SSL_CTX *context;

    pthread_mutex_t lock; /* of what follows */
    unsigned n_connections, n_requests;
    struct {
        unsigned connection;
        char client[TLS_NAME_SIZE];
    } requests[MAX_REQUESTS];
};

struct tls_connection {
    struct tls_receiver *receiver;
    int fd;
    unsigned number;
};

/* Found from here, so that no leak checker takes them for lost. */
static struct tls_receiver *receivers[MAX_RECEIVERS];
static unsigned n_receivers;

/* ---- certificates ---- */

static void write_pem(BIO *bio, char ret[TLS_PEM_SIZE])
{
    int n = BIO_read(bio, ret, TLS_PEM_SIZE - 1);

    assert(n > 0);
    ret[n] = '\0';
    (void)BIO_free(bio);
}

static void add_names(X509 *certificate, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");

    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name,
                                     -1, -1, 0);
    (void)X509_set_issuer_name(certificate, name);
    (void)X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
}

void tls_make(struct tls_identity *ret, const char *common_name, int days)
{
    static long serial;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    BIO *certificate_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
    uint8_t digest[HK_SHA256_SIZE];
    time_t now = time(NULL);

    assert(key != NULL && certificate != NULL);
    ret->expires_s = (int64_t)now + days * INT64_C(86400);
    (void)X509_set_version(certificate, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    (void)X509_time_adj_ex(X509_getm_notBefore(certificate), -400, 0, &now);
    (void)X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, &now);
    (void)X509_set_pubkey(certificate, key);
    add_names(certificate, common_name);
    assert(X509_sign(certificate, key, EVP_sha256()) > 0);
    (void)X509_digest(certificate, EVP_sha256(), digest, NULL);
    hk_hex_encode(digest, sizeof(digest), ret->sha256);
    (void)PEM_write_bio_X509(certificate_pem, certificate);
    (void)PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL);
    write_pem(certificate_pem, ret->certificate);
    write_pem(key_pem, ret->key);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static SSL_CTX *context_of(const struct tls_identity *identity)
{
    BIO *certificate_pem = BIO_new_mem_buf(identity->certificate, -1);
    BIO *key_pem = BIO_new_mem_buf(identity->key, -1);
    X509 *certificate = PEM_read_bio_X509(certificate_pem, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_pem, NULL, NULL, NULL);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (context == NULL || SSL_CTX_use_certificate(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey(context, key) != 1)
        abort();
    X509_free(certificate);
    EVP_PKEY_free(key);
    (void)BIO_free(certificate_pem);
    (void)BIO_free(key_pem);
    return context;
}

/* ---- one connection ---- */

static void note_request(struct tls_connection *connection, SSL *ssl)
{
    struct tls_receiver *receiver = connection->receiver;
    X509 *client = SSL_get0_peer_certificate(ssl);

    (void)pthread_mutex_lock(&receiver->lock);
    assert(receiver->n_requests < MAX_REQUESTS);
    receiver->requests[receiver->n_requests].connection = connection->number;
    if (client != NULL)
        (void)X509_NAME_get_text_by_NID(X509_get_subject_name(client), NID_commonName,
                                        receiver->requests[receiver->n_requests].client,
                                        TLS_NAME_SIZE);
    receiver->n_requests++;
    (void)pthread_mutex_unlock(&receiver->lock);
}

/* The end of a request: the body is as long as its head says. */
static bool is_whole(const char *request, size_t n)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strcasestr(request, "\r\ncontent-length:");

    if (end == NULL || length == NULL)
        return end != NULL;
    return n >= (size_t)(end + 4 - request) + strtoul(length + 17, NULL, 10);
}

static bool read_request(SSL *ssl)
{
    char request[REQUEST_SIZE] = "";
    size_t n = 0;

    while (n + 1 < sizeof(request) && !is_whole(request, n)) {
        int got = SSL_read(ssl, request + n, (int)(sizeof(request) - 1 - n));

        if (got <= 0)
            return false;
        n += (size_t)got;
        request[n] = '\0';
    }
    return true;
}

static void *connection_main(void *arg)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    struct tls_connection *connection = arg;
    SSL *ssl = SSL_new(connection->receiver->context);
    sigset_t broken_pipe;

    /* OpenSSL writes to who has left: the thread's signal, which nobody takes. */
    (void)sigemptyset(&broken_pipe);
    (void)sigaddset(&broken_pipe, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &broken_pipe, NULL);
    (void)SSL_set_fd(ssl, connection->fd);
    if (SSL_accept(ssl) == 1) {
        while (read_request(ssl)) {
            note_request(connection, ssl);
            if (SSL_write(ssl, answer, sizeof(answer) - 1) <= 0)
                break;
        }
    }
    SSL_free(ssl);
    (void)close(connection->fd);
    free(connection);
    return NULL;
}

static void *receiver_main(void *arg)
{
    struct tls_receiver *receiver = arg;
    pthread_t thread;
    int fd;

    while ((fd = accept(receiver->listener, NULL, NULL)) >= 0) {
        struct tls_connection *connection = malloc(sizeof(*connection));

        assert(connection != NULL);
        (void)pthread_mutex_lock(&receiver->lock);
        *connection = (struct tls_connection){receiver, fd, receiver->n_connections++};
        (void)pthread_mutex_unlock(&receiver->lock);
        if (pthread_create(&thread, NULL, connection_main, connection) != 0 ||
            pthread_detach(thread) != 0)
            abort();
    }
    return NULL;
}

/* ---- receivers ---- */

/* Who it is, is the test's to say. */
static int accept_any(int is_trusted, X509_STORE_CTX *store)
{
    (void)is_trusted;
    (void)store;
    return 1;
}

static struct tls_receiver *receive(SSL_CTX *context)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    struct tls_receiver *receiver = calloc(1, sizeof(*receiver));
    socklen_t size = sizeof(address);
    pthread_t thread;

    assert(receiver != NULL && n_receivers < MAX_RECEIVERS);
    receivers[n_receivers++] = receiver;
    receiver->context = context;
    (void)SSL_CTX_set_session_id_context(receiver->context, (const unsigned char *)"tls", 3);
    receiver->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receiver->listener < 0 ||
        bind(receiver->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(receiver->listener, 64) != 0 ||
        getsockname(receiver->listener, (struct sockaddr *)&address, &size) != 0)
        abort();
    (void)snprintf(receiver->url, sizeof(receiver->url), "https://127.0.0.1:%u/tls",
                   (unsigned)ntohs(address.sin_port));
    (void)pthread_mutex_init(&receiver->lock, NULL);
    if (pthread_create(&thread, NULL, receiver_main, receiver) != 0 || pthread_detach(thread) != 0)
        abort();
    return receiver;
}

struct tls_receiver *tls_receive(const struct tls_identity *identity, enum tls_asks asks)
{
    SSL_CTX *context = context_of(identity);

    if (asks == TLS_ASKS_ALL)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
    return receive(context);
}

struct tls_receiver *tls_receive_only(const struct tls_identity *identity, int version)
{
    SSL_CTX *context = context_of(identity);

    SSL_CTX_set_security_level(context, 0); /* TLS 1.1 signs with SHA-1 */
    if (SSL_CTX_set_min_proto_version(context, version) != 1 ||
        SSL_CTX_set_max_proto_version(context, version) != 1)
        abort();
    return receive(context);
}

const char *tls_url(const struct tls_receiver *receiver)
{
    return receiver->url;
}

bool tls_request(struct tls_receiver *receiver, unsigned i, unsigned *ret_connection,
                 char ret_client[TLS_NAME_SIZE])
{
    bool is_there;

    (void)pthread_mutex_lock(&receiver->lock);
    is_there = i < receiver->n_requests;
    if (is_there) {
        *ret_connection = receiver->requests[i].connection;
        memcpy(ret_client, receiver->requests[i].client, TLS_NAME_SIZE);
    }
    (void)pthread_mutex_unlock(&receiver->lock);
    return is_there;
}
