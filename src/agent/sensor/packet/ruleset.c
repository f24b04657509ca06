#include "agent/sensor/packet/ruleset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sensor/packet/attributes.h"
#include "agent/sensor/packet/tables.h"
#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

enum { COMPLAINT_MAX = 4096, ACK_GAP_MS = 500 /* the kernel's own */ };

/* The families that our table may be in. */
static const struct {
	const char *name;
	unsigned number;
} families[] = { { "inet", NFPROTO_INET }, { "arp", NFPROTO_ARP }, { "netdev", NFPROTO_NETDEV } };

static const char *family_named(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_LEN(families); i++)
		if (strcmp(families[i].name, name) == 0)
			return families[i].name;
	return NULL;
}

/* ---- what a document says ---- */

/* What a command {"add":{"rule":{...}}} is about: "rule"; NULL: no such form. */
static const char *object_of(const json_t *command, const char **verb, const json_t **what)
{
	void *outer = json_object_iter((json_t *)(uintptr_t)command);
	const json_t *body = outer ? json_object_iter_value(outer) : NULL;
	void *inner = json_object_iter((json_t *)(uintptr_t)body);
	if (json_object_size(command) != 1 || json_object_size(body) != 1)
		return NULL;
	*verb = json_object_iter_key(outer);
	*what = json_object_iter_value(inner);
	return json_object_iter_key(inner);
}

static bool is_ours(const char *noun, const json_t *what)
{
	const char *table = json_text(what, strcmp(noun, "table") == 0 ? "name" : "table", "");
	return strcmp(table, TABLE) == 0 && family_named(json_text(what, "family", NULL));
}

static int command_check(const json_t *command, struct err *why)
{
	const char *verb = NULL;
	const json_t *what = NULL;
	if (json_object_get(command, "metainfo"))
		return 0;
	const char *noun = object_of(command, &verb, &what);
	if (!noun)
		return err_set(why, -EINVAL, "a command is not understood");
	static const char *const verbs[] = { "add", "insert", "delete", "flush" };
	bool known = false;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		known |= strcmp(verb, verbs[i]) == 0;
	if (!known)
		return err_set(why, -EINVAL, "the command %.40s is not for a ruleset", verb);
	if (!is_ours(noun, what))
		return err_set(why, -EPERM, "a %.40s is in a table that is not ours", noun);
	return 0;
}

int ruleset_check(const json_t *document, struct err *why)
{
	const json_t *list = json_array_at(json_object_at(document, "nft"), "nftables");
	int64_t queues = json_int(document, "queues", 0);
	size_t i;
	json_t *command;
	if (!list || json_int(document, "version", 0) != 1)
		return err_set(why, -EINVAL, "it is not a ruleset of this version");
	if (queues < 1 || queues > QUEUES_MAX)
		return err_set(why, -EINVAL, "it needs 1 to %d queues", QUEUES_MAX);
	json_array_foreach ((json_t *)(uintptr_t)list, i, command) {
		int rc = command_check(command, why);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Does the document add this? */
static bool adds(const json_t *document, const char *noun, const char *name)
{
	size_t i;
	json_t *command;
	json_array_foreach (json_object_get(json_object_get(document, "nft"), "nftables"), i,
	                    command) {
		const json_t *o = json_object_at(json_object_at(command, "add"), noun);
		if (strcmp(json_text(o, "name", ""), name) == 0 &&
		    strcmp(json_text(o, "family", ""), "inet") == 0)
			return true;
	}
	return false;
}

/* ---- what is there ---- */

struct finding {
	json_t *found;
	const char *key;
	unsigned family;
};

/* The attributes that the answers share: NFTA_CHAIN_TABLE, NFTA_SET_TABLE and NFTA_OBJ_TABLE are 1,
 * and so on. */
enum { AT_TABLE = 1, AT_SET_NAME = 2, AT_CHAIN_NAME = 3, AT_MAX = 32 };

static const char *text_of(const struct nlattr *a)
{
	return a && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(a) : "";
}

static uint32_t number_of(const struct nlattr *a)
{
	return a && mnl_attr_validate(a, MNL_TYPE_U32) >= 0 ? ntohl(mnl_attr_get_u32(a)) : 0;
}

static int found_chain(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a[AT_MAX] = { NULL };
	json_t *found = arg;
	attributes_of(h, sizeof(struct nfgenmsg), a, AT_MAX);
	if (strcmp(text_of(a[AT_TABLE]), TABLE) == 0)
		json_array_append_new(json_object_get(found, "chains"),
		                      json_string(text_of(a[NFTA_CHAIN_NAME])));
	return MNL_CB_OK;
}

static int found_set(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a[AT_MAX] = { NULL };
	json_t *found = arg;
	attributes_of(h, sizeof(struct nfgenmsg), a, AT_MAX);
	uint32_t flags = number_of(a[NFTA_SET_FLAGS]);
	/* nft's JSON cannot say that rules fill a set: it would not take what is there for its own.
	 */
	bool kept = (flags & NFT_SET_TIMEOUT) && !(flags & NFT_SET_EVAL);
	if (strcmp(text_of(a[AT_TABLE]), TABLE) != 0 || flags & NFT_SET_ANONYMOUS)
		return MNL_CB_OK;
	json_array_append_new(json_object_get(found, "sets"),
	                      json_pack("{s:s,s:s,s:b}", "name", text_of(a[NFTA_SET_NAME]), "kind",
	                                flags & (NFT_SET_MAP | NFT_SET_OBJECT) ? "map" : "set",
	                                "kept", kept));
	return MNL_CB_OK;
}

static int found_object(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a[AT_MAX] = { NULL };
	json_t *found = arg;
	attributes_of(h, sizeof(struct nfgenmsg), a, AT_MAX);
	if (strcmp(text_of(a[AT_TABLE]), TABLE) == 0 &&
	    number_of(a[NFTA_OBJ_TYPE]) == NFT_OBJECT_COUNTER)
		json_array_append_new(json_object_get(found, "counters"),
		                      json_string(text_of(a[NFTA_OBJ_NAME])));
	return MNL_CB_OK;
}

static int found_table(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a[AT_MAX] = { NULL };
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	json_t *found = arg;
	attributes_of(h, sizeof(struct nfgenmsg), a, AT_MAX);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (families[i].number == g->nfgen_family &&
		    strcmp(text_of(a[AT_TABLE]), TABLE) == 0)
			json_array_append_new(json_object_get(found, "families"),
			                      json_string(families[i].name));
	return MNL_CB_OK;
}

json_t *ruleset_found(struct err *why)
{
	static const struct {
		unsigned type, family;
		int (*each)(const struct nlmsghdr *h, void *arg);
	} dumps[] = { { NFT_MSG_GETTABLE, NFPROTO_UNSPEC, found_table },
		      { NFT_MSG_GETCHAIN, NFPROTO_INET, found_chain },
		      { NFT_MSG_GETSET, NFPROTO_INET, found_set },
		      { NFT_MSG_GETOBJ, NFPROTO_INET, found_object } };
	json_t *found =
		json_pack("{s:[],s:[],s:[],s:[]}", "chains", "sets", "counters", "families");
	AUTO(closep) int fd = tables_socket();
	for (size_t i = 0; i < ARRAY_LEN(dumps); i++) {
		int rc = fd < 0 ? fd
		                : tables_dump(fd, dumps[i].type, dumps[i].family, NULL,
		                              dumps[i].each, found);
		if (rc < 0) {
			err_set(why, rc, "list our table: %s", strerror(-rc));
			json_decref(found);
			return NULL;
		}
	}
	return found;
}

/* ---- the transaction ---- */

static void say(json_t *out, const char *verb, const char *noun, const char *name)
{
	json_array_append_new(out, json_pack("{s:{s:{s:s,s:s,s:s}}}", verb, noun, "family", "inet",
	                                     "table", TABLE, "name", name));
}

static void clear_chains(json_t *out, const json_t *document, const json_t *found)
{
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(found, "chains"), i, v)
		if (strcmp(json_string_value(v), CHAIN_ASK) != 0)
			say(out, "flush", "chain", json_string_value(v));
	json_array_foreach (json_object_get(found, "chains"), i, v)
		if (strcmp(json_string_value(v), CHAIN_ASK) != 0 &&
		    !adds(document, "chain", json_string_value(v)))
			say(out, "delete", "chain", json_string_value(v));
}

/* What a ruleset learnt (blocked sources, counts) stays while the new one knows it too. */
static void clear_contents(json_t *out, const json_t *document, const json_t *found)
{
	size_t i;
	json_t *v;
	json_array_foreach (json_object_get(found, "sets"), i, v) {
		const char *name = json_text(v, "name", ""), *kind = json_text(v, "kind", "set");
		if (!json_bool(v, "kept", false) || !adds(document, kind, name))
			say(out, "delete", kind, name);
	}
	json_array_foreach (json_object_get(found, "counters"), i, v)
		if (!adds(document, "counter", json_string_value(v)))
			say(out, "delete", "counter", json_string_value(v));
}

/* Our tables of other families are made anew by the document itself, or go. */
static void clear_families(json_t *out, const json_t *document, const json_t *found)
{
	const json_t *list = json_array_at(json_object_at(document, "nft"), "nftables");
	size_t i, k;
	json_t *v, *command;
	json_array_foreach (json_object_get(found, "families"), i, v) {
		bool named = strcmp(json_string_value(v), "inet") == 0;
		json_array_foreach ((json_t *)(uintptr_t)list, k, command) {
			const char *verb = NULL;
			const json_t *what = NULL;
			const char *noun = object_of(command, &verb, &what);
			named |= noun &&
			         strcmp(json_text(what, "family", ""), json_string_value(v)) == 0;
		}
		if (!named)
			json_array_append_new(out, json_pack("{s:{s:{s:s,s:s}}}", "delete", "table",
			                                     "family", json_string_value(v), "name",
			                                     TABLE));
	}
}

/* The table itself stays, and the chain that asks. */
static bool is_left_out(const json_t *command)
{
	const char *verb = NULL;
	const json_t *what = NULL;
	const char *noun = object_of(command, &verb, &what);
	if (!noun)
		return true;
	if (strcmp(json_text(what, "family", ""), "inet") != 0)
		return false;
	bool ask = strcmp(json_text(what, strcmp(noun, "chain") == 0 ? "name" : "chain", ""),
	                  CHAIN_ASK) == 0;
	return strcmp(noun, "table") == 0 || ask;
}

json_t *ruleset_transaction(const json_t *document, const json_t *found)
{
	json_t *out = json_array(), *command;
	size_t i;
	clear_chains(out, document, found);
	clear_contents(out, document, found);
	clear_families(out, document, found);
	json_array_foreach (json_object_get(json_object_get(document, "nft"), "nftables"), i,
	                    command)
		if (!is_left_out(command))
			json_array_append(out, command);
	return json_pack("{s:o}", "nftables", out);
}

/* ---- nft ---- */

static pid_t start_nft(int in, int complaints)
{
	static char nft[] = "nft", j[] = "-j", f[] = "-f", dash[] = "-";
	static char path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin", lang[] = "LC_ALL=C";
	char *const argv[] = { nft, j, f, dash, NULL }, *const env[] = { path, lang, NULL };
	posix_spawn_file_actions_t files;
	pid_t pid = -1;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, complaints, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, complaints, STDERR_FILENO);
	static const char *const places[] = { "/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft",
		                              "/usr/local/sbin/nft" };
	int rc = ENOENT;
	for (size_t i = 0; rc != 0 && i < ARRAY_LEN(places); i++)
		rc = posix_spawn(&pid, places[i], &files, NULL, argv, env);
	posix_spawn_file_actions_destroy(&files);
	return rc == 0 ? pid : -rc;
}

static int complained(int fd, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	if (file_read_fd(fd, COMPLAINT_MAX, &b) < 0 || b.n == 0)
		return err_set(why, -EINVAL, "nft refused the ruleset");
	const char *line = memchr(b.p, '\n', b.n);
	return err_set(why, -EINVAL, "nft refused the ruleset: %.*s",
	               (int)(line ? line - b.p : (ssize_t)b.n), b.p);
}

static int run_nft(const json_t *transaction, struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	json_write(&b, transaction);
	AUTO(closep) int in = file_memfd("ruleset", b.p, b.n);
	AUTO(closep) int out = memfd_create("complaints", MFD_CLOEXEC);
	if (in < 0 || out < 0 || lseek(in, 0, SEEK_SET) < 0)
		return err_set(why, -EIO, "hand the ruleset to nft: %s", strerror(errno));
	pid_t pid = start_nft(in, out);
	int status = 0;
	if (pid < 0)
		return err_set(why, pid, "start nft: %s", strerror(-pid));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set(why, -errno, "wait for nft: %s", strerror(errno));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : complained(out, why);
}

static int load_once(const json_t *document, const struct ask_plan *plan, enum ask_by *by,
                     struct err *why)
{
	AUTO(json_decrefp) json_t *found = ruleset_found(why);
	if (!found)
		return -EIO;
	int rc = ask_put(plan, by);
	if (rc < 0)
		return err_set(why, rc, "make the chain that asks: %s", strerror(-rc));
	AUTO(json_decrefp) json_t *transaction = ruleset_transaction(document, found);
	return run_nft(transaction, why);
}

/*
 * An ACK storm: two ends answer each other's ACKs that lie outside the window. The kernel answers
 * no more often than this, for each connection (ip-sysctl, tcp_invalid_ratelimit). Where it cannot
 * be written, as in many a container, the kernel's own pace holds.
 */
static void pace_answers(unsigned ms)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u\n", ms);
	AUTO(closep)
	int fd = open("/proc/sys/net/ipv4/tcp_invalid_ratelimit", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, text, (size_t)n) != n)
		log_debug("pace answers to ACKs: %s", strerror(errno));
}

int ruleset_load(const json_t *document, enum ask_by *by, struct err *why)
{
	const struct ask_plan plan = { .queues = (unsigned)json_int(document, "queues", 1),
		                       .fail_open = json_bool(document, "failOpen", false) };
	int rc = ruleset_check(document, why);
	if (rc == 0)
		rc = load_once(document, &plan, by, why);
	if (rc == 0)
		pace_answers((unsigned)json_int(document, "ackGapMs", ACK_GAP_MS));
	return rc;
}

int ruleset_remove(struct err *why)
{
	AUTO(closep) int fd = tables_socket();
	if (fd < 0)
		return err_set(why, fd, "reach the kernel's tables: %s", strerror(-fd));
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		struct tables_batch b;
		tables_begin(&b);
		struct nlmsghdr *h = tables_add(&b, NFT_MSG_DELTABLE, families[i].number, 0);
		mnl_attr_put_strz(h, NFTA_TABLE_NAME, TABLE);
		tables_added(&b, h);
		int rc = tables_commit(fd, &b);
		if (rc < 0 && rc != -ENOENT && rc != -EAFNOSUPPORT && rc != -EOPNOTSUPP)
			return err_set(why, rc, "remove our %s table: %s", families[i].name,
			               strerror(-rc));
	}
	pace_answers(ACK_GAP_MS);
	return 0;
}

/* ---- the program ---- */

static int load_file(const char *lib, const char *name, enum ask_by *by, struct err *why)
{
	char path[PATH_MAX], kept[PATH_MAX];
	AUTO(buf_done) struct buf b = { 0 };
	snprintf(path, sizeof(path), "%s/" RULESET_FOLDER "/%s", lib, name);
	snprintf(kept, sizeof(kept), "%s/" RULESET_FOLDER "/" RULESET_KEPT, lib);
	int rc = file_read(AT_FDCWD, path, RULESET_MAX, &b);
	if (rc < 0)
		return err_set(why, rc, "read %s: %s", path, strerror(-rc));
	AUTO(json_decrefp) json_t *document = json_parse(buf_view(&b), why);
	rc = document ? ruleset_load(document, by, why) : -EINVAL;
	if (rc == 0 && strcmp(name, RULESET_NEXT) == 0 && rename(path, kept) < 0)
		rc = err_set(why, -errno, "keep the ruleset: %s", strerror(errno));
	if (rc == 0)
		file_sync_dir(AT_FDCWD, kept);
	return rc;
}

static int answer(int rc, enum ask_by by, const struct err *why)
{
	AUTO(buf_done) struct buf b = { 0 };
	AUTO(json_decrefp) json_t *o = json_object();
	if (rc < 0)
		json_set_text(o, "error", why->text);
	else
		json_set_text(o, "by", ask_names[by]);
	json_write(&b, o);
	printf("%.*s\n", (int)b.n, b.p);
	return fflush(stdout) == 0 && rc == 0 ? 0 : 1;
}

int ruleset_main(int argc, char **argv)
{
	const char *lib = "/var/lib/yagura/agent", *name = NULL;
	bool remove_it = false;
	struct err why = { { 0 } };
	enum ask_by by = ASK_NOTHING;
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--lib=", 6) == 0)
			lib = argv[i] + 6;
		else if (strcmp(argv[i], "--lib") == 0 && i + 1 < argc)
			lib = argv[++i];
		else if (strcmp(argv[i], "--load-firewall") == 0)
			name = RULESET_KEPT;
		else if (strcmp(argv[i], "--load-firewall=next") == 0)
			name = RULESET_NEXT;
		else if (strcmp(argv[i], "--unload-firewall") == 0)
			remove_it = true;
	}
	if (!name && !remove_it)
		return -1;
	int rc = remove_it ? ruleset_remove(&why) : load_file(lib, name, &by, &why);
	return answer(rc, by, &why);
}
