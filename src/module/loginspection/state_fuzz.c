#include "module/loginspection/loginspection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A state that somebody else wrote, loaded and then counted with. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct li_file rules = {
		"r", STR("<rule id=\"10\" level=\"5\"><match>a</match></rule>"
		         "<rule id=\"11\" level=\"9\" frequency=\"0\"><if_matched_sid>10"
		         "</if_matched_sid></rule>")
	};
	static struct li_set *set;
	static struct li_engine *e;
	struct li_answer a;
	if (!set && li_set_build(&(struct li_files){ 0 }, &(struct li_files){ &rules, 1 }, NULL,
	                         &(struct li_dialect){ 0 }, &set, NULL) < 0)
		return 0;
	if (!e)
		e = li_engine_new(set, NULL);
	li_engine_load(e, (struct str){ (const char *)data, size }, NULL);
	for (int64_t now = 1; now < 4; now++)
		li_engine_line(e, STR("a"), (struct str){ 0 }, now, &a);
	return 0;
}
