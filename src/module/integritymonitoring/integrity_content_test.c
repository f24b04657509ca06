#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "module/integritymonitoring/integritymonitoring.h"

/* Every rule of content/rules/integritymonitoring compiles, says why it is there, and covers what
 * it says. */

static int is_xml(const struct dirent *e)
{
	return str_ends(str_of(e->d_name), STR(".xml"));
}

/* All files, as one set of rules. */
static void read_all(struct im_rules *r)
{
	char path[1024];
	const char *top = getenv("YAGURA_TOP");
	struct dirent **names = NULL;
	snprintf(path, sizeof(path), "%s/content/rules/integritymonitoring", top ? top : ".");
	AUTO(closep) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int n = scandir(path, &names, is_xml, alphasort);
	assert_true(dir >= 0 && n > 0);
	im_rules_init(r, IM_BIT(IMP_SHA256), NULL);
	for (int i = 0; i < n; i++) {
		AUTO(buf_done) struct buf text = { 0 };
		struct err why = { { 0 } };
		const struct im_rule as = { .name = str_of(names[i]->d_name) };
		assert_int_equal(file_read(dir, names[i]->d_name, 1 << 20, &text), 0);
		if (im_rules_add_xml(r, buf_view(&text), &as, &why) < 0)
			fail_msg("%s: %s", names[i]->d_name, why.text);
		free(names[i]);
	}
	free(names);
}

static void every_rule_compiles_and_says_why(void **state)
{
	AUTO(im_rules_done) struct im_rules r;
	(void)state;
	read_all(&r);
	assert_true(r.nrules >= 41);
	for (size_t i = 0; i < r.nnotes; i++)
		fail_msg("%.*s: %.*s does not apply to Linux", STR_ARG(r.notes[i].rule->name),
		         STR_ARG(r.notes[i].text));
	for (size_t i = 0; i < r.nrules; i++) {
		const struct im_rule *rule = r.rules[i];
		bool watches = false;
		if (!rule->id || !rule->name.n || rule->description.n < 10 || !rule->platform.n)
			fail_msg("rule %zu, %.*s: id, name, reason or platform is missing", i,
			         STR_ARG(rule->name));
		for (size_t j = 0; j < i; j++)
			if (r.rules[j]->id == rule->id || str_eq(r.rules[j]->name, rule->name))
				fail_msg("%.*s is there twice", STR_ARG(rule->name));
		for (size_t j = 0; j < r.nsets; j++)
			watches |= r.sets[j].rule == rule && r.sets[j].attributes != 0;
		if (!watches)
			fail_msg("%.*s watches nothing", STR_ARG(rule->name));
	}
}

static void what_an_intruder_changes_is_covered(void **state)
{
	static const struct {
		const char *path, *rule;
	} cases[] = {
		{ "/etc/passwd", "Accounts" },
		{ "/etc/shadow", "Accounts" },
		{ "/etc/sudoers", "sudo and su" },
		{ "/etc/sudoers.d/90-me", "sudo and su" },
		{ "/etc/pam.d/sshd", "PAM" },
		{ "/etc/ssh/sshd_config", "ssh" },
		{ "/root/.ssh/authorized_keys", "ssh" },
		{ "/etc/cron.d/backdoor", "Scheduled work" },
		{ "/etc/systemd/system/evil.service", "Services" },
		{ "/etc/ld.so.preload", "Dynamic loader" },
		{ "/usr/bin/sshd", "Programs" },
		{ "/var/www/html/shell.php", "Web roots" },
		{ "/etc/mysql/my.cnf", "Databases" },
		{ "/etc/apt/sources.list.d/x.list", "Package sources of Debian" },
		{ "/etc/docker/daemon.json", "Docker and containerd" },
	};
	AUTO(im_rules_done) struct im_rules r;
	(void)state;
	read_all(&r);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct im_entity e = { .class = IM_FILE, .key = str_of(cases[i].path) };
		bool covered = false;
		e.file.mode = 0100755;
		for (size_t j = 0; j < r.nsets; j++)
			covered |= str_is(r.sets[j].rule->name, cases[i].rule) &&
			           im_set_covers(&r.sets[j], &e);
		if (!covered)
			fail_msg("%s is not covered by \"%s\"", cases[i].path, cases[i].rule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_compiles_and_says_why),
		cmocka_unit_test(what_an_intruder_changes_is_covered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
