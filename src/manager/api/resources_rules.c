#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "manager/api/policy.h"
#include "manager/api/resources.h"
#include "module/firewall/firewall.h"
#include "module/intrusionprevention/section.h"
#include "module/loginspection/section.h"

/* Rules of the modules, and what rules name: application types, stateful configurations. */

/* clang-format off */
#define RECOMMENDATIONS "enabled|ignored|unknown|disabled"
#define SEVERITIES      "low|medium|high|critical"

/* Where a packet comes from, or goes to: `side` is source or destination. */
#define ENDPOINT(side) \
	{ #side "IPType",       T_CHOICE, 0, "any|masked-ip|range|ip-list|single|multiple", "\"any\"", .doc = "which addresses" }, \
	{ #side "IPValue",      T_TEXT,   F_OMIT_EMPTY, .max = 60, .doc = "of single and masked-ip" }, \
	{ #side "IPMask",       T_TEXT,   F_OMIT_EMPTY, .max = 60, .doc = "of masked-ip" }, \
	{ #side "IPRangeFrom",  T_TEXT,   F_OMIT_EMPTY, .max = 60, .doc = "of range" }, \
	{ #side "IPRangeTo",    T_TEXT,   F_OMIT_EMPTY, .max = 60, .doc = "of range" }, \
	{ #side "IPMultiple",   T_TEXTS,  F_OMIT_EMPTY, .max = 200, .doc = "of multiple" }, \
	{ #side "IPListID",     T_INT,    F_OMIT_EMPTY, .doc = "of ip-list" }, \
	{ #side "IPNot",        T_BOOL,   0, .otherwise = "false", .doc = "all but these" }, \
	{ #side "MACType",      T_CHOICE, 0, "any|single|mac-list|multiple", "\"any\"", .doc = "which hardware addresses" }, \
	{ #side "MACValue",     T_TEXT,   F_OMIT_EMPTY, .max = 60, .doc = "of single" }, \
	{ #side "MACMultiple",  T_TEXTS,  F_OMIT_EMPTY, .max = 200, .doc = "of multiple" }, \
	{ #side "MACListID",    T_INT,    F_OMIT_EMPTY, .doc = "of mac-list" }, \
	{ #side "MACNot",       T_BOOL,   0, .otherwise = "false", .doc = "all but these" }, \
	{ #side "PortType",     T_CHOICE, 0, "any|multiple|port-list", "\"any\"", .doc = "which ports" }, \
	{ #side "PortMultiple", T_TEXTS,  F_OMIT_EMPTY, .max = 200, .doc = "of multiple" }, \
	{ #side "PortListID",   T_INT,    F_OMIT_EMPTY, .doc = "of port-list" }, \
	{ #side "PortNot",      T_BOOL,   0, .otherwise = "false", .doc = "all but these" }

static const struct field firewall_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "action",            T_CHOICE, 0, "log-only|allow|deny|force-allow|bypass", "\"deny\"", .doc = "what is done with a packet" },
	{ "priority",          T_CHOICE, 0, "0|1|2|3|4", "\"0\"", .doc = "higher ones are looked at first" },
	{ "direction",         T_CHOICE, 0, "incoming|outgoing", "\"incoming\"", .doc = "as the computer sees it" },
	{ "frameType",         T_CHOICE, 0, "any|ip|arp|revarp|ipv4|ipv6|other", "\"ip\"", .doc = "EtherType" },
	{ "frameNumber",       T_INT,    0, .otherwise = "2048", .max = 65535, .doc = "of other" },
	{ "frameNot",          T_BOOL,   0, .otherwise = "false", .doc = "all but these" },
	{ "protocol",          T_CHOICE, 0, "any|icmp|igmp|ggp|tcp|pup|udp|idp|nd|raw|tcp-udp|icmpv6|other", "\"any\"", .doc = "of IP" },
	{ "protocolNumber",    T_INT,    F_OMIT_EMPTY, .max = 255, .doc = "of other" },
	{ "protocolNot",       T_BOOL,   0, .otherwise = "false", .doc = "all but these" },
	ENDPOINT(source),
	ENDPOINT(destination),
	{ "anyFlags",          T_BOOL,   0, .otherwise = "true", .doc = "whatever the TCP flags are" },
	{ "logDisabled",       T_BOOL,   0, .otherwise = "false", .doc = "no events" },
	{ "includePacketData", T_BOOL,   0, .otherwise = "false", .doc = "in events" },
	{ "alertEnabled",      T_BOOL,   0, .otherwise = "false", .doc = "an event raises an alert" },
	{ "scheduleID",        T_INT,    F_OMIT_EMPTY, .doc = "when it holds" },
	{ "contextID",         T_INT,    F_OMIT_EMPTY, .doc = "where it holds" },
	{ "tcpflags",          T_CHOICES, F_OMIT_EMPTY, "fin|syn|rst|psh|ack|urg", .doc = "those that are set" },
	ID_FIELD,
	{ "TCPNot",            T_BOOL,   F_NOT_SEARCHED, .doc = "all but these flags" },
	{ "ICMPType",          T_INT,    F_NOT_SEARCHED, .min = -1, .max = 255, .doc = "with icmp; -1: any" },
	{ "ICMPCode",          T_INT,    F_NOT_SEARCHED, .min = -1, .max = 255, .doc = "with icmp; -1: any" },
	{ "ICMPNot",           T_BOOL,   F_NOT_SEARCHED, .doc = "all but these" },
	{ 0 },
};

static const struct field stateful_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "denyFragmentedPacketsEnabled",         T_BOOL, 0, .otherwise = "false", .doc = "fragments are dropped" },
	{ "denyPacketsContainingCwrOrEceEnabled", T_BOOL, 0, .otherwise = "false", .doc = "packets with congestion flags are dropped" },
	{ "maxIncomingConnections",               T_INT,  0, .otherwise = "0", .max = 1000000, .doc = "from one computer; 0: any number" },
	{ "maxOutgoingConnections",               T_INT,  0, .otherwise = "0", .max = 1000000, .doc = "to one computer; 0: any number" },
	{ "maxHalfOpenConnections",               T_INT,  0, .otherwise = "0", .max = 1000000, .doc = "from one computer; 0: any number" },
	{ "tcpstatefulInspectionEnabled",         T_BOOL, F_NOT_SEARCHED, .otherwise = "true", .doc = "TCP connections are followed" },
	{ "tcpstatefulLoggingEnabled",            T_BOOL, F_NOT_SEARCHED, .otherwise = "false", .doc = "with events" },
	{ "udpstatefulInspectionEnabled",         T_BOOL, F_NOT_SEARCHED, .otherwise = "true", .doc = "answers over UDP need a question" },
	{ "udpstatefulLoggingEnabled",            T_BOOL, F_NOT_SEARCHED, .otherwise = "false", .doc = "with events" },
	{ "icmpstatefulInspectionEnabled",        T_BOOL, F_NOT_SEARCHED, .otherwise = "false", .doc = "answers over ICMP need a question; then nobody can ping the computer" },
	{ "icmpstatefulLoggingEnabled",           T_BOOL, F_NOT_SEARCHED, .otherwise = "false", .doc = "with events" },
	ID_FIELD, { 0 },
};

/* Of rules that add scores up (docs/rules.md). */
static const struct field score_feature_fields[] = {
	{ "feature", T_TEXT, F_REQUIRED, .max = 40, .doc = "its name" },
	{ "score",   T_INT,  0, .otherwise = "0", .max = 1000, .doc = "0: it does not count" },
	{ 0 },
};
static const struct field score_keyword_fields[] = {
	{ "keyword", T_TEXT, F_REQUIRED, .max = 200, .doc = "a word, in any case" },
	{ "score",   T_INT,  0, .otherwise = "1", .max = 1000, .doc = "for each time it is there" },
	{ 0 },
};
static const struct field score_resource_fields[] = {
	{ "resource",      T_TEXT, F_REQUIRED, .max = 200, .doc = "a path; * stands for anything" },
	{ "logThreshold",  T_INT,  0, .otherwise = "4", .max = 1000, .doc = "there; 0: never" },
	{ "dropThreshold", T_INT,  0, .otherwise = "4", .max = 1000, .doc = "there; 0: never" },
	{ 0 },
};
static const struct field score_exemption_fields[] = {
	{ "resource",  T_TEXT, 0, .otherwise = "\"*\"", .max = 200, .doc = "a path; * stands for anything" },
	{ "parameter", T_TEXT, 0, .otherwise = "\"*\"", .max = 200, .doc = "a name of a value there; * stands for anything" },
	{ 0 },
};
static const struct field score_fields[] = {
	{ "logThreshold",      T_INT,     F_OMIT_EMPTY, .max = 1000, .doc = "from this score on a request is told" },
	{ "dropThreshold",     T_INT,     F_OMIT_EMPTY, .max = 1000, .doc = "from this score on the rule acts; not below the other" },
	{ "minimumDistinct",   T_INT,     F_OMIT_EMPTY, .max = 1000, .doc = "so many different features are needed" },
	{ "maximumPerFeature", T_INT,     F_OMIT_EMPTY, .max = 1000, .doc = "that one feature gives" },
	{ "features",          T_OBJECTS, F_OMIT_EMPTY, .doc = "other scores of features", .members = score_feature_fields },
	{ "keywords",          T_OBJECTS, F_OMIT_EMPTY, .doc = "words of your own", .members = score_keyword_fields },
	{ "resources",         T_OBJECTS, F_OMIT_EMPTY, .doc = "where other thresholds hold", .members = score_resource_fields },
	{ "exemptions",        T_OBJECTS, F_OMIT_EMPTY, .doc = "what is not looked at", .members = score_exemption_fields },
	{ 0 },
};

static const struct field intrusion_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "minimumAgentVersion",       T_TEXT,   0, .otherwise = "\"4.0.0.0\"", .max = 40, .doc = "older agents do not have it" },
	{ "applicationTypeID",         T_INT,    F_OMIT_EMPTY, .doc = "whose connections it looks at" },
	{ "priority",                  T_CHOICE, 0, "lowest|low|normal|high|highest", "\"normal\"", .doc = "the order of looking" },
	{ "severity",                  T_CHOICE, 0, SEVERITIES, "\"medium\"", .doc = "of its events" },
	{ "detectOnly",                T_BOOL,   F_NOT_SEARCHED, .otherwise = "false", .doc = "never drops" },
	{ "eventLoggingDisabled",      T_BOOL,   0, .otherwise = "false", .doc = "no events" },
	{ "generateEventOnPacketDrop", T_BOOL,   0, .otherwise = "false", .doc = "an event for each dropped packet" },
	{ "alwaysIncludePacketData",   T_BOOL,   0, .otherwise = "false", .doc = "in events" },
	{ "debugModeEnabled",          T_BOOL,   0, .otherwise = "false", .doc = "packets around it are kept" },
	{ "type",                      T_CHOICE, F_READ_ONLY, "custom|smart|vulnerability|exploit|hidden|policy|info", "\"custom\"", .doc = "what kind of rule" },
	{ "originalIssue",             T_TIME,   F_READ_ONLY, .doc = "of a rule that came with a bundle" },
	{ "lastUpdated",               T_TIME,   F_READ_ONLY, .doc = "the same" },
	{ "identifier",                T_TEXT,   F_READ_ONLY | F_OMIT_EMPTY, .doc = "of a rule that came with a bundle" },
	{ "template",                  T_CHOICE, F_NOT_SEARCHED, "signature|start-end-patterns|custom", "\"signature\"", .doc = "how it is written" },
	{ "signature",                 T_TEXT,   F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 10000, .doc = "of signature" },
	{ "start",                     T_TEXT,   F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 10000, .doc = "of start-end-patterns" },
	{ "patterns",                  T_TEXTS,  F_OMIT_EMPTY, .max = 10000, .doc = "between start and end" },
	{ "end",                       T_TEXT,   F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 10000, .doc = "of start-end-patterns" },
	{ "caseSensitive",             T_BOOL,   F_NOT_SEARCHED, .otherwise = "false", .doc = "letters must be the same" },
	{ "condition",                 T_CHOICE, F_NOT_SEARCHED | F_OMIT_EMPTY, "all|any|none", .doc = "how many patterns" },
	{ "action",                    T_CHOICE, F_NOT_SEARCHED, "drop|log-only", "\"drop\"", .doc = "what is done with the connection" },
	{ "customXML",                 T_TEXT,   F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 1000000, .doc = "of custom" },
	{ "alertEnabled",              T_BOOL,   0, .otherwise = "false", .doc = "an event raises an alert" },
	{ "scheduleID",                T_INT,    F_OMIT_EMPTY, .doc = "when it holds" },
	{ "contextID",                 T_INT,    F_OMIT_EMPTY, .doc = "where it holds" },
	{ "recommendationsMode",       T_CHOICE, 0, RECOMMENDATIONS, "\"disabled\"", .doc = "whether it may be recommended" },
	{ "canBeAssignedAlone",        T_BOOL,   F_READ_ONLY | F_NOT_SEARCHED, .otherwise = "true", .doc = "needs no other rule" },
	{ "dependsOnRuleIDs",          T_IDS,    F_OMIT_EMPTY, .doc = "rules that come with it" },
	ID_FIELD,
	{ "CVSSScore",                 T_TEXT,   F_READ_ONLY | F_OMIT_EMPTY, .doc = "of the weakness" },
	{ "CVE",                       T_TEXTS,  F_OMIT_EMPTY, .max = 40, .doc = "the weaknesses it is about" },
	{ "configuration",             T_OBJECT, F_OMIT_EMPTY, .doc = "of a rule that adds scores up", .members = score_fields },
	{ 0 },
};

static const struct field type_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "minimumAgentVersion", T_TEXT,   0, .otherwise = "\"4.0.0.0\"", .max = 40, .doc = "older agents do not have it" },
	{ "direction",           T_CHOICE, 0, "incoming|outgoing", "\"incoming\"", .doc = "who opens the connection" },
	{ "protocol",            T_CHOICE, 0, "icmp|tcp|udp|tcp-udp", "\"tcp\"", .doc = "of IP" },
	{ "portType",            T_CHOICE, 0, "any|multiple|port-list", "\"any\"", .doc = "which ports" },
	{ "portMultiple",        T_TEXTS,  F_OMIT_EMPTY, .max = 200, .doc = "of multiple" },
	{ "portListID",          T_INT,    F_OMIT_EMPTY, .doc = "of port-list" },
	{ "recommendationsMode", T_CHOICE, 0, RECOMMENDATIONS, "\"disabled\"", .doc = "whether its rules may be recommended" },
	ID_FIELD, { 0 },
};

static const struct field integrity_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "minimumAgentVersion",         T_TEXT,   0, .otherwise = "\"6.0.0.0\"", .max = 40, .doc = "older agents do not have it" },
	{ "minimumManagerVersion",       T_TEXT,   0, .otherwise = "\"6.0.0\"", .max = 40, .doc = "older managers do not know it" },
	{ "severity",                    T_CHOICE, 0, SEVERITIES, "\"medium\"", .doc = "of its events" },
	{ "type",                        T_TEXT,   F_READ_ONLY, .otherwise = "\"Defined\"", .doc = "Defined: made here" },
	{ "originalIssue",               T_TIME,   F_READ_ONLY, .doc = "of a rule that came with a bundle" },
	{ "lastUpdated",                 T_TIME,   F_READ_ONLY, .doc = "the same" },
	{ "identifier",                  T_TEXT,   F_READ_ONLY | F_OMIT_EMPTY, .doc = "of a rule that came with a bundle" },
	{ "template",                    T_CHOICE, F_NOT_SEARCHED, "registry|file|custom", "\"file\"", .doc = "how it is written" },
	{ "registryKeyRoot",             T_TEXT,   F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 100, .doc = "of registry" },
	{ "registryKeyValue",            T_TEXT,   F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 2000, .doc = "of registry" },
	{ "registryIncludeSubKeys",      T_BOOL,   F_NOT_SEARCHED, .doc = "of registry" },
	{ "registryIncludedValues",      T_TEXTS,  F_OMIT_EMPTY, .max = 2000, .doc = "of registry" },
	{ "registryIncludeDefaultValue", T_BOOL,   F_NOT_SEARCHED, .doc = "of registry" },
	{ "registryExcludedValues",      T_TEXTS,  F_OMIT_EMPTY, .max = 2000, .doc = "of registry" },
	{ "registryAttributes",          T_TEXTS,  F_OMIT_EMPTY, .max = 200, .doc = "of registry" },
	{ "fileBaseDirectory",           T_TEXT,   F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 4096, .doc = "of file" },
	{ "fileIncludeSubDirectories",   T_BOOL,   F_NOT_SEARCHED, .doc = "of file" },
	{ "fileIncludedValues",          T_TEXTS,  F_OMIT_EMPTY, .max = 4096, .doc = "of file" },
	{ "fileExcludedValues",          T_TEXTS,  F_OMIT_EMPTY, .max = 4096, .doc = "of file" },
	{ "fileAttributes",              T_TEXTS,  F_OMIT_EMPTY, .max = 200, .doc = "of file" },
	{ "customXML",                   T_TEXT,   F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 1000000, .doc = "of custom" },
	{ "alertEnabled",                T_BOOL,   0, .otherwise = "false", .doc = "an event raises an alert" },
	{ "realTimeMonitoringEnabled",   T_BOOL,   0, .otherwise = "true", .doc = "without waiting for a scan" },
	{ "recommendationsMode",         T_CHOICE, 0, RECOMMENDATIONS, "\"disabled\"", .doc = "whether it may be recommended" },
	ID_FIELD, { 0 },
};

static const struct field log_file_fields[] = {
	{ "location", T_TEXT,   F_REQUIRED, .max = 4096, .doc = "a path, perhaps with wildcards and strftime(3); of journald, matches" },
	{ "format",   T_CHOICE, 0, LI_FORMAT_CHOICES, "\"syslog\"", .doc = "of its lines" },
	{ 0 },
};
static const struct field log_files_fields[] = {
	{ "logFiles", T_OBJECTS, 0, .otherwise = "[]", .doc = "the files that are read", .members = log_file_fields },
	{ 0 },
};
static const struct field log_fields[] = {
	NAME_FIELD,
	DESCRIPTION_FIELD,
	{ "minimumAgentVersion",   T_TEXT,   0, .otherwise = "\"6.0.0.0\"", .max = 40, .doc = "older agents do not have it" },
	{ "minimumManagerVersion", T_TEXT,   0, .otherwise = "\"6.0.0\"", .max = 40, .doc = "older managers do not know it" },
	{ "type",                  T_TEXT,   F_READ_ONLY | F_OMIT_EMPTY, .doc = "of a rule that came with a bundle" },
	{ "originalIssue",         T_TIME,   F_READ_ONLY, .doc = "of a rule that came with a bundle" },
	{ "lastUpdated",           T_TIME,   F_READ_ONLY, .doc = "the same" },
	{ "identifier",            T_TEXT,   F_READ_ONLY | F_OMIT_EMPTY, .doc = "of a rule that came with a bundle" },
	{ "template",              T_CHOICE, F_NOT_SEARCHED, "basic-rule|custom", "\"basic-rule\"", .doc = "how it is written" },
	{ "ruleID",                T_INT,    F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 999999, .doc = "its number in the language of rules" },
	{ "level",                 T_INT,    F_NOT_SEARCHED, .otherwise = "0", .max = 15, .doc = "0: no event" },
	{ "groups",                T_TEXTS,  F_OMIT_EMPTY, .max = 200, .doc = "names that other rules depend on" },
	{ "ruleDescription",       T_TEXT,   F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 2000, .doc = "what an event says" },
	{ "pattern",               T_TEXT,   F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 10000, .doc = "in the line" },
	{ "patternType",           T_CHOICE, F_NOT_SEARCHED, "string|regex", "\"string\"", .doc = "how the pattern is meant" },
	{ "dependency",            T_CHOICE, F_NOT_SEARCHED, "none|rule|group", "\"none\"", .doc = "what must have fired before" },
	{ "dependencyRuleID",      T_INT,    F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 999999, .doc = "of rule" },
	{ "dependencyGroup",       T_TEXT,   F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 200, .doc = "of group" },
	{ "frequency",             T_INT,    F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 999999, .doc = "so often" },
	{ "timeFrame",             T_INT,    F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 86400, .doc = "in so many seconds" },
	{ "ruleXML",               T_TEXT,   F_OMIT_EMPTY | F_NOT_SEARCHED, .max = 1000000, .doc = "of custom" },
	{ "logFiles",              T_OBJECT, 0, .doc = "what is read", .members = log_files_fields },
	{ "alertEnabled",          T_BOOL,   0, .otherwise = "false", .doc = "an event raises an alert" },
	{ "alertMinimumSeverity",  T_INT,    F_OMIT_EMPTY, .max = 15, .doc = "from this level on" },
	{ "recommendationsMode",   T_CHOICE, 0, RECOMMENDATIONS, "\"disabled\"", .doc = "whether it may be recommended" },
	{ "sortOrder",             T_INT,    F_NOT_SEARCHED, .otherwise = "15000", .max = 1000000, .doc = "the order of looking" },
	{ "canBeAssignedAlone",    T_BOOL,   F_READ_ONLY | F_NOT_SEARCHED, .otherwise = "true", .doc = "needs no other rule" },
	{ "dependsOnRuleIDs",      T_IDS,    F_OMIT_EMPTY, .doc = "rules that come with it" },
	ID_FIELD, { 0 },
};

static const struct ref firewall_refs[] = {
	{ "sourceIPListID", "iplists" }, { "sourceMACListID", "maclists" }, { "sourcePortListID", "portlists" },
	{ "destinationIPListID", "iplists" }, { "destinationMACListID", "maclists" }, { "destinationPortListID", "portlists" },
	{ "scheduleID", "schedules" }, { "contextID", "contexts" }, { 0 },
};
static const struct ref intrusion_refs[] = {
	{ "applicationTypeID", "applicationtypes" }, { "scheduleID", "schedules" }, { "contextID", "contexts" },
	{ "dependsOnRuleIDs", "intrusionpreventionrules" }, { 0 },
};
static const struct ref type_refs[] = { { "portListID", "portlists" }, { 0 } };
static const struct ref log_refs[] = { { "dependsOnRuleIDs", "loginspectionrules" }, { 0 } };

/* The members that a choice needs. */
static const struct need firewall_needs[] = {
	{ "sourceIPType", "single", "sourceIPValue" }, { "sourceIPType", "masked-ip", "sourceIPValue" },
	{ "sourceIPType", "masked-ip", "sourceIPMask" }, { "sourceIPType", "range", "sourceIPRangeFrom" },
	{ "sourceIPType", "range", "sourceIPRangeTo" }, { "sourceIPType", "multiple", "sourceIPMultiple" },
	{ "sourceIPType", "ip-list", "sourceIPListID" }, { "sourceMACType", "single", "sourceMACValue" },
	{ "sourceMACType", "multiple", "sourceMACMultiple" }, { "sourceMACType", "mac-list", "sourceMACListID" },
	{ "sourcePortType", "multiple", "sourcePortMultiple" }, { "sourcePortType", "port-list", "sourcePortListID" },
	{ "destinationIPType", "single", "destinationIPValue" }, { "destinationIPType", "masked-ip", "destinationIPValue" },
	{ "destinationIPType", "masked-ip", "destinationIPMask" }, { "destinationIPType", "range", "destinationIPRangeFrom" },
	{ "destinationIPType", "range", "destinationIPRangeTo" }, { "destinationIPType", "multiple", "destinationIPMultiple" },
	{ "destinationIPType", "ip-list", "destinationIPListID" }, { "destinationMACType", "single", "destinationMACValue" },
	{ "destinationMACType", "multiple", "destinationMACMultiple" }, { "destinationMACType", "mac-list", "destinationMACListID" },
	{ "destinationPortType", "multiple", "destinationPortMultiple" }, { "destinationPortType", "port-list", "destinationPortListID" },
	{ 0 },
};
static const struct need type_needs[] = { { "portType", "multiple", "portMultiple" }, { "portType", "port-list", "portListID" }, { 0 } };
static const struct need intrusion_needs[] = { { "template", "custom", "customXML" }, { 0 } };
static const struct need log_needs[] = { { "template", "custom", "ruleXML" }, { "dependency", "group", "dependencyGroup" }, { 0 } };

static const struct item_kind items[] = {
	{ "sourceIPValue", item_ip }, { "sourceIPMultiple", item_ip }, { "sourceIPRangeFrom", item_ip }, { "sourceIPRangeTo", item_ip },
	{ "destinationIPValue", item_ip }, { "destinationIPMultiple", item_ip }, { "destinationIPRangeFrom", item_ip },
	{ "destinationIPRangeTo", item_ip }, { "sourceMACValue", item_mac }, { "sourceMACMultiple", item_mac },
	{ "destinationMACValue", item_mac }, { "destinationMACMultiple", item_mac }, { "sourcePortMultiple", item_port },
	{ "destinationPortMultiple", item_port }, { "portMultiple", item_port }, { 0 },
};
/* clang-format on */

static int rule_check(struct call *c, const json_t *o, const struct ref *refs,
                      const struct need *needs)
{
	int rc = refs ? refs_right(c, o, refs) : 0;
	if (rc == 0 && needs)
		rc = needs_right(c, o, needs);
	return rc == 0 ? items_right(c, o, items) : rc;
}

/* A member that is there means something: any type and code have none. */
static void drop_any_icmp(json_t *o)
{
	static const char *const members[] = { "ICMPType", "ICMPCode" };
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (json_int(o, members[i], 0) < 0)
			json_object_del(o, members[i]);
}

static int firewall_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id, (void)old;
	drop_any_icmp(o);
	int rc = rule_check(c, o, firewall_refs, firewall_needs);
	struct err why = { { 0 } };
	if (rc == 0 && firewall_check_rule(o, &why) < 0)
		rc = err_set(&c->why, -EINVAL, "Invalid firewall rule: %s.", why.text);
	return rc;
}

static int stateful_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	struct err why = { { 0 } };
	(void)id, (void)old;
	return firewall_check_stateful(o, &why) < 0
	               ? err_set(&c->why, -EINVAL, "Invalid stateful configuration: %s.", why.text)
	               : 0;
}

/* What a rule is stays as it came; how it is used is everybody's own. */
static int shipped_stays(struct call *c, const json_t *old, const json_t *o)
{
	static const char *const kept[] = { "name",      "description", "applicationTypeID",
		                            "severity",  "template",    "signature",
		                            "start",     "patterns",    "end",
		                            "condition", "action",      "caseSensitive",
		                            "customXML", "CVE",         "minimumAgentVersion" };
	if (!*json_text(old, "identifier", ""))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		const json_t *was = json_object_get(old, kept[i]),
			     *is = json_object_get(o, kept[i]);
		if (was != is && !(was && is && json_equal(was, is)))
			return err_set(&c->why, -EINVAL,
			               "Rules that came with an update cannot be modified (%s). "
			               "Duplicate the rule, or override it in a policy or on a "
			               "computer.",
			               kept[i]);
	}
	return 0;
}

static int intrusion_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id;
	if (old && c->id2 < 0 && shipped_stays(c, old, o) < 0)
		return -EINVAL;
	int rc = rule_check(c, o, intrusion_refs, intrusion_needs);
	struct err why = { { 0 } };
	if (rc == 0 && prevention_check_rule(o, &why) < 0)
		rc = err_set(&c->why, -EINVAL, "Invalid intrusion prevention rule: %s.", why.text);
	return rc;
}

static int type_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id, (void)old;
	int rc = rule_check(c, o, type_refs, type_needs);
	struct err why = { { 0 } };
	if (rc == 0 && prevention_check_type(o, &why) < 0)
		rc = err_set(&c->why, -EINVAL, "Invalid application type: %s.", why.text);
	return rc;
}

static int log_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)old;
	int rc = rule_check(c, o, log_refs, log_needs);
	return rc < 0 ? rc : inspection_rule_right(c, id, o);
}

static void default_member(json_t *o, const char *key, json_t *value)
{
	if (json_object_get(o, key))
		json_decref(value);
	else
		json_set(o, key, value);
}

/* What a rule over the registry has besides (rest-api.md 9.3). */
static int integrity_check(struct call *c, int64_t id, const json_t *old, json_t *o)
{
	(void)id;
	const char *template = json_text(o, "template", "");
	if (strcmp(template, "custom") == 0 && !*json_text(o, "customXML", ""))
		return err_set(&c->why, -EINVAL, "customXML is required.");
	if (strcmp(template, "file") == 0 && !old)
		default_member(o, "fileIncludeSubDirectories", json_false());
	if (strcmp(template, "registry") != 0)
		return integrity_rule_right(o, &c->why);
	default_member(o, "registryKeyRoot", json_string("HKEY_CLASSES_ROOT"));
	default_member(o, "registryKeyValue", json_string("\\"));
	default_member(o, "registryIncludeSubKeys", json_false());
	default_member(o, "registryIncludeDefaultValue", json_true());
	default_member(o, "registryExcludedValues", json_pack("[s]", ""));
	default_member(o, "registryAttributes", json_pack("[s]", "STANDARD"));
	return 0;
}

static int rule_used(struct call *c, const char *module, int64_t id)
{
	return module_names(c->app, module, "ruleIDs", id) ? resource_in_use(c, "rule") : 0;
}

static int firewall_may_delete(struct call *c, int64_t id)
{
	return rule_used(c, "firewall", id);
}

static int intrusion_may_delete(struct call *c, int64_t id)
{
	AUTO(json_decrefp)
	json_t *o = object_get(c->app->store, "intrusionpreventionrules", id);
	if (*json_text(o, "identifier", ""))
		return err_set(&c->why, -EINVAL,
		               "Rules that came with an update cannot be deleted.");
	return rule_used(c, "intrusionPrevention", id);
}

static int integrity_may_delete(struct call *c, int64_t id)
{
	return rule_used(c, "integrityMonitoring", id);
}

static int log_may_delete(struct call *c, int64_t id)
{
	return rule_used(c, "logInspection", id);
}

static int stateful_may_delete(struct call *c, int64_t id)
{
	return module_names(c->app, "firewall", "globalStatefulConfigurationID", id)
	               ? resource_in_use(c, "stateful configuration")
	               : 0;
}

static int type_may_delete(struct call *c, int64_t id)
{
	static const char *const refs[] = { "applicationTypeID", NULL };
	return resource_named_by(c->app, "intrusionpreventionrules", refs, id)
	               ? resource_in_use(c, "application type")
	               : 0;
}

/* clang-format off */
const struct resource rule_resources[] = {
	{ "firewallrules", "firewallRules", "firewall rule", "name", NULL, firewall_fields, V_EVERY,
	  .check = firewall_check, .changed = policies_affected, .may_delete = firewall_may_delete, RIGHTS_OF("FirewallRule") },
	{ "statefulconfigurations", "statefulConfigurations", "stateful configuration", "name", NULL, stateful_fields, V_EVERY,
	  .check = stateful_check, .changed = policies_affected, .may_delete = stateful_may_delete, RIGHTS_OF("StatefulConfiguration") },
	{ "intrusionpreventionrules", "intrusionPreventionRules", "intrusion prevention rule", "name", NULL, intrusion_fields, V_EVERY,
	  .check = intrusion_check, .changed = policies_affected, .may_delete = intrusion_may_delete, RIGHTS_OF("IntrusionPreventionRule") },
	{ "applicationtypes", "applicationTypes", "application type", "name", NULL, type_fields, V_EVERY,
	  .check = type_check, .changed = policies_affected, .may_delete = type_may_delete, RIGHTS_OF("ApplicationType") },
	{ "integritymonitoringrules", "integrityMonitoringRules", "integrity monitoring rule", "name", NULL, integrity_fields, V_EVERY,
	  .check = integrity_check, .changed = policies_affected, .may_delete = integrity_may_delete, RIGHTS_OF("IntegrityMonitoringRule") },
	{ "loginspectionrules", "logInspectionRules", "log inspection rule", "name", NULL, log_fields, V_EVERY,
	  .check = log_check, .changed = policies_affected, .may_delete = log_may_delete, RIGHTS_OF("LogInspectionRule") },
	{ 0 },
};
/* clang-format on */
