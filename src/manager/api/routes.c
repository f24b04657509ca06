#include "manager/alert/alert.h"
#include "manager/api/portscan.h"
#include "manager/api/sign_in.h"
#include "manager/api/summary.h"
#include "manager/forward/metrics.h"
#include "manager/oidc/oidc.h"
#include "manager/tasks/tasks.h"

/* The deeds of the API, by family: what is at a path and is no collection. */

/* clang-format off */
static const struct route session_routes[] = {
	{ "POST",   "/api/sessions",                              session_open,           false, "sign in", .open = true },
	{ "GET",    "/api/sessions/current",                      session_current,        false, "who is signed in" },
	{ "DELETE", "/api/sessions/current",                      session_close,          false, "sign out" },
	{ "GET",    "/api/apikeys/current",                       key_current,            false, "the key that asks" },
	{ "POST",   "/api/apikeys/current",                       key_current_set,        true,  "change it" },
	{ "POST",   "/api/apikeys/current/secretkey",             key_current_secret,     true,  "a new secret for it" },
	{ "POST",   "/api/apikeys/{id}/secretkey",                key_secret,             true,  "a new secret for a key" },
	{ "POST",   "/api/administrators/{id}/password",          change_password,        false, "change one's own password" },
	{ "POST",   "/api/administrators/{id}/totp",              totp_begin,             true,  "a second factor of one's own: its secret, shown once" },
	{ "POST",   "/api/administrators/{id}/totp/confirm",      totp_confirm,           true,  "it is needed from now on" },
	{ "DELETE", "/api/administrators/{id}/totp",              totp_end,               true,  "with ?code=: no longer" },
	{ 0 },
};

static const struct route policy_routes[] = {
	{ "GET",    "/api/policies/default",                                            default_settings_get,  false, "what holds where no policy says" },
	{ "POST",   "/api/policies/default",                                            default_settings_set,  true,  "change some" },
	{ "GET",    "/api/policies/default/settings/{name}",                            default_setting_one,   false, "one default" },
	{ "POST",   "/api/policies/default/settings/{name}",                            default_setting_one,   true,  "change it" },
	{ "DELETE", "/api/policies/default/settings/{name}",                            default_setting_one,   true,  "as it came" },
	{ "GET",    "/api/systemsettings",                                              system_settings_get,   false, "the system's settings" },
	{ "POST",   "/api/systemsettings",                                              system_settings_set,   true,  "change some" },
	{ "GET",    "/api/systemsettings/{name}",                                       system_setting_one,    false, "one" },
	{ "POST",   "/api/systemsettings/{name}",                                       system_setting_one,    true,  "change it" },
	{ "DELETE", "/api/systemsettings/{name}",                                       system_setting_one,    true,  "as it came" },
	{ "GET",    "/api/policies/{id}/settings/{name}",                               setting_get,           false, "one setting; ?chain=true: and where it comes from" },
	{ "POST",   "/api/policies/{id}/settings/{name}",                               setting_set,           true,  "override it" },
	{ "DELETE", "/api/policies/{id}/settings/{name}",                               setting_delete,        true,  "inherit it again" },
	{ "GET",    "/api/policies/{id}/{name}/chain",                                  module_chain,          false, "what each level says of a module" },
	{ "GET",    "/api/policies/{id}/{name}/assignments",                            assignments_get,       false, "rules that are assigned" },
	{ "POST",   "/api/policies/{id}/{name}/assignments",                            assignments_add,       true,  "assign more" },
	{ "PUT",    "/api/policies/{id}/{name}/assignments",                            assignments_set,       true,  "assign these and no others" },
	{ "DELETE", "/api/policies/{id}/{name}/assignments/{id2}",                      assignments_remove,    true,  "take one away" },
	{ "GET",    "/api/policies/{id}/{name}/rules",                                  policy_rules_list,     false, "the rules with what is overridden" },
	{ "GET",    "/api/policies/{id}/{name}/rules/{id2}",                            policy_rule_get,       false, "one" },
	{ "POST",   "/api/policies/{id}/{name}/rules/{id2}",                            policy_rule_set,       true,  "override properties" },
	{ "DELETE", "/api/policies/{id}/{name}/rules/{id2}",                            policy_rule_reset,     true,  "inherit them again" },
	{ "GET",    "/api/policies/{id}/intrusionprevention/applicationtypes",          policy_rules_list,     false, "application types of the rules" },
	{ "GET",    "/api/policies/{id}/intrusionprevention/applicationtypes/{id2}",    policy_rule_get,       false, "one" },
	{ "POST",   "/api/policies/{id}/intrusionprevention/applicationtypes/{id2}",    policy_rule_set,       true,  "override properties" },
	{ "DELETE", "/api/policies/{id}/intrusionprevention/applicationtypes/{id2}",    policy_rule_reset,     true,  "inherit them again" },
	{ "GET",    "/api/computers/{id}/settings/{name}",                              setting_get,           false, "one setting; ?chain=true: and where it comes from" },
	{ "POST",   "/api/computers/{id}/settings/{name}",                              setting_set,           true,  "override it" },
	{ "DELETE", "/api/computers/{id}/settings/{name}",                              setting_delete,        true,  "inherit it again" },
	{ "GET",    "/api/computers/{id}/{name}/chain",                                 module_chain,          false, "what each level says of a module" },
	{ "GET",    "/api/computers/{id}/{name}/assignments",                           assignments_get,       false, "rules that are assigned" },
	{ "POST",   "/api/computers/{id}/{name}/assignments",                           assignments_add,       true,  "assign more" },
	{ "PUT",    "/api/computers/{id}/{name}/assignments",                           assignments_set,       true,  "assign these and no others" },
	{ "DELETE", "/api/computers/{id}/{name}/assignments/{id2}",                     assignments_remove,    true,  "take one away" },
	{ "GET",    "/api/computers/{id}/{name}/rules",                                 policy_rules_list,     false, "the rules with what is overridden" },
	{ "GET",    "/api/computers/{id}/{name}/rules/{id2}",                           policy_rule_get,       false, "one" },
	{ "POST",   "/api/computers/{id}/{name}/rules/{id2}",                           policy_rule_set,       true,  "override properties" },
	{ "DELETE", "/api/computers/{id}/{name}/rules/{id2}",                           policy_rule_reset,     true,  "inherit them again" },
	{ "GET",    "/api/computers/{id}/intrusionprevention/applicationtypes",         policy_rules_list,     false, "application types of the rules" },
	{ "GET",    "/api/computers/{id}/intrusionprevention/applicationtypes/{id2}",   policy_rule_get,       false, "one" },
	{ "POST",   "/api/computers/{id}/intrusionprevention/applicationtypes/{id2}",   policy_rule_set,       true,  "override properties" },
	{ "DELETE", "/api/computers/{id}/intrusionprevention/applicationtypes/{id2}",   policy_rule_reset,     true,  "inherit them again" },
	{ 0 },
};

static const struct route computer_routes[] = {
	{ "POST",   "/api/computers/{id}/malwarescan",            job_scan,               true,  "scan it now" },
	{ "POST",   "/api/computers/{id}/integrityscan",          job_integrity_scan,     true,  "scan it for integrity changes; {\"reread\"}: read every file" },
	{ "POST",   "/api/computers/{id}/integritybaseline",      job_integrity_baseline, true,  "make a new integrity baseline of it" },
	{ "POST",   "/api/computers/{id}/integritybaseline/search", job_integrity_view,   true,  "a page of what its baseline holds: {\"text\",\"class\",\"after\",\"maxItems\",\"baseline\",\"comparedWith\"}; the job's result" },
	{ "POST",   "/api/computers/{id}/integritybaseline/prove", job_integrity_prove,   true,  "its agent reads the baseline again and says its root, which has to be the one that is kept" },
	{ "GET",    "/api/computers/{id}/integritybaselines",     integrity_baselines,    false, "the roots of its baselines, newest first" },
	{ "GET",    "/api/computers/{id}/integritymaintenance",   integrity_windows,      false, "its maintenance windows, newest first" },
	{ "POST",   "/api/computers/{id}/integritymaintenance",   integrity_window_open,  true,  "changes from now on are of this maintenance: {\"minutes\",\"reason\"}" },
	{ "DELETE", "/api/computers/{id}/integritymaintenance",   integrity_window_close, true,  "it is over" },
	{ "GET",    "/api/integritychanges",                      integrity_changes_list, false, "changes by their cause; ?state=pending|approved|incident" },
	{ "GET",    "/api/integritychanges/{id}",                 integrity_change_get,   false, "one, with its events" },
	{ "POST",   "/api/integritychanges/{id}/approve",         integrity_change_approve, true, "they were meant: {\"note\"}" },
	{ "POST",   "/api/integritychanges/{id}/incident",        integrity_change_incident, true, "they were not: an incident; {\"note\"}" },
	{ "POST",   "/api/computers/{id}/deactivate",             job_deactivate,         true,  "its agent stops protecting" },
	{ "POST",   "/api/computers/{id}/sendpolicy",             job_send_policy,        true,  "send its policy again" },
	{ "POST",   "/api/computers/{id}/checkstatus",            job_check_status,       true,  "ask for its status now" },
	{ "POST",   "/api/computers/{id}/portscan",               job_port_scan,          true,  "which of its TCP ports are open; {\"ports\"}" },
	{ "POST",   "/api/computers/{id}/firewall/simulate",      firewall_simulate,      true,  "would this packet pass, and which rule decides" },
	{ "POST",   "/api/policies/{id}/firewall/simulate",       firewall_simulate,      true,  "the same for a policy" },
	{ "POST",   "/api/computers/{id}/loginspection/test",     inspection_test,        true,  "what Log Inspection makes of lines: decoder, fields, rule, rules tried" },
	{ "POST",   "/api/policies/{id}/loginspection/test",      inspection_test,        true,  "the same for a policy" },
	{ "GET",    "/api/computers/{id}/loginspection/decoders", inspection_decoders,    false, "decoders and rules that hold, and what is wrong with them" },
	{ "GET",    "/api/policies/{id}/loginspection/decoders",  inspection_decoders,    false, "the same for a policy" },
	{ "GET",    "/api/computers/{id}/loginspection/files",    inspection_files,       false, "the log files that its agent found" },
	{ "POST",   "/api/intrusionpreventionrules/capture",      prevention_capture,     true,  "what rules find in a capture" },
	{ "GET",    "/api/computers/{id}/firewall/hits",          firewall_hits_get,      false, "how often each rule was met" },
	{ "GET",    "/api/antimalwarestatus/{id}",                antimalware_status,     false, "what its agent says of Anti-Malware" },
	{ "GET",    "/api/identifiedfiles",                       files_list,             false, "quarantined files" },
	{ "GET",    "/api/identifiedfiles/{id}",                  files_list,             false, "one" },
	{ "POST",   "/api/identifiedfiles/{id}/restore",          file_restore,           true,  "back to its place" },
	{ "POST",   "/api/identifiedfiles/{id}/delete",           file_delete,            true,  "for good" },
	{ "POST",   "/api/identifiedfiles/{id}/download",         file_download,          true,  "bring it here, encrypted" },
	{ "GET",    "/api/identifiedfiles/{id}/content",          file_content,           false, "the encrypted file" },
	{ "GET",    "/api/jobs",                                  jobs_list,              false, "newest first" },
	{ "GET",    "/api/jobs/{id}",                             job_get,                false, "one" },
	{ "POST",   "/api/jobs/{id}/cancel",                      job_cancel,             true,  "stop it" },
	{ "POST",   "/api/jobs/{id}/retry",                       job_retry,              true,  "the same again" },
	{ 0 },
};

static const struct route event_routes[] = {
	{ "GET",    "/api/events/classes",                        events_classes,         false, "the tables of events" },
	{ "GET",    "/api/events/{name}",                         events_list,            false, "newest first, by cursor" },
	{ "POST",   "/api/events/{name}/search",                  events_search,          false, "search" },
	{ "GET",    "/api/events/{name}/{id}",                    events_get,             false, "one event" },
	{ 0 },
};

static const struct route control_routes[] = {
	{ "GET",    "/api/applicationcontroltrustrulesets/{id}/rules",        trust_ruleset_rules,       false, "its trust rules" },
	{ "POST",   "/api/applicationcontroltrustrulesets/{id}/rules",        trust_ruleset_set_rules,   true,  "add some" },
	{ "PUT",    "/api/applicationcontroltrustrulesets/{id}/rules",        trust_ruleset_set_rules,   true,  "set them" },
	{ "DELETE", "/api/applicationcontroltrustrulesets/{id}/rules/{name}", trust_ruleset_drop_rule,   true,  "take one out" },
	{ "GET",    "/api/applicationcontroltrustrulesets/{id}/assignments",  trust_ruleset_assignments, false, "computers and policies that use it" },
	{ "POST",   "/api/softwarechanges/review",                            software_review,           true,  "allow or block what changed" },
	{ 0 },
};

static const struct route manager_routes[] = {
	{ "GET",    "/api/apiusagemetrics",                       usage_list,             false, "the last calls of the API" },
	{ "POST",   "/api/apiusagemetrics/search",                usage_list,             false, "search" },
	{ "POST",   "/api/agentversioncontrolprofiles/{id}/agentversioncontrols", version_controls_set, true, "change some" },
	{ "POST",   "/api/agentdeploymentscripts",                deployment_script,      false, "the command that activates an agent" },
	{ "GET",    "/api/agentactivationinformation",            activation_information, false, "address and token" },
	{ "GET",    "/api/stream",                                stream_open,            false, "server-sent events" },
	{ "GET",    "/api/manager",                               manager_about,          false, "version and certificate", .open = true },
	{ "GET",    "/api/agentpackages",                         agent_packages,         false, "the agent's packages that are here" },
	{ "GET",    "/api/agentpackages/{name}",                  agent_package,          false, "one, as a file" },
	{ "GET",    "/metrics",                                   metrics_get,            false, "in numbers, for Prometheus", .open = true },
	{ 0 },
};

static const struct route software_routes[] = {
	{ "GET",    "/software/agent/{name}/{name}/{name}",                   software_agent,   false, "the newest package for a platform and processor", .open = true },
	{ "GET",    "/software/agent/{name}/{name}/{name}/{name}",            software_agent,   false, "of a version", .open = true },
	{ "GET",    "/software/deploymentscript/platform/linuxdetectscriptv1", software_detect,  false, "shell: platform_detect", .open = true },
	{ "GET",    "/software/deploymentscript/platform/linux-secure",        software_install, false, "shell: Download_Install_Agent", .open = true },
	{ "POST",   "/rest/authentication/login/primary",                     legacy_sign_in,   false, "sign in as scripts before v1 do", .open = true },
	{ "DELETE", "/rest/authentication/logout",                            session_close,    false, "sign out; ?sID=" },
	{ "GET",    "/rest/apiVersion",                                       legacy_version,   false, "a number", .open = true },
	{ "GET",    "/rest/status/manager/ping",                              legacy_ping,      false, "is it there?", .open = true },
	{ "GET",    "/rest/hosts",                                            legacy_hosts,     false, "computers" },
	{ "GET",    "/rest/syslog-configurations",                            legacy_syslog_list,   false, "syslog configurations" },
	{ "POST",   "/rest/syslog-configurations",                            legacy_syslog_create, true,  "add one" },
	{ "DELETE", "/rest/syslog-configurations/{id}",                       legacy_syslog_delete, true,  "delete one" },
	{ "GET",    "/rest/hosts/{id}",                                       legacy_hosts,     false, "one" },
	{ 0 },
};

const struct route agent_routes[] = {
	{ "GET",  "/agent/ca",              agent_ca,         false, "our authority" },
	{ "POST", "/agent/activate",        agent_activate,   true,  "a certificate for a token" },
	{ "POST", "/agent/heartbeat",       agent_heartbeat,  true,  "the agent's status" },
	{ "GET",  "/agent/policy",          agent_policy,     false, "its policy, signed" },
	{ "GET",  "/agent/commands",        agent_commands,   true,  "what it is to do; waits" },
	{ "POST", "/agent/results",         agent_results,    true,  "how that went" },
	{ "POST", "/agent/events",          agent_events,     true,  "events, exactly once" },
	{ "PUT",  "/agent/files/{id}",      agent_files,      true,  "a quarantined file" },
	{ "POST", "/agent/identifiedfiles", agent_identified, true,  "its quarantine's index" },
	{ 0 },
};

const struct route *const console_routes[] = {
	session_routes,
	policy_routes,
	computer_routes,
	event_routes,
	control_routes,
	manager_routes,
	software_routes,
	task_routes,
	oidc_routes,
	alert_routes,
	record_routes,
	summary_routes,
	NULL,
};
/* clang-format on */
