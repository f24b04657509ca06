#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/app.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A search body, against an object that has every kind of member. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[] =
		"{\"name\":\"a rule\",\"priority\":\"2\",\"frameNumber\":2048,\"frameNot\":false,"
		"\"sourceIPMultiple\":[\"192.0.2.1\"],\"tcpflags\":[\"syn\"],\"sourceIPListID\":0}";
	const struct resource *r = resource_find(STR("firewallrules"));
	AUTO(json_decrefp) json_t *object = json_parse(str_of(text), NULL);
	AUTO(json_decrefp)
	json_t *body = json_parse((struct str){ (const char *)data, size }, NULL);
	AUTO(freep) struct search *s = xcalloc(1, sizeof(*s));
	struct err why;
	if (search_read(r->fields, body, s, &why) < 0)
		return 0;
	if (s->max < 0 || s->max > SEARCH_MAX)
		abort();
	search_fits(s, object, 7);
	search_fits(s, json_null(), INT64_MIN);
	return 0;
}
