/** Objects of the REST API, made from the manager's tables by tools/apigen. Do not change here. */

/** computer: /api/computers */
export interface Computer {
	hostName: string;
	displayName: string;
	description: string;
	lastIPUsed: string;
	platform: string;
	groupID: number;
	policyID?: number;
	assetImportanceID?: number;
	relayListID: number;
	agentFingerPrint?: string;
	lastAgentCommunication?: number;
	lastSendPolicyRequest?: number;
	lastSendPolicySuccess?: number;
	agentVersion: string;
	hostGUID?: string;
	ID: number;
}

/** computer group: /api/computergroups */
export interface ComputerGroup {
	type: "folder" | "root";
	name: string;
	description: string;
	parentGroupID?: number;
	ID: number;
}

/** policy: /api/policies */
export interface Policy {
	parentID?: number;
	name: string;
	description: string;
	recommendationScanMode: "off" | "ongoing";
	autoRequiresUpdate: "off" | "on";
	ID: number;
}

/** interface type: /api/policies/interfacetypes */
export interface InterfaceType {
	name: string;
	description: string;
	matches: string[];
	ID: number;
}

/** smart folder: /api/smartfolders */
export interface SmartFolder {
	name: string;
	description: string;
	parentSmartFolderID?: number;
	ruleGroups: {
		rules: {
			key: string;
			operator?: string;
			value: string;
		}[];
	}[];
	ID: number;
}

/** relay group: /api/relaygroups */
export interface RelayGroup {
	name: string;
	description: string;
	parentRelayGroupID?: number;
	ID: number;
}

/** malware scan configuration: /api/antimalwareconfigurations */
export interface AntiMalwareConfiguration {
	name: string;
	description: string;
	scanType: "real-time" | "on-demand";
	documentExploitProtectionEnabled: boolean;
	documentExploitProtection: "critical-only" | "critical-and-heuristic";
	documentExploitHeuristicLevel: "default" | "default-and-agressive";
	machineLearningEnabled?: boolean;
	behaviorMonitoringEnabled?: boolean;
	documentRecoveryEnabled: boolean;
	intelliTrapEnabled?: boolean;
	memoryScanEnabled?: boolean;
	spywareEnabled: boolean;
	alertEnabled: boolean;
	directoriesToScan: "all-directories" | "directory-list";
	directoryListID?: number;
	filesToScan: "all-files" | "intelliscan-file-types" | "file-extension-list";
	fileExtensionListID?: number;
	excludedDirectoryListID?: number;
	excludedFileListID?: number;
	excludedFileExtensionListID?: number;
	excludedProcessImageFileListID?: number;
	realTimeScan?: "read-only" | "write-only" | "read-write";
	scanCompressedEnabled: boolean;
	scanCompressedMaximumSize: number;
	scanCompressedMaximumLevels: number;
	scanCompressedMaximumFiles: number;
	microsoftOfficeEnabled: boolean;
	microsoftOfficeLayers: number;
	networkDirectoriesEnabled?: boolean;
	customRemediationActionsEnabled: boolean;
	customScanActionsEnabled: boolean;
	scanActionForVirus?: "pass" | "delete" | "quarantine" | "clean" | "deny-access";
	scanActionForTrojans?: "pass" | "delete" | "quarantine" | "deny-access";
	scanActionForPacker?: "pass" | "delete" | "quarantine" | "deny-access";
	scanActionForSpyware?: "pass" | "delete" | "quarantine" | "deny-access";
	scanActionForOtherThreats?: "pass" | "delete" | "quarantine" | "clean" | "deny-access";
	scanActionForCookies?: "pass" | "delete";
	scanActionForCVE?: "pass" | "delete" | "quarantine" | "deny-access";
	scanActionForHeuristics?: "pass" | "delete" | "quarantine" | "deny-access";
	scanActionForPossibleMalware?: "active-action" | "pass" | "delete" | "quarantine" | "deny-access";
	amsiScanEnabled?: boolean;
	scanActionForBehaviorMonitoring?: "active-action" | "pass";
	scanActionForMachineLearning?: "pass" | "delete" | "quarantine";
	scanActionForAmsi?: "pass" | "terminate";
	ID: number;
	cpuUsage?: "low" | "medium" | "high";
}

/** directory list: /api/directorylists */
export interface DirectoryList {
	name: string;
	description: string;
	items: string[];
	ID: number;
}

/** file list: /api/filelists */
export interface FileList {
	name: string;
	description: string;
	items: string[];
	ID: number;
}

/** file extension list: /api/fileextensionlists */
export interface FileExtensionList {
	name: string;
	description: string;
	items: string[];
	ID: number;
}

/** IP list: /api/iplists */
export interface IpList {
	name: string;
	description: string;
	items: string[];
	ID: number;
}

/** MAC list: /api/maclists */
export interface MacList {
	name: string;
	description: string;
	items: string[];
	ID: number;
}

/** port list: /api/portlists */
export interface PortList {
	name: string;
	description: string;
	items: string[];
	ID: number;
}

/** schedule: /api/schedules */
export interface Schedule {
	name: string;
	description: string;
	hoursOfWeek?: boolean[];
	ID: number;
}

/** context: /api/contexts */
export interface Context {
	name: string;
	description: string;
	minimumAgentVersion: string;
	localConnectionsEnabled: boolean;
	remoteConnectionsEnabled: boolean;
	noConnectionEnabled: boolean;
	noInternetEnabled: boolean;
	restrictedInterfacesEnabled: boolean;
	ID: number;
}

/** report template: /api/reporttemplates */
export interface ReportTemplate {
	name?: string;
	description: string;
	timeFilterSupported: boolean;
	computerFilterSupported: boolean;
	tagFilterSupported: boolean;
	supportedFormats: ("pdf" | "csv" | "html" | "plaintext" | "rtf" | "xls" | "xml")[];
	ID: number;
}

/** API key: /api/apikeys */
export interface ApiKey {
	keyName: string;
	description: string;
	locale: "en-US" | "ja-JP";
	roleID: number;
	timeZone: string;
	active: boolean;
	created?: number;
	lastSignIn?: number;
	unlockTime?: number;
	unsuccessfulSignInAttempts: number;
	expiryDate?: number;
	serviceAccount: boolean;
	ID: number;
}

/** role: /api/roles */
export interface Role {
	name: string;
	description: string;
	urn?: string;
	immutable: boolean;
	canOnlyManipulateUsersWithEqualOrLesserRights: boolean;
	allComputers: boolean;
	allPolicies: boolean;
	allowUserInterface: boolean;
	allowWebService: boolean;
	rights: {
	};
	computerIDs: number[];
	computerGroupIDs: number[];
	policyIDs: number[];
	ID: number;
}

/** administrator: /api/administrators */
export interface Administrator {
	username: string;
	password?: string;
	fullName: string;
	description: string;
	roleID: number;
	locale: "en-US" | "ja-JP";
	timeZone: string;
	timeFormat: "12" | "24";
	passwordNeverExpires: boolean;
	active: boolean;
	mfaType: "none" | "local-totp";
	phoneNumber: string;
	mobileNumber: string;
	pagerNumber: string;
	emailAddress: string;
	primaryContact: boolean;
	receiveNotifications: boolean;
	reportPDFPasswordEnabled: boolean;
	reportPDFPassword?: string;
	created?: number;
	lastPasswordChange?: number;
	lastSignIn?: number;
	unlockTime?: number;
	unsuccessfulSignInAttempts: number;
	directoryName?: string;
	directoryInfo?: string;
	external: boolean;
	externalUserID?: string;
	type: "normal" | "temporary";
	readOnly: boolean;
	ID: number;
	UTCOffset?: string;
}

/** contact: /api/contacts */
export interface Contact {
	name: string;
	description: string;
	phoneNumber: string;
	mobileNumber: string;
	pagerNumber: string;
	emailAddress: string;
	locale: "en-US" | "ja-JP";
	roleID: number;
	reportPDFPasswordEnabled: boolean;
	reportPDFPassword?: string;
	ID: number;
}

/** firewall rule: /api/firewallrules */
export interface FirewallRule {
	name: string;
	description: string;
	action: "log-only" | "allow" | "deny" | "force-allow" | "bypass";
	priority: "0" | "1" | "2" | "3" | "4";
	direction: "incoming" | "outgoing";
	frameType: "any" | "ip" | "arp" | "revarp" | "ipv4" | "ipv6" | "other";
	frameNumber: number;
	frameNot: boolean;
	protocol: "any" | "icmp" | "igmp" | "ggp" | "tcp" | "pup" | "udp" | "idp" | "nd" | "raw" | "tcp-udp" | "icmpv6" | "other";
	protocolNumber?: number;
	protocolNot: boolean;
	sourceIPType: "any" | "masked-ip" | "range" | "ip-list" | "single" | "multiple";
	sourceIPValue?: string;
	sourceIPMask?: string;
	sourceIPRangeFrom?: string;
	sourceIPRangeTo?: string;
	sourceIPMultiple?: string[];
	sourceIPListID?: number;
	sourceIPNot: boolean;
	sourceMACType: "any" | "single" | "mac-list" | "multiple";
	sourceMACValue?: string;
	sourceMACMultiple?: string[];
	sourceMACListID?: number;
	sourceMACNot: boolean;
	sourcePortType: "any" | "multiple" | "port-list";
	sourcePortMultiple?: string[];
	sourcePortListID?: number;
	sourcePortNot: boolean;
	destinationIPType: "any" | "masked-ip" | "range" | "ip-list" | "single" | "multiple";
	destinationIPValue?: string;
	destinationIPMask?: string;
	destinationIPRangeFrom?: string;
	destinationIPRangeTo?: string;
	destinationIPMultiple?: string[];
	destinationIPListID?: number;
	destinationIPNot: boolean;
	destinationMACType: "any" | "single" | "mac-list" | "multiple";
	destinationMACValue?: string;
	destinationMACMultiple?: string[];
	destinationMACListID?: number;
	destinationMACNot: boolean;
	destinationPortType: "any" | "multiple" | "port-list";
	destinationPortMultiple?: string[];
	destinationPortListID?: number;
	destinationPortNot: boolean;
	anyFlags: boolean;
	logDisabled: boolean;
	includePacketData: boolean;
	alertEnabled: boolean;
	scheduleID?: number;
	contextID?: number;
	tcpflags?: ("fin" | "syn" | "rst" | "psh" | "ack" | "urg")[];
	ID: number;
	TCPNot?: boolean;
	ICMPType?: number;
	ICMPCode?: number;
	ICMPNot?: boolean;
}

/** stateful configuration: /api/statefulconfigurations */
export interface StatefulConfiguration {
	name: string;
	description: string;
	denyFragmentedPacketsEnabled: boolean;
	denyPacketsContainingCwrOrEceEnabled: boolean;
	maxIncomingConnections: number;
	maxOutgoingConnections: number;
	maxHalfOpenConnections: number;
	tcpstatefulInspectionEnabled: boolean;
	tcpstatefulLoggingEnabled: boolean;
	udpstatefulInspectionEnabled: boolean;
	udpstatefulLoggingEnabled: boolean;
	icmpstatefulInspectionEnabled: boolean;
	icmpstatefulLoggingEnabled: boolean;
	ID: number;
}

/** intrusion prevention rule: /api/intrusionpreventionrules */
export interface IntrusionPreventionRule {
	name: string;
	description: string;
	minimumAgentVersion: string;
	applicationTypeID?: number;
	priority: "lowest" | "low" | "normal" | "high" | "highest";
	severity: "low" | "medium" | "high" | "critical";
	detectOnly: boolean;
	eventLoggingDisabled: boolean;
	generateEventOnPacketDrop: boolean;
	alwaysIncludePacketData: boolean;
	debugModeEnabled: boolean;
	type: "custom" | "smart" | "vulnerability" | "exploit" | "hidden" | "policy" | "info";
	originalIssue?: number;
	lastUpdated?: number;
	identifier?: string;
	template: "signature" | "start-end-patterns" | "custom";
	signature?: string;
	start?: string;
	patterns?: string[];
	end?: string;
	caseSensitive: boolean;
	condition?: "all" | "any" | "none";
	action: "drop" | "log-only";
	customXML?: string;
	alertEnabled: boolean;
	scheduleID?: number;
	contextID?: number;
	recommendationsMode: "enabled" | "ignored" | "unknown" | "disabled";
	canBeAssignedAlone: boolean;
	dependsOnRuleIDs?: number[];
	ID: number;
	CVSSScore?: string;
	CVE?: string[];
	configuration?: {
		logThreshold?: number;
		dropThreshold?: number;
		minimumDistinct?: number;
		maximumPerFeature?: number;
		features?: {
			feature: string;
			score: number;
		}[];
		keywords?: {
			keyword: string;
			score: number;
		}[];
		resources?: {
			resource: string;
			logThreshold: number;
			dropThreshold: number;
		}[];
		exemptions?: {
			resource: string;
			parameter: string;
		}[];
	};
}

/** application type: /api/applicationtypes */
export interface ApplicationType {
	name: string;
	description: string;
	minimumAgentVersion: string;
	direction: "incoming" | "outgoing";
	protocol: "icmp" | "tcp" | "udp" | "tcp-udp";
	portType: "any" | "multiple" | "port-list";
	portMultiple?: string[];
	portListID?: number;
	recommendationsMode: "enabled" | "ignored" | "unknown" | "disabled";
	ID: number;
}

/** integrity monitoring rule: /api/integritymonitoringrules */
export interface IntegrityMonitoringRule {
	name: string;
	description: string;
	minimumAgentVersion: string;
	minimumManagerVersion: string;
	severity: "low" | "medium" | "high" | "critical";
	type: string;
	originalIssue?: number;
	lastUpdated?: number;
	identifier?: string;
	template: "registry" | "file" | "custom";
	registryKeyRoot?: string;
	registryKeyValue?: string;
	registryIncludeSubKeys?: boolean;
	registryIncludedValues?: string[];
	registryIncludeDefaultValue?: boolean;
	registryExcludedValues?: string[];
	registryAttributes?: string[];
	fileBaseDirectory?: string;
	fileIncludeSubDirectories?: boolean;
	fileIncludedValues?: string[];
	fileExcludedValues?: string[];
	fileAttributes?: string[];
	customXML?: string;
	alertEnabled: boolean;
	realTimeMonitoringEnabled: boolean;
	recommendationsMode: "enabled" | "ignored" | "unknown" | "disabled";
	ID: number;
}

/** log inspection rule: /api/loginspectionrules */
export interface LogInspectionRule {
	name: string;
	description: string;
	minimumAgentVersion: string;
	minimumManagerVersion: string;
	type?: string;
	originalIssue?: number;
	lastUpdated?: number;
	identifier?: string;
	template: "basic-rule" | "custom";
	ruleID?: number;
	level: number;
	groups?: string[];
	ruleDescription?: string;
	pattern?: string;
	patternType: "string" | "regex";
	dependency: "none" | "rule" | "group";
	dependencyRuleID?: number;
	dependencyGroup?: string;
	frequency?: number;
	timeFrame?: number;
	ruleXML?: string;
	logFiles?: {
		logFiles: {
			location: string;
			format: "syslog" | "snort-full" | "snort-fast" | "apache" | "iis" | "squid" | "nmapg" | "mysql-log" | "postgresql-log" | "dbj-multilog" | "eventlog" | "single-line-text-log" | "multi-line" | "audit" | "json" | "journald";
		}[];
	};
	alertEnabled: boolean;
	alertMinimumSeverity?: number;
	recommendationsMode: "enabled" | "ignored" | "unknown" | "disabled";
	sortOrder: number;
	canBeAssignedAlone: boolean;
	dependsOnRuleIDs?: number[];
	ID: number;
}

/** ruleset: /api/rulesets */
export interface Ruleset {
	name: string;
	description: string;
	version: number;
	type: "local-file" | "local-hash" | "shared-file" | "shared-hash";
	created?: number;
	lastUpdated?: number;
	ID: number;
}

/** application control rule: /api/rulesets/rules */
export interface ApplicationControlRule {
	sha256: string;
	size: number;
	action: "allow" | "block";
	path: string;
	fileName: string;
	lastUpdatedAdministrator: number;
	lastUpdated?: number;
	ID: number;
}

/** global rule: /api/applicationcontrolglobalrules */
export interface ApplicationControlGlobalRule {
	sha256: string;
	description: string;
	action: "block";
	lastUpdatedAdministrator: number;
	lastUpdated?: number;
	ID: number;
}

/** trust rule: /api/applicationcontroltrustrules */
export interface ApplicationControlTrustRule {
	type: "allowFromSourceTarget" | "allowFromSource" | "allowByTarget" | "ignoreFromSource";
	name: string;
	description: string;
	isAssigned: boolean;
	createdTime?: number;
	lastUpdatedTime?: number;
	rulesetIDs: number[];
	attributes: {
		type: string;
		value: string;
	}[];
	ID: number;
}

/** trust ruleset: /api/applicationcontroltrustrulesets */
export interface ApplicationControlTrustRuleset {
	name: string;
	description: string;
	createdTime?: number;
	lastUpdatedTime?: number;
	ruleIDs: number[];
	ID: number;
}

/** software change: /api/softwarechanges */
export interface SoftwareChange {
	computerID?: number;
	computerGroupID?: number;
	vendorName: string;
	productName: string;
	productVersion: string;
	fileVersion: string;
	fileDescription: string;
	sha1: string;
	sha256: string;
	md5: string;
	fileName: string;
	installPath: string;
	fileSize: number;
	changeEventTime?: number;
	changeByUser: string;
	changeByUserID: string;
	changeByProcess: string;
	changeByProcessID: string;
	ID: number;
}

/** software inventory: /api/softwareinventories */
export interface SoftwareInventory {
	computerID: number;
	name: string;
	description: string;
	state: "unknown" | "building" | "complete" | "failed" | "requested";
	startDate?: number;
	completedDate?: number;
	initiatorID: number;
	ID: number;
}

/** inventory item: /api/softwareinventories/items */
export interface InventoryItem {
	vendorName: string;
	productName: string;
	productVersion: string;
	fileVersion: string;
	fileDescription: string;
	category: string;
	sha256: string;
	sha1: string;
	md5: string;
	fileName: string;
	path: string;
	size: number;
	ID: number;
}

/** certificate: /api/certificates */
export interface Certificate {
	certificate: string;
	certificateDetails?: {
		issuerDN?: string;
		subjectDN?: string;
		notBefore?: number;
		notAfter?: number;
		serialNumber?: string;
		sha1Fingerprint?: string;
		sha256Fingerprint?: string;
	};
	trusted: boolean;
	purpose: "SSL" | "EXCEPTION";
	ID: number;
}

/** agent version control profile: /api/agentversioncontrolprofiles */
export interface AgentVersionControlProfile {
	name?: string;
	ID: number;
}

/** agent version control: /api/agentversioncontrolprofiles/agentversioncontrols */
export interface AgentVersionControl {
	os: "Windows" | "Linux" | "Unix";
	distro?: string;
	platform?: string;
	architecture: "32-bit" | "64-bit" | "sparc" | "powerpc" | "64-bit Arm";
	type: "latest" | "latest-lts" | "specified" | "unknown";
	version?: string;
	availableVersions: {
		name?: string;
	}[];
	ID: number;
}

/** scheduled task: /api/scheduledtasks */
export interface ScheduledTask {
	name: string;
	type: "scan-for-open-ports" | "send-alert-summary" | "discover-computers" | "run-script" | "send-policy" | "generate-report" | "synchronize-directory" | "synchronize-users" | "scan-for-recommendations" | "synchronize-vcenter" | "scan-for-integrity-changes" | "scan-for-malware" | "check-for-security-updates" | "synchronize-cloud-account" | "check-for-software-updates" | "update-suspicious-objects-list";
	scheduleDetails: {
		timeZone: string;
		recurrenceType: "none" | "hourly" | "daily" | "weekly" | "monthly";
		recurrenceCount: number;
		hourlyScheduleParameters?: {
			minutesPastTheHour: "0" | "5" | "10" | "15" | "20" | "25" | "30" | "35" | "40" | "45" | "50" | "55";
		};
		dailyScheduleParameters?: {
			startTime?: number;
			frequencyType: "everyday" | "weekdays" | "custom";
			customInterval?: number;
		};
		weeklyScheduleParameters?: {
			startTime?: number;
			interval: number;
			days?: ("sunday" | "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday")[];
		};
		monthlyScheduleParameters?: {
			startTime?: number;
			frequencyType: "day-of-month" | "last-day-of-month" | "custom";
			dayOfMonth?: number;
			weekOfMonth?: "first" | "second" | "third" | "fourth" | "last";
			dayOfWeek?: "sunday" | "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday";
			months?: ("january" | "feburary" | "february" | "march" | "april" | "may" | "june" | "july" | "august" | "september" | "october" | "november" | "december")[];
		};
		onceOnlyScheduleParameters?: {
			startTime?: number;
		};
	};
	enabled: boolean;
	lastRunTime?: number;
	nextRunTime?: number;
	scanForOpenPortsTaskParameters?: {
		computerFilter?: {
			type: "computer" | "all-computers" | "computers-in-group" | "computers-in-group-or-subgroup" | "computers-using-policy" | "computers-using-policy-or-subpolicy" | "computers-in-smart-folder";
			computerID?: number;
			computerGroupID?: number;
			policyID?: number;
			smartFolderID?: number;
		};
	};
	sendAlertSummaryTaskParameters?: {
		recipients?: {
			allAdministratorsAndContacts?: boolean;
			administratorIDs?: number[];
			contactIDs?: number[];
		};
	};
	discoverComputersTaskParameters?: {
		discoveryType?: "range" | "masked-ip";
		ip?: string;
		scanDiscoveredComputers?: boolean;
		resolveIPs?: boolean;
		computerGroupID?: number;
		ipmask?: string;
		iprangeLow?: string;
		iprangeHigh?: string;
	};
	runScriptTaskParameters?: {
		filename?: string;
	};
	sendPolicyTaskParameters?: {
		computerFilter?: {
			type: "computer" | "all-computers" | "computers-in-group" | "computers-in-group-or-subgroup" | "computers-using-policy" | "computers-using-policy-or-subpolicy" | "computers-in-smart-folder";
			computerID?: number;
			computerGroupID?: number;
			policyID?: number;
			smartFolderID?: number;
		};
	};
	generateReportTaskParameters?: {
		reportTemplateID?: number;
		format?: "pdf" | "csv" | "html" | "plaintext" | "rtf" | "xls" | "xml";
		classification?: "blank" | "topsecret" | "secret" | "confidential" | "official" | "les" | "limited" | "unclassified" | "internal";
		recipients?: {
			allAdministratorsAndContacts?: boolean;
			administratorIDs?: number[];
			contactIDs?: number[];
		};
		timeRange?: {
			type?: string;
			lastN?: number;
			lastNUnit?: string;
			from?: number;
			to?: number;
		};
		tagFilter?: {
			type?: string;
			tags?: string[];
		};
		computerFilter?: {
			type: "computer" | "all-computers" | "computers-in-group" | "computers-in-group-or-subgroup" | "computers-using-policy" | "computers-using-policy-or-subpolicy" | "computers-in-smart-folder";
			computerID?: number;
			computerGroupID?: number;
			policyID?: number;
			smartFolderID?: number;
		};
	};
	synchronizeDirectoryTaskParameters?: {
		computerGroupID?: number;
	};
	scanForRecommendationsTaskParameters?: {
		computerFilter?: {
			type: "computer" | "all-computers" | "computers-in-group" | "computers-in-group-or-subgroup" | "computers-using-policy" | "computers-using-policy-or-subpolicy" | "computers-in-smart-folder";
			computerID?: number;
			computerGroupID?: number;
			policyID?: number;
			smartFolderID?: number;
		};
	};
	synchronizeVCenterTaskParameters?: {
		computerGroupID?: number;
	};
	scanForIntegrityChangesTaskParameters?: {
		computerFilter?: {
			type: "computer" | "all-computers" | "computers-in-group" | "computers-in-group-or-subgroup" | "computers-using-policy" | "computers-using-policy-or-subpolicy" | "computers-in-smart-folder";
			computerID?: number;
			computerGroupID?: number;
			policyID?: number;
			smartFolderID?: number;
		};
		trustedComputers?: "all-computers" | "trusted-computers-only" | "exclude-trusted-computers";
	};
	scanForMalwareTaskParameters?: {
		computerFilter?: {
			type: "computer" | "all-computers" | "computers-in-group" | "computers-in-group-or-subgroup" | "computers-using-policy" | "computers-using-policy-or-subpolicy" | "computers-in-smart-folder";
			computerID?: number;
			computerGroupID?: number;
			policyID?: number;
			smartFolderID?: number;
		};
		timeout: "never" | "one-hour" | "two-hours" | "four-hours" | "eight-hours" | "twelve-hours" | "one-day" | "one-and-a-half-days" | "two-days";
	};
	checkForSecurityUpdatesTaskParameters?: {
		computerFilter?: {
			type: "computer" | "all-computers" | "computers-in-group" | "computers-in-group-or-subgroup" | "computers-using-policy" | "computers-using-policy-or-subpolicy" | "computers-in-smart-folder";
			computerID?: number;
			computerGroupID?: number;
			policyID?: number;
			smartFolderID?: number;
		};
		timeout: "never" | "one-hour" | "two-hours" | "four-hours" | "eight-hours";
	};
	synchronizeCloudAccountTaskParameters?: {
		computerGroupID?: number;
	};
	updateSuspiciousObjectsListTaskParameters?: {
		computerFilter?: {
			type: "computer" | "all-computers" | "computers-in-group" | "computers-in-group-or-subgroup" | "computers-using-policy" | "computers-using-policy-or-subpolicy" | "computers-in-smart-folder";
			computerID?: number;
			computerGroupID?: number;
			policyID?: number;
			smartFolderID?: number;
		};
	};
	scheduledAgentUpgradeTaskParameters?: {
		computerFilter?: {
			type: "computer" | "all-computers" | "computers-in-group" | "computers-in-group-or-subgroup" | "computers-using-policy" | "computers-using-policy-or-subpolicy" | "computers-in-smart-folder";
			computerID?: number;
			computerGroupID?: number;
			policyID?: number;
			smartFolderID?: number;
		};
	};
	installV1AgentParameters?: {
		computerFilter?: {
			type: "computer" | "all-computers" | "computers-in-group" | "computers-in-group-or-subgroup" | "computers-using-policy" | "computers-using-policy-or-subpolicy" | "computers-in-smart-folder";
			computerID?: number;
			computerGroupID?: number;
			policyID?: number;
			smartFolderID?: number;
		};
	};
	ID: number;
}

/** event-based task: /api/eventbasedtasks */
export interface EventBasedTask {
	name: string;
	type: "computer-created-by-system" | "computer-moved-by-system" | "agent-initiated-activation" | "agent-ip-changed" | "nsx-protection-changed" | "computer-powered-on-by-system";
	enabled: boolean;
	lastRunTime?: number;
	actions: {
		type: "activate" | "assign-policy" | "assign-relay" | "assign-group" | "deactivate";
		parameterValue?: number;
	}[];
	conditions: {
		field: "hostname" | "vcenter" | "cloudProvider" | "securityGroup" | "imageId" | "esx" | "folder" | "platform" | "applianceProtectionAvailable" | "applianceProtectionActivated" | "lastUsedIP" | "tag" | "nsxSecurityGroup" | "cloudVendor" | "gcpNetworkTag";
		key?: string;
		value?: string;
	}[];
	ID: number;
}

/** syslog configuration: /api/syslogconfigurations */
export interface SyslogConfiguration {
	name: string;
	description: string;
	server: string;
	port: number;
	protocol: "udp" | "tcp" | "tls";
	eventFormat: "cef" | "leef" | "json" | "basic";
	facility: "kernel" | "user" | "mail" | "daemon" | "auth" | "syslog" | "lpr" | "news" | "uucp" | "cron" | "authpriv" | "ftp" | "ntp" | "audit" | "alert" | "clock" | "local0" | "local1" | "local2" | "local3" | "local4" | "local5" | "local6" | "local7";
	logSourceIdentifier: string;
	timeZone: string;
	agentForwarding: "via-manager" | "directly";
	deviceVendor: string;
	deviceProduct: string;
	signatureOffset: number;
	certificate: string;
	privateKey?: string;
	caCertificate: string;
	ID: number;
}

/** web hook: /api/webhooks */
export interface WebHook {
	name: string;
	description: string;
	url: string;
	enabled: boolean;
	authorization?: string;
	caCertificate: string;
	ID: number;
}

/** identity provider: /api/identityproviders */
export interface IdentityProvider {
	name: string;
	issuer: string;
	clientID: string;
	clientSecret?: string;
	scopes: string;
	userClaim: string;
	caCertificate: string;
	enabled: boolean;
	ID: number;
}

/** The rights of roles: Role.rights[area][group][right]. */
export const rights = {
	platformRights: {
		administratorRights: ["canCreateNewAdministrators", "canDeleteAdministrators", "canEditAdministratorProperties", "canViewAdministrators"],
		administratorRoleRights: ["canCreateNewAdministratorRoles", "canDeleteAdministratorRoles", "canEditAdministratorRoleProperties", "canViewAdministratorRoles"],
		agentVersionControlRights: ["canEditAgentVersionControls"],
		alertConfigurationRights: ["canEditAlertConfigurations"],
		alertRights: ["canDismissGlobalAlerts"],
		apikeyRights: ["canCreateNewApiKeys", "canDeleteApiKeys", "canEditApiKeyProperties", "canViewApiKeys"],
		assetValueRights: ["canCreateNewAssetValues", "canDeleteAssetValues", "canEditAssetValueProperties"],
		certificateRights: ["canCreateNewCertificates", "canDeleteCertificates"],
		computerRights: ["canAddAndRemoveComputerGroups", "canCreateNewComputers", "canDeleteComputers", "canDismissAlerts", "canEditComputerProperties", "canImportComputers", "canManageCloudAccounts", "canManageDirectories", "canManageVCenters", "canTagComputers", "canViewNotRelatedToComputers", "canViewOtherComputers"],
		contactRights: ["canCreateNewContacts", "canDeleteContacts", "canEditContactProperties", "canViewContacts"],
		contextRights: ["canCreateNewContexts", "canDeleteContexts", "canEditContextProperties"],
		dataCenterGatewayRights: ["canCreateNewDataCenterGateways", "canViewDataCenterGateways", "canEditDataCenterGateways", "canDeleteDataCenterGateways"],
		diagnosticRights: ["canCreateDiagnosticPackages"],
		directoryListRights: ["canCreateNewDirectoryLists", "canDeleteDirectoryLists", "canEditDirectoryListProperties"],
		expertSettingRights: ["canEditExpertSettings", "canViewExpertSettings"],
		fileExtensionListRights: ["canCreateNewFileExtensionLists", "canDeleteFileExtensionLists", "canEditFileExtensionListProperties"],
		fileListRights: ["canCreateNewFileLists", "canDeleteFileLists", "canEditFileListProperties"],
		iplistRights: ["canCreateNewIPLists", "canDeleteIPLists", "canEditIPListProperties"],
		licenseRights: ["canChangeLicense", "canViewLicense"],
		maclistRights: ["canCreateNewMACLists", "canDeleteMACLists", "canEditMACListProperties"],
		multiTenantRights: ["canCreateTenants", "canDeleteTenants", "canEditTenantGeneralProperties", "canEditTenantModules", "canEditTenantAccountDetails", "canEditTenantFeatures", "canEditTenantSettings", "canCreateAndEditTenantDatabaseServers", "canDeleteTenantDatabaseServers", "canManageTenantAPIKeys", "canSignInAsTenant", "canViewTenants"],
		policyRights: ["canCreateNewPolicies", "canDeletePolicies", "canEditPolicyProperties", "canImportPolicies", "canViewOtherPolicies"],
		portListRights: ["canCreateNewPortLists", "canDeletePortLists", "canEditPortListProperties"],
		proxyRights: ["canCreateNewProxies", "canDeleteProxies", "canEditProxyProperties"],
		relayGroupRights: ["canCreateNewRelayGroups", "canDeleteRelayGroups", "canEditRelayGroupProperties"],
		samlIdentityProviderRights: ["canCreateNewSAMLIdentityProviders", "canDeleteSAMLIdentityProviders", "canEditSAMLIdentityProviders", "canViewSAMLIdentityProviders"],
		scanCacheRights: ["canManageScanCache"],
		scheduleRights: ["canCreateNewSchedules", "canDeleteSchedules", "canEditScheduleProperties"],
		scheduledTaskRights: ["canCreateNewScheduledTasks", "canDeleteScheduledTasks", "canEditScheduledTaskProperties", "canExecuteScheduledTasks", "canViewScheduledTasks"],
		settingRights: ["canEditSettings", "canViewSettings"],
		syslogConfigurationRights: ["canCreateNewSyslogConfigurations", "canDeleteSyslogConfigurations", "canEditSyslogConfigurationProperties"],
		systemInformationRights: ["canManageExtensions", "canManageNodes", "canViewSystemInformation"],
		taggingRights: ["canDeleteAutoTagRules", "canUpdateAutoTagRules", "canRunAutoTagRules", "canDeleteTags", "canTag"],
		updateRights: ["canImportSoftware", "canDeleteSoftware", "canEditSoftwareProperties", "canImportRuleUpdates", "canDeleteRuleUpdates", "canViewRuleUpdates"],
	},
	antiMalwareRights: {
		antiMalwareConfigurationRights: ["canCreateNewAntiMalwareConfigurations", "canDeleteAntiMalwareConfigurations", "canEditAntiMalwareConfigurations"],
		identifiedFileRights: ["canDeleteIdentifiedFiles", "canDownloadIdentifiedFiles", "canRestoreIdentifiedFiles", "canSubmitIdentifiedFiles"],
	},
	webReputationRights: {
		webReputationConfigurationRights: ["canEditWebReputationConfiguration"],
	},
	sensingModeRights: {
		sensingModeConfigurationRights: ["canEditSensingModeConfiguration"],
	},
	firewallRights: {
		firewallRuleRights: ["canCreateNewFirewallRules", "canDeleteFirewallRules", "canEditFirewallRuleProperties"],
		statefulConfigurationRights: ["canCreateNewStatefulConfigurations", "canDeleteStatefulConfigurations", "canEditStatefulConfigurationProperties"],
	},
	intrusionPreventionRights: {
		applicationTypeRights: ["canCreateNewApplicationTypes", "canDeleteApplicationTypes", "canEditApplicationTypeProperties"],
		intrusionPreventionRuleRights: ["canCreateNewIntrusionPreventionRules", "canDeleteIntrusionPreventionRules", "canEditIntrusionPreventionRuleProperties"],
	},
	integrityMonitoringRights: {
		integrityMonitoringRuleRights: ["canCreateNewIntegrityMonitoringRules", "canDeleteIntegrityMonitoringRules", "canEditIntegrityMonitoringRuleProperties"],
	},
	logInspectionRights: {
		logInspectionDecoderRights: ["canCreateNewLogInspectionDecoders", "canDeleteLogInspectionDecoders", "canEditLogInspectionDecoderProperties"],
		logInspectionRuleRights: ["canCreateNewLogInspectionRules", "canDeleteLogInspectionRules", "canEditLogInspectionRuleProperties"],
	},
	applicationControlRights: {
		driftRights: ["canAllowOrBlockDrift", "canViewDrift"],
		ruleRights: ["canCreateNewAppControlRules", "canDeleteAppControlRules", "canEditAppControlRulesProperties", "canViewAppControlRules"],
		rulesetRights: ["canCreateNewRulesets", "canDeleteRulesets", "canEditRulesetProperties", "canViewRulesets"],
		softwareInventoryRights: ["canCreateNewSoftwareInventory", "canDeleteSoftwareInventory", "canViewSoftwareInventory"],
		trustEntityManagementRights: ["canCreateAppControlTrustEntities", "canViewAppControlTrustEntities", "canEditAppControlTrustEntities", "canDeleteAppControlTrustEntities"],
	},
} as const;
