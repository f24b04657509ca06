#include "base/auto.h"
#include "module/integritymonitoring/integritymonitoring.h"

/* clang-format off */
static const struct im_attribute file_attributes[] = {
	[IMP_TYPE]        = { "Type",            true,  false },
	[IMP_CREATED]     = { "Created",         true,  false },
	[IMP_MODIFIED]    = { "LastModified",    true,  false },
	[IMP_ACCESSED]    = { "LastAccessed",    false, false },
	[IMP_CHANGED]     = { "StatusChanged",   false, false },
	[IMP_PERMISSIONS] = { "Permissions",     true,  false },
	[IMP_OWNER]       = { "Owner",           true,  false },
	[IMP_GROUP]       = { "Group",           true,  false },
	[IMP_SIZE]        = { "Size",            true,  false },
	[IMP_MD5]         = { "Md5",             false, false },
	[IMP_SHA1]        = { "Sha1",            false, false },
	[IMP_SHA256]      = { "Sha256",          false, false },
	[IMP_SHA512]      = { "Sha512",          false, false },
	[IMP_FLAGS]       = { "Flags",           true,  false },
	[IMP_LINK]        = { "SymLinkPath",     true,  false },
	[IMP_INODE]       = { "InodeNumber",     false, false },
	[IMP_DEVICE]      = { "DeviceNumber",    false, false },
	[IMP_BLOCKS]      = { "BlocksAllocated", false, false },
	[IMP_LINKS]       = { "HardLinks",       false, false },
	[IMP_ACL]         = { "Acl",             true,  false },
	[IMP_XATTRS]      = { "Xattrs",          true,  false },
	[IMP_GROWING]     = { "Growing",         false, false },
	[IMP_SHRINKING]   = { "Shrinking",       false, false },
	{ 0 },
};

static const struct im_attribute group_attributes[] = {
	{ "Group", true, false }, { "Members", true, false }, { "Description", true, true },
	{ "SubGroups", true, true }, { 0 },
};

static const struct im_attribute software_attributes[] = {
	{ "Name", true, false }, { "Version", true, false }, { "Manufacturer", true, false },
	{ "InstalledDate", true, false }, { "Size", true, false }, { "Architecture", true, false },
	{ "Parent", true, false }, { "State", true, false }, { "InstallLocation", true, true }, { 0 },
};

static const struct im_attribute port_attributes[] = {
	{ "Listeners", true, false }, { "Path", true, false }, { "Process", true, false },
	{ "ProcessID", false, false }, { "User", true, false }, { "Created", false, true }, { 0 },
};

static const struct im_attribute process_attributes[] = {
	{ "CommandLine", true, false }, { "Group", true, false }, { "Parent", true, false }, { "Path", true, false },
	{ "Process", true, false }, { "Threads", false, false }, { "User", true, false }, { 0 },
};

static const struct im_attribute service_attributes[] = {
	{ "BinaryPathName", true, false }, { "Description", true, false }, { "State", true, false },
	{ "StartType", true, false }, { "LogOnAs", true, false }, { "Path", true, false },
	{ "DisplayName", true, true }, { "Permissions", true, true }, { "Owner", true, true },
	{ "Group", true, true }, { 0 },
};

static const struct im_attribute user_attributes[] = {
	{ "FullName", true, false }, { "Groups", true, false }, { "HomeFolder", true, false }, { "Shell", true, false },
	{ "Uid", true, false }, { "Group", true, false }, { "Disabled", true, false }, { "Locked", true, false },
	{ "LastPasswordChange", true, false }, { "PasswordExpires", true, false },
	{ "PasswordNeverExpires", true, false }, { "CannotChangePassword", true, true },
	{ "PasswordExpired", true, true }, { 0 },
};

static const struct im_attribute registry_attributes[] = {
	{ "Permissions", true, true }, { "Owner", true, true }, { "Group", true, true }, { "LastModified", true, true },
	{ "Class", true, true }, { "SecurityDescriptorSize", true, true }, { "Size", true, true }, { "Type", true, true },
	{ "Md5", false, true }, { "Sha1", false, true }, { "Sha256", false, true }, { 0 },
};

const struct im_class_row im_classes[IM_CLASSES] = {
	[IM_FILE]           = { "FileSet",              "File",              true,  file_attributes },
	[IM_DIRECTORY]      = { "DirectorySet",         "Directory",         true,  file_attributes },
	[IM_GROUP]          = { "GroupSet",             "Group",             false, group_attributes },
	[IM_SOFTWARE]       = { "InstalledSoftwareSet", "InstalledSoftware", false, software_attributes },
	[IM_PORT]           = { "PortSet",              "Port",              false, port_attributes },
	[IM_PROCESS]        = { "ProcessSet",           "Process",           false, process_attributes },
	[IM_SERVICE]        = { "ServiceSet",           "Service",           false, service_attributes },
	[IM_USER]           = { "UserSet",              "User",              false, user_attributes },
	[IM_REGISTRY_KEY]   = { "RegistryKeySet",       "RegistryKey",       true,  registry_attributes },
	[IM_REGISTRY_VALUE] = { "RegistryValueSet",     "RegistryValue",     true,  registry_attributes },
	[IM_WQL]            = { "WQLSet",               "WQL",               false, registry_attributes },
};

const char *const im_severities[] = { "low", "medium", "high", "critical", NULL };
const char *const im_kinds[] = { "created", "updated", "deleted", "renamed", NULL };
/* clang-format on */

/* A directory's content, size and blocks are its entries, which have attributes of their own. */
enum { FILES_ONLY = IM_BIT(IMP_SIZE) };

uint32_t im_attributes_standard(enum im_class class, uint32_t contents)
{
	const struct im_attribute *a = im_classes[class].attributes;
	uint32_t bits = class == IM_FILE ? contents : 0;
	for (unsigned i = 0; a[i].name; i++)
		if (a[i].standard)
			bits |= IM_BIT(i);
	return class == IM_DIRECTORY ? bits & ~(uint32_t)FILES_ONLY : bits;
}

uint32_t im_attributes_all(enum im_class class)
{
	uint32_t bits = 0;
	for (unsigned i = 0; im_classes[class].attributes[i].name; i++)
		bits |= IM_BIT(i);
	return bits;
}

uint32_t im_attributes_named(enum im_class class, struct str name, uint32_t contents)
{
	const struct im_attribute *a = im_classes[class].attributes;
	if (str_eq_nocase(name, STR("STANDARD")))
		return im_attributes_standard(class, contents);
	if (str_eq_nocase(name, STR("CONTENTS")) && im_classes[class].paths)
		return class == IM_FILE ? contents : class == IM_DIRECTORY ? 0 : IM_BIT(6);
	if (class == IM_SERVICE && name.n == 5 && str_is(name, "STATE"))
		return im_attributes_named(class, STR("State"), contents);
	for (unsigned i = 0; a[i].name; i++)
		if (str_eq_nocase(name, str_of(a[i].name)))
			return IM_BIT(i);
	return 0;
}

void im_attribute_event_name(enum im_class class, unsigned attribute, struct buf *out)
{
	const char *name = im_classes[class].attributes[attribute].name;
	buf_char(out, (char)(name[0] - 'A' + 'a'));
	buf_z(out, name + 1);
}
