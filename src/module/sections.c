#include <string.h>

#include "module/antimalware/antimalware.h"
#include "module/firewall/section.h"
#include "module/integritymonitoring/section.h"
#include "module/intrusionprevention/section.h"
#include "module/loginspection/section.h"
#include "module/module.h"

const struct section *const sections[] = {
	&antimalware_section,         &firewall_section,      &integritymonitoring_section,
	&intrusionprevention_section, &loginspection_section, NULL
};

const struct event_class *const event_classes[] = { &event_class_system,
	                                            &event_class_antimalware,
	                                            &event_class_firewall,
	                                            &event_class_integritymonitoring,
	                                            &event_class_intrusionprevention,
	                                            &event_class_loginspection,
	                                            NULL };

const struct section *section_find(const char *name)
{
	for (const struct section *const *s = sections; *s; s++)
		if (strcmp((*s)->name, name) == 0)
			return *s;
	return NULL;
}
