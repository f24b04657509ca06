#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct store;

/*
 * The manager's core without processes and without HTTP: requests go in, answers come out through
 * the hooks at once or later. The core process feeds it from front's messages; the tests feed it
 * directly.
 */

enum listener { LISTENER_CONSOLE, LISTENER_AGENT };

/* Borrowed for the call of app_request(). Paths are decoded and without query, header names in
 * lower case. */
struct request {
	uint64_t id; /* front's; reply(), chunk() and app_gone() name it */
	enum listener listener;
	const char *method, *path;
	const json_t *query;   /* {"name":["value",...]}; may be NULL */
	const json_t *headers; /* {"name":"value"}; may be NULL */
	struct str body;
	const char *address; /* of the peer */
	const char *fingerprint,
		*common; /* of its client certificate, when our authority issued it; else NULL */
	bool tried;      /* made again after the bench had nothing against what it says */
};

struct app;

struct app_hooks {
	/*
	 * Answers a request. headers: {"name":"value"} or NULL. stream: the body is a first piece,
	 * more come by chunk(), until the client leaves (app_gone()).
	 */
	void (*reply)(struct app *a, uint64_t id, int status, const json_t *headers,
	              struct str body, bool stream);
	void (*chunk)(struct app *a, uint64_t id, struct str piece);
	/* Asks the authority: a certificate for a CSR and a name, or a signature over a policy;
	 * app_signed() brings it. */
	void (*sign_certificate)(struct app *a, uint64_t ticket, struct str csr,
	                         const char *common_name);
	void (*sign_policy)(struct app *a, uint64_t ticket, struct str policy);
	/* Gives an order (forward/courier.c) to an instance of the courier: 0, and app_sent() will
	 * bring how it went, or -errno. NULL: there is none. */
	int (*send)(struct app *a, unsigned instance, uint64_t ticket, struct str order);
	/* Gives an order (bench/bench.h) to the bench; app_signed() brings the result in JSON, or
	 * -errno and a sentence; -EAGAIN: the bench ended. NULL: there is none. */
	void (*try_out)(struct app *a, uint64_t ticket, struct str order);
};

struct app_config {
	const char *database;           /* URL: "sqlite:/path/yagura.db" */
	const char *ca;                 /* PEM of our authority */
	const char *policy_key;         /* the Ed25519 key that policies are checked with, base64 */
	const char *server_fingerprint; /* SHA-256 of the server certificate, hexadecimal */
	int64_t server_expires_ms;      /* when it does, ms since the epoch */
	const char *host;               /* the name or address that agents are told */
	unsigned console_port, agent_port;
	const char *software; /* folder of the agent's packages, or NULL */
	const char *scripts;  /* folder of what tasks may run, or NULL */
	struct str key; /* of the secrets in the database, SEAL_KEY bytes; read in app_open() */
	bool shipped;   /* the rules that we ship are brought into the store */
};

int app_open(struct app **out, const struct app_config *c, const struct app_hooks *hooks,
             void *owner, struct err *why);
void app_free(struct app *a);
void *app_owner(struct app *a);
void app_request(struct app *a, const struct request *rq);
void app_gone(struct app *a, uint64_t id); /* the client of a delayed or streaming answer left */
/* rc 0 and the PEM certificate, the raw signature or what the bench found, or -errno. */
void app_signed(struct app *a, uint64_t ticket, int rc, struct str result);
void app_sent(struct app *a, uint64_t ticket, int rc, const char *text);
void app_courier_down(struct app *a); /* what it had will not be answered */
void app_runner_down(struct app *a);
void app_process_died(struct app *a, const char *name); /* one of the manager's, by itself */
/* Once a second: long polls that are due, offline agents, jobs that take too long, pings,
 * retention. */
void app_tick(struct app *a);
