#include "manager/store/seed.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/json.h"
#include "manager/api/app.h"
#include "manager/store/shipped.h"

/*
 * What a new manager knows, under the names and IDs that existing clients look up (rest-api.md 11).
 * Our own words; ' is written for ". Objects in the order in which they name each other.
 */

/* clang-format off */
static const struct {
	const char *kind;
	int64_t id; /* 0: the next one */
	const char *object;
} rows[] = {
	{ "roles", 1, "{'name':'Full Access','description':'May do everything.','urn':'urn:yagura:role:full-access','immutable':true,"
	              "'canOnlyManipulateUsersWithEqualOrLesserRights':false,'allComputers':true,'allPolicies':true,'allowWebService':true}" },
	{ "roles", 2, "{'name':'Auditor','description':'May see everything and change nothing.','urn':'urn:yagura:role:auditor','immutable':true,"
	              "'allComputers':true,'allPolicies':true,'allowWebService':true}" },
	{ "administrators", 1, "{'username':'admin','roleID':1,'primaryContact':true}" },
	{ "computergroups", 1, "{'name':'Computers','type':'root'}" },
	{ "relaygroups",    1, "{'name':'Default Relay Group','description':'Agents get updates from the manager.'}" },

	{ "schedules", 1, "{'name':'Business Hours','description':'Monday to Friday, 8 to 18.'}" },
	{ "schedules", 2, "{'name':'Nights','description':'Every day, 18 to 8.'}" },
	{ "schedules", 3, "{'name':'Weekends','description':'Saturday and Sunday.'}" },
	{ "schedules", 4, "{'name':'Every Day All Day'}" },
	{ "contexts", 1, "{'name':'Domain Connection','description':'The computer reaches its domain.','localConnectionsEnabled':true}" },
	{ "contexts", 2, "{'name':'No Internet Connection','description':'The computer does not reach the Internet.','noInternetEnabled':true}" },
	{ "contexts", 3, "{'name':'Remote Domain Connection (Off Domain)','description':'The computer does not reach its domain.','remoteConnectionsEnabled':true,'noConnectionEnabled':true}" },

	{ "iplists", 1, "{'name':'Ignore Reconnaissance','description':'Addresses that may look around: scanners, monitors.','items':['127.0.0.1']}" },
	{ "iplists", 2, "{'name':'Private Networks','description':'RFC 1918, RFC 4193.','items':['10.0.0.0/8','172.16.0.0/12','192.168.0.0/16','fc00::/7']}" },
	{ "iplists", 3, "{'name':'Loopback','items':['127.0.0.0/8','::1']}" },
	{ "maclists", 1, "{'name':'Known Hardware','description':'Empty: for those that rules shall name.','items':[]}" },
	{ "portlists", 1, "{'name':'HTTP','items':['80','8080','8000']}" },
	{ "portlists", 2, "{'name':'HTTPS','items':['443','8443']}" },
	{ "portlists", 3, "{'name':'Mail','items':['25','110','143','465','587','993','995']}" },
	{ "portlists", 4, "{'name':'Domain Name Service','items':['53']}" },
	{ "portlists", 5, "{'name':'Web Reputation','description':'Where pages are looked up.','items':['80','8080']}" },
	{ "portlists", 6, "{'name':'Well-Known Ports','items':['1-1024']}" },

	{ "statefulconfigurations", 1, "{'name':'Enable Stateful Inspection','description':'TCP, UDP and ICMP are followed.'}" },
	{ "statefulconfigurations", 2, "{'name':'Disable Stateful Inspection','description':'Each packet is looked at alone.','tcpstatefulInspectionEnabled':false,"
	                               "'udpstatefulInspectionEnabled':false,'icmpstatefulInspectionEnabled':false}" },

	{ "firewallrules", 0, "{'name':'Allow ICMP fragmentation packet (type 3, code 4)','description':'So that paths find their packet size.','action':'allow','protocol':'icmp','ICMPType':3,'ICMPCode':4,'ICMPNot':false}" },
	{ "firewallrules", 0, "{'name':'Allow solicited ICMP replies','description':'Answers to what the computer asked; needs stateful inspection.','action':'allow','protocol':'icmp'}" },
	{ "firewallrules", 0, "{'name':'Allow solicited TCP/UDP replies','description':'Answers on connections that the computer opened; needs stateful inspection.','action':'allow','protocol':'tcp-udp'}" },
	{ "firewallrules", 0, "{'name':'ARP','description':'Addresses of the local network are resolved.','action':'allow','frameType':'arp','frameNumber':2054}" },
	{ "firewallrules", 0, "{'name':'DHCP Server','description':'The computer gives out addresses.','action':'allow','protocol':'udp','destinationPortType':'multiple','destinationPortMultiple':['67']}" },
	{ "firewallrules", 0, "{'name':'DHCP Client','description':'The computer gets its address.','action':'force-allow','priority':'4','protocol':'udp','sourcePortType':'multiple','sourcePortMultiple':['67'],'destinationPortType':'multiple','destinationPortMultiple':['68']}" },
	{ "firewallrules", 0, "{'name':'DNS Server','description':'The computer resolves names.','action':'allow','protocol':'tcp-udp','destinationPortType':'multiple','destinationPortMultiple':['53']}" },
	{ "firewallrules", 0, "{'name':'ICMP Echo Request','description':'The computer may be pinged.','action':'allow','protocol':'icmp','ICMPType':8,'ICMPCode':0,'ICMPNot':false}" },
	{ "firewallrules", 0, "{'name':'IDENT','description':'Who owns a connection (RFC 1413).','action':'allow','protocol':'tcp','destinationPortType':'multiple','destinationPortMultiple':['113']}" },
	{ "firewallrules", 0, "{'name':'NetBios Name Service','description':'Names of Windows networks.','action':'allow','protocol':'udp','destinationPortType':'multiple','destinationPortMultiple':['137']}" },
	{ "firewallrules", 0, "{'name':'Remote Access SSH','description':'Administration over SSH.','action':'allow','protocol':'tcp','destinationPortType':'multiple','destinationPortMultiple':['22']}" },
	{ "firewallrules", 0, "{'name':'Remote Access RDP','description':'Administration over Remote Desktop.','action':'allow','protocol':'tcp','destinationPortType':'multiple','destinationPortMultiple':['3389']}" },
	{ "firewallrules", 0, "{'name':'Web Server','description':'The computer serves pages.','action':'allow','protocol':'tcp','destinationPortType':'multiple','destinationPortMultiple':['80','443']}" },
	{ "firewallrules", 0, "{'name':'FTP Server','description':'The computer serves files.','action':'allow','protocol':'tcp','destinationPortType':'multiple','destinationPortMultiple':['20-21']}" },
	{ "firewallrules", 0, "{'name':'SMTP Server','description':'The computer takes mail.','action':'allow','protocol':'tcp','destinationPortType':'multiple','destinationPortMultiple':['25']}" },


	{ "antimalwareconfigurations", 1, "{'name':'Default Real-Time Scan Configuration','scanType':'real-time','realTimeScan':'read-write','scanCompressedEnabled':true,'machineLearningEnabled':true,'behaviorMonitoringEnabled':true,'intelliTrapEnabled':true}" },
	{ "antimalwareconfigurations", 2, "{'name':'Default Manual Scan Configuration','scanType':'on-demand','scanCompressedEnabled':true}" },
	{ "antimalwareconfigurations", 3, "{'name':'Default Scheduled Scan Configuration','scanType':'on-demand','scanCompressedEnabled':true}" },
	{ "antimalwareconfigurations", 4, "{'name':'Advanced Real-Time Scan Configuration','scanType':'real-time','realTimeScan':'read-write','scanCompressedEnabled':true,'scanCompressedMaximumLevels':6,'machineLearningEnabled':true,'behaviorMonitoringEnabled':true,'intelliTrapEnabled':true}" },

	{ "reporttemplates", 1, "{'name':'Anti-Malware Report','description':'Malware that was found, by computer and time.'}" },
	{ "reporttemplates", 2, "{'name':'Summary Report','description':'Computers, their protection, and what was found.'}" },
	{ "reporttemplates", 3, "{'name':'System Event Report','description':'What manager, agents and users did.'}" },
	{ "reporttemplates", 4, "{'name':'User and Contact Report','description':'Who may sign in, and who gets reports.','computerFilterSupported':false}" },

	{ "agentversioncontrolprofiles", 1, "{'name':'Default'}" },

	{ "policies", 1, "{'name':'Base Policy','description':'What every other policy inherits from.','antiMalware':{'state':'off','realTimeScanConfigurationID':1,"
	                 "'realTimeScanScheduleID':4,'manualScanConfigurationID':2,'scheduledScanConfigurationID':3},'firewall':{'state':'off','globalStatefulConfigurationID':1}}" },
	{ "policies", 2, "{'name':'Linux Server','description':'For servers that run Linux.','parentID':1}" },
	{ "policies", 3, "{'name':'Windows Server','description':'For servers that run Windows.','parentID':1}" },
	{ "policies", 4, "{'name':'Deep Security Manager','description':'For the computer that the manager runs on.','parentID':2}" },
};
/* clang-format on */

/* The hours of the first three schedules. */
static bool hour_in(int64_t schedule, int hour)
{
	int day = hour / 24, at = hour % 24;
	bool weekend = day == 0 || day == 6;
	if (schedule == 1)
		return !weekend && at >= 8 && at < 18;
	return schedule == 2 ? at < 8 || at >= 18 : weekend;
}

static void add_hours(int64_t schedule, json_t *o)
{
	json_t *hours = json_array();
	for (int i = 0; i < 168; i++)
		json_array_append_new(hours, json_boolean(hour_in(schedule, i)));
	json_set(o, "hoursOfWeek", hours);
}

static json_t *parse(const char *text)
{
	AUTO(buf_done) struct buf b = { 0 };
	for (; *text; text++) {
		if (*text == '\'')
			buf_char(&b, '"');
		else
			buf_char(&b, *text);
	}
	return json_parse(buf_view(&b), NULL);
}

static int add(struct store *s, const char *kind, int64_t id, const char *text)
{
	const struct resource *r = resource_find(str_of(kind));
	AUTO(json_decrefp) json_t *given = parse(text);
	AUTO(json_decrefp) json_t *o = json_deep_copy(given);
	int64_t out = 0, now = (int64_t)clock_ms();
	struct err why = { { 0 } };
	if (!r || !given || fields_take(r->fields, given, o, true, &why) < 0)
		return -EINVAL;
	if (strcmp(kind, "schedules") == 0 && id < 4)
		add_hours(id, o);
	if (strcmp(kind, "administrators") == 0) {
		json_set_int(o, "created", now);
		json_set_int(o, "lastPasswordChange", now);
	}
	return object_add(s, r, id, o, &out);
}

int seed(struct store *s)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rows); i++)
		rc = add(s, rows[i].kind, rows[i].id, rows[i].object);
	return rc == 0 ? shipped_types(s) : rc;
}
