#include "agent/comms/places.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "agent/comms/comms.h"
#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"
#include "module/firewall/firewall.h"

enum { PAGE_BYTES = 256 * 1024, PAGE_MS = 8000, PAUSE_MS = 10000 };

#define AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"

static const struct {
	const char *url, *expected;
} settings[PLACES_PAGES] = {
	{ "firewallSettingIntranetConnectivityTestUrl",
	  "firewallSettingIntranetConnectivityTestExpectedContentRegex" },
	{ "firewallSettingInternetConnectivityTestUrl",
	  "firewallSettingInternetConnectivityTestExpectedContentRegex" },
};
enum { INTRANET, INTERNET };

void places_init(struct places *p, struct comms *c)
{
	*p = (struct places){ .comms = c, .timer.fd = -1 };
	for (size_t i = 0; i < PLACES_PAGES; i++)
		p->pages[i].places = p;
}

static void forget(struct places *p)
{
	loop_del(&p->comms->me->loop, &p->timer);
	for (size_t i = 0; i < PLACES_PAGES; i++) {
		struct page *page = &p->pages[i];
		if (page->call)
			call_cancel(page->call);
		free(page->url);
		free(page->expected);
		*page = (struct page){ .places = p };
	}
	p->seen = 0;
}

void places_done(struct places *p)
{
	forget(p);
}

/* ---- telling ---- */

static void tell(struct places *p, const struct peer *to)
{
	uint8_t bytes[4];
	struct wr w = wr_init(bytes, sizeof(bytes));
	wr_u32(&w, p->told);
	if (peer_is_up(to))
		self_send(p->comms->me, to->who, to->instance, M_PLACES, 0,
		          (struct str){ (const char *)bytes, wr_len(&w) });
}

static void tell_all(struct places *p)
{
	for (unsigned i = 0; i < INSTANCES_MAX; i++) {
		const struct peer *to = self_peer(p->comms->me, P_PACKET, i);
		if (to)
			tell(p, to);
	}
}

void places_up(struct places *p, struct peer *packet)
{
	if (p->told)
		tell(p, packet);
}

static void conclude(struct places *p)
{
	const struct page *intranet = &p->pages[INTRANET], *internet = &p->pages[INTERNET];
	bool local = *intranet->url ? intranet->reached : p->comms->online;
	uint32_t now = local ? PLACE_LOCAL : PLACE_REMOTE;
	if (*internet->url && !internet->reached)
		now |= PLACE_NO_INTERNET;
	bool sure = now == p->seen || !p->told;
	p->seen = now;
	if (!sure || now == p->told)
		return;
	p->told = now;
	log_info("contexts: the computer is connected %s%s", local ? "locally" : "remotely",
	         now & PLACE_NO_INTERNET ? ", without the Internet" : "");
	tell_all(p);
}

/* ---- looking ---- */

static bool has(struct str body, const char *expected)
{
	AUTO(freep) char *text = str_dup(body);
	regex_t r;
	if (!*expected)
		return true;
	if (regcomp(&r, expected, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
		return false;
	bool found = regexec(&r, text, 0, NULL, 0) == 0;
	regfree(&r);
	return found;
}

static void came(void *arg, const struct reply *r)
{
	struct page *page = arg;
	page->call = NULL;
	page->reached =
		r->rc == 0 && r->status >= 200 && r->status < 400 && has(r->body, page->expected);
}

static void look(struct page *page)
{
	struct err why = { { 0 } };
	const struct call_options o = { .method = "GET",
		                        .url = page->url,
		                        .page = true,
		                        .ca_file = AUTHORITIES,
		                        .connect_ms = PAGE_MS,
		                        .timeout_ms = PAGE_MS,
		                        .max = PAGE_BYTES,
		                        .fresh = true,
		                        .done = came,
		                        .arg = page };
	if (!*page->url || page->call)
		return;
	if (client_call(page->places->comms->client, &o, &page->call, &why) < 0) {
		page->reached = false;
		log_warning("contexts: %s", why.text);
	}
}

/* What the last look brought, and the next one. */
static void due(struct watch *w, uint32_t events)
{
	(void)events;
	struct places *p = CONTAINER_OF(w, struct places, timer);
	loop_tick(w);
	conclude(p);
	for (size_t i = 0; i < PLACES_PAGES; i++)
		look(&p->pages[i]);
}

void places_policy(struct places *p)
{
	const json_t *all = json_object_at(p->comms->policy.json, "sections");
	const json_t *part = json_object_at(all, "firewall");
	const json_t *s = json_object_at(part, "settings");
	uint64_t pause = policy_duration(
		json_text(s, "firewallSettingInternetConnectivityTestInterval", "10 Seconds"));
	forget(p);
	if (json_array_size(json_object_get(part, "contexts")) == 0)
		return;
	for (size_t i = 0; i < PLACES_PAGES; i++) {
		p->pages[i].url = xstrdup(json_text(s, settings[i].url, ""));
		p->pages[i].expected = xstrdup(json_text(s, settings[i].expected, ""));
		look(&p->pages[i]);
	}
	pause = pause ? pause : PAUSE_MS;
	p->timer.ready = due;
	int rc = loop_timer(&p->comms->me->loop, &p->timer, pause, pause);
	if (rc < 0)
		log_error("contexts: %s", strerror(-rc));
}
