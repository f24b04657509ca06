#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/log.h"
#include "cli/cli.h"

static const struct command commands[] = {
	{ "files",
	  "init|check|diff --rules FILE --baseline FILE [--json] [--reread] [--update] ...",
	  "what integrity monitoring rules cover: write a baseline, compare; 0 no change, 1 changes, 2 error",
	  cmd_files },
	{ "logs",
	  "--decoders DIR --rules DIR [--lists DIR] [--regex converted|classic] [--frequency ossec|wazuh]",
	  "what decoders and rules say of each line of standard input, as JSON; 0, or 2 error",
	  cmd_logs },
	{ "malware", "[--signatures DIR] [--json] PATH...",
	  "scan files for malware; 0 clean, 1 found, 2 error", cmd_malware },
	{ "packets", "--pcap FILE [--policy FILE] [--local ADDRESS,...] [--json]",
	  "what the firewall would do with each packet of a capture; 0 all pass, 1 some not, 2 error",
	  cmd_packets },
	{ "quarantine", "open FILE [--to PATH] [--password-file FILE]",
	  "open a file that was downloaded from a quarantine", cmd_quarantine },
};

static int usage(FILE *out)
{
	fprintf(out, "usage: yagura COMMAND ...\n\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(out, "  yagura %s %s\n      %s\n", commands[i].name, commands[i].arguments,
		        commands[i].doc);
	return out == stderr ? 2 : 0;
}

int main(int argc, char **argv)
{
	log_open("yagura");
	if (argc < 2)
		return usage(stderr);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return usage(stdout);
	if (strcmp(argv[1], "--version") == 0)
		return puts("yagura " YAGURA_VERSION) < 0;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "yagura: there is no command %s\n", log_quote(str_of(argv[1])));
	return usage(stderr);
}
