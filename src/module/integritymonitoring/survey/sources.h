#pragma once
#include "base/map.h"
#include "module/integritymonitoring/integritymonitoring.h"

/* What gathers the entities of a class; everything in one arena. */
struct gathered {
	struct arena arena;
	struct im_entity *list; /* owned */
	size_t n, cap;
};

/* A new entity (valid until the next one is added). */
struct im_entity *gathered_add(struct gathered *g, enum im_class class, struct str key);
void gathered_set(struct gathered *g, struct im_entity *e, const char *attribute, struct str value);

/* Each: 0, or -errno when what there should be could not be read. */
int gather_groups(struct gathered *g);
int gather_users(struct gathered *g);
int gather_software(struct gathered *g);
int gather_services(struct gathered *g);
int gather_processes(struct gathered *g);
int gather_ports(struct gathered *g);

/* ---- parsers: pure, of bytes that others wrote ---- */

/* passwd(5), shadow(5), group(5). shadow may be empty: then nothing is said of passwords. */
void parse_users(struct gathered *g, struct str passwd, struct str shadow, struct str group);
void parse_groups(struct gathered *g, struct str group);
/* dpkg's status file (deb-control(5)): paragraphs of fields. */
void parse_dpkg(struct gathered *g, struct str status);
/* The first line of a field of a paragraph: "Version: 1.2"; {NULL, 0}: it has none. */
struct str dpkg_field(struct str paragraph, struct str name);
struct str dpkg_paragraph(struct str *rest); /* the next one */
/* Opens rpm's database for reading; the caller closes it. 0 or -EIO. */
struct sqlite3;
int rpm_database(const char *path, struct sqlite3 **out);
/* A package's header as rpm keeps it in its database: index and data. 0 or -EBADMSG. */
int parse_rpm_header(struct gathered *g, struct str blob);
/* A table of /proc/net: sockets in that state; by_inode: inode to 1 + index of g->list. */
void parse_ports(struct gathered *g, const char *protocol, const char *listening, struct str table,
                 struct map *by_inode);
/* A unit file (systemd.syntax(7)) under its name. */
void parse_unit(struct gathered *g, struct im_entity *e, struct str text);
