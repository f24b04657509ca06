#pragma once
#include <stdbool.h>
#include <stddef.h>

/* `yagura packets` with rules of Intrusion Prevention: packets_rules.c */
struct packets_rules {
	const char *const *files; /* rule files; owned by the caller */
	size_t nfiles;
	const char *pcap;
	const char *home; /* $HOME_NET, or NULL */
	bool check, prevent, midstream, no_checksum, json;
};

/* Exit status: 0 no alert (or all rules load), 1 alerts (or rules that do not load), 2 failure. */
int packets_rules(const struct packets_rules *o);
