#pragma once

/* A subcommand of `yagura`: a row of commands[] in yagura.c. */
struct command {
	const char *name, *arguments, *doc;
	int (*run)(int argc, char **argv); /* argv[0] is the subcommand; returns the exit status */
};

int cmd_files(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_malware(int argc, char **argv);
int cmd_packets(int argc, char **argv);
int cmd_quarantine(int argc, char **argv);
