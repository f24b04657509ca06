#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/*
 * Integrity Monitoring: what is watched (xml.c, template.c: the rule language; cover.c: which sets
 * an entity belongs to), what an entity is (attributes.c: the classes and their attributes), and
 * what changed (judge.c). Everything here is pure; survey/ reads the host.
 * docs/integrity-monitoring.md is the language for users.
 */

/* ---- entities ---- */

enum im_class {
	IM_FILE,
	IM_DIRECTORY,
	IM_GROUP,
	IM_SOFTWARE,
	IM_PORT,
	IM_PROCESS,
	IM_SERVICE,
	IM_USER,
	IM_LINUX_CLASSES, /* those from here on do not exist on Linux */
	IM_REGISTRY_KEY = IM_LINUX_CLASSES,
	IM_REGISTRY_VALUE,
	IM_WQL,
	IM_CLASSES
};

/* Attributes of files and directories; those of other classes are rows of their tables. */
enum im_path_attribute {
	IMP_TYPE, /* compared for every covered file */
	IMP_CREATED,
	IMP_MODIFIED,
	IMP_ACCESSED,
	IMP_CHANGED,
	IMP_PERMISSIONS,
	IMP_OWNER,
	IMP_GROUP,
	IMP_SIZE,
	IMP_MD5,
	IMP_SHA1,
	IMP_SHA256,
	IMP_SHA512,
	IMP_FLAGS,
	IMP_LINK,
	IMP_INODE,
	IMP_DEVICE,
	IMP_BLOCKS,
	IMP_LINKS,
	IMP_ACL,
	IMP_XATTRS,
	IMP_GROWING,
	IMP_SHRINKING,
	IMP_COUNT
};

#define IM_BIT(attribute) (UINT32_C(1) << (attribute))
#define IM_HASHES         (IM_BIT(IMP_MD5) | IM_BIT(IMP_SHA1) | IM_BIT(IMP_SHA256) | IM_BIT(IMP_SHA512))

enum { IM_VALUES_MAX = 16, IM_DIGEST = 16, IM_PATH_MAX = 32768 };

struct im_attribute {
	const char *name; /* in rules: "LastModified"; NULL ends a table */
	bool standard;    /* part of STANDARD */
	bool windows;     /* known, but nothing on Linux has it */
};

struct im_class_row {
	const char *set;                       /* "FileSet" */
	const char *name;                      /* in events: "File" */
	bool paths;                            /* keys are paths below a base */
	const struct im_attribute *attributes; /* their index is their bit */
};

extern const struct im_class_row im_classes[IM_CLASSES];

/* Bits of an attribute or a shorthand; 0: no such name. contents: what CONTENTS stands for. */
uint32_t im_attributes_named(enum im_class class, struct str name, uint32_t contents);
uint32_t im_attributes_standard(enum im_class class, uint32_t contents);
uint32_t im_attributes_all(enum im_class class);
/* "lastModified": the name of an attribute as events spell it. */
void im_attribute_event_name(enum im_class class, unsigned attribute, struct buf *out);

/* What the kernel says of a path; times in ns since the epoch. */
struct im_file {
	uint32_t mode, uid, gid, nlink;
	uint64_t ino, dev, rdev, size, blocks, flags;
	int64_t created, modified, accessed, changed;
	uint8_t md5[16], sha1[20], sha256[32], sha512[64];
	uint8_t acl[IM_DIGEST], xattrs[IM_DIGEST]; /* digests; all zero: it has none */
	struct str target;                         /* of a symbolic link */
	bool settled; /* read when nobody could be writing: equal times mean equal content */
	bool owned;   /* the records of a package listed it */
};

/* {0} but class and key is valid. What strings point to belongs to whoever filled it in. */
struct im_entity {
	enum im_class class;
	struct str key; /* a path; a name */
	uint32_t has;   /* the attributes that are known */
	struct im_file file;
	struct str value[IM_VALUES_MAX]; /* classes without paths: by attribute */
};

/* The order of a walk and of a baseline: paths first ('/' before every other byte), then the other
 * classes, each by its key. */
int im_order(const struct im_entity *a, const struct im_entity *b);
int im_path_order(struct str a, struct str b);

/* ---- rules ---- */

enum im_severity { IM_LOW, IM_MEDIUM, IM_HIGH, IM_CRITICAL };

extern const char *const im_severities[]; /* "low", ...; NULL last */

struct im_pattern {
	struct str text;
	bool nocase;
};

/* An attribute that an entity must have for a tag to mean it. */
struct im_feature {
	uint32_t attribute; /* its index; IM_EXECUTABLE: a file that may be executed */
	struct im_pattern pattern;
};

enum { IM_EXECUTABLE = 1000 };

struct im_tag {
	bool keyed; /* key counts */
	struct im_pattern key;
	struct im_feature *features;
	size_t nfeatures;
};

struct im_set {
	enum im_class class;
	const struct im_rule *rule;
	struct str base; /* of paths: absolute, no trailing '/' ("" is the root) */
	bool on_change, follow;
	uint32_t attributes;
	struct im_tag *include, *exclude;
	size_t nincludes, nexcludes;
};

struct im_rule {
	int64_t id;
	struct str name, description, platform;
	enum im_severity severity;
	bool alert, real_time;
};

/* What a rule says that this host cannot do: the rest of it is obeyed. */
enum im_note_kind {
	IM_NOTE_VARIABLE,
	IM_NOTE_BASE,
	IM_NOTE_ENTITY,
	IM_NOTE_ATTRIBUTE,
	IM_NOTE_FEATURE
};

struct im_note {
	enum im_note_kind kind;
	const struct im_rule *rule;
	struct str text;
};

/* Compiled rules; everything in one arena. {0} is valid and watches nothing. */
struct im_rules {
	struct arena arena;
	uint32_t contents;       /* the attribute that CONTENTS stands for */
	const json_t *variables; /* borrowed while rules are added */
	struct im_rule **rules;
	struct im_set *sets;
	struct im_note *notes;
	size_t nrules, nsets, nnotes, rule_cap, set_cap, note_cap;
	json_t *source; /* owned: the rules as they came, for the baseline's header */
};

/* variables: an object of texts for ${NAME}, may be NULL. */
void im_rules_init(struct im_rules *r, uint32_t contents, const json_t *variables);
void im_rules_done(struct im_rules *r);
/*
 * Adds the rules of a file in XML: sets alone (one rule, of that name) or a tree of Rule elements.
 * The sentence of a refusal says line, column and what was expected.
 */
int im_rules_add_xml(struct im_rules *r, struct str xml, const struct im_rule *as, struct err *why);
/* Adds a rule as the API has it: template file, registry or custom. */
int im_rules_add_json(struct im_rules *r, const json_t *o, struct err *why);
/* The rules that a baseline was made under: r->source of then. */
int im_rules_add_source(struct im_rules *r, const json_t *source, struct err *why);

/* ---- which sets ---- */

/* Sets that may cover something in a directory: indices into rules->sets. */
struct im_candidates {
	uint16_t *set; /* owned by the arena of the rules, or the caller */
	size_t n;
};

bool im_set_covers(const struct im_set *s, const struct im_entity *e);
/* The attributes that the sets that cover e want of it; 0: none covers it. from NULL: of all. */
uint32_t im_wanted(const struct im_rules *r, const struct im_candidates *from,
                   const struct im_entity *e);
/* May a set cover something below this directory? out->set has room for as many as from has. */
bool im_descends(const struct im_rules *r, const struct im_candidates *from, struct str dir,
                 struct im_candidates *out);

/*
 * The sets of r that are watched in real time: by their rule or their onChange. What the result
 * points to is r's. Behind links (followLinks) only scans look.
 */
struct im_rules im_watched(struct im_rules *r);
/* Could a set cover a file or directory of this path, whatever its attributes are? */
bool im_may_cover(const struct im_rules *r, struct str path);

/* Does the whole text match? `*`, `?` and `\`. */
bool im_glob(struct im_pattern p, struct str text);
/* The same by sections between '/', with `**` for any number of them. */
bool im_match(struct im_pattern p, struct str path);
/* Could a path below this one match? */
bool im_match_below(struct im_pattern p, struct str dir);

/* ---- what changed ---- */

enum im_kind { IM_CREATED, IM_UPDATED, IM_DELETED, IM_RENAMED };

extern const char *const im_kinds[];

/* Who did it, as far as real time saw it; empty: not known. */
struct im_actor {
	int64_t pid;
	struct str user, process, parent, container; /* process and parent: paths of programs */
};

struct im_change {
	enum im_kind kind;
	const struct im_entity *was, *is; /* was: NULL when created; is: NULL when deleted */
	uint32_t changed;                 /* attributes of an update or a renaming */
	const struct im_rule *reason;     /* the most severe rule that asks */
	bool real_time, alert;
	const struct im_actor *by; /* NULL: a scan found it */
};

/* Attributes known of both and different. */
uint32_t im_compare(const struct im_entity *was, const struct im_entity *is);
/*
 * 1: something that the rules ask for changed (out filled in), 0 nothing. then: the rules that the
 * baseline was made under; what they did not cover is no news when it is there.
 */
int im_judge(const struct im_rules *now, const struct im_rules *then, const struct im_entity *was,
             const struct im_entity *is, struct im_change *out);
/*
 * The same for a file whose content was written, when nothing that is compared differs (it was
 * changed back): 1 when a rule asks for its content. What it says is the time of the change.
 */
int im_judge_touched(const struct im_rules *now, const struct im_entity *was,
                     const struct im_entity *is, struct im_change *out);
/* Is `is` what `was` was, under another name? Same inode, born at the same time. */
bool im_same_file(const struct im_entity *was, const struct im_entity *is);

/* An attribute's value as a text for people. */
void im_value(const struct im_entity *e, unsigned attribute, struct buf *out);
/* {"change","class","key","rule","severity","attributes",...}; new reference. */
json_t *im_change_json(const struct im_change *c);
/* One line for people. */
void im_change_line(const struct im_change *c, struct buf *out);
