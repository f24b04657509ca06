#pragma once
/*
 * What the programs in the kernel (hook.bpf.c) and the process `tls` say to each other. Numbers are
 * of this machine's byte order; this header is compiled for both, so it includes nothing.
 */
typedef unsigned char tls_u8;
typedef unsigned short tls_u16;
typedef unsigned int tls_u32;
typedef unsigned long long tls_u64;

enum {
	TLS_PIECE = 4096,       /* bytes of plaintext in one record, at most one less */
	TLS_PIECES = 32,        /* records of one call at most; the rest is `missed` */
	TLS_RING = 4 << 20,     /* bytes of the ring buffer */
	TLS_NAME = 16,          /* of a process, with its NUL (comm) */
	TLS_NAMES_MAX = 64,     /* of processes that are looked into */
	TLS_CONNECTIONS = 65536 /* remembered in the kernel; the longest unused go */
};

enum tls_kind { TLS_READ, TLS_WRITE, TLS_CLOSED };
enum tls_role { TLS_ROLE_UNKNOWN, TLS_ROLE_SERVER, TLS_ROLE_CLIENT };

struct tls_ends {
	tls_u64 cookie;        /* of the socket, SO_COOKIE; 0: the connection is not known */
	tls_u16 family;        /* AF_INET, AF_INET6 */
	tls_u16 local, remote; /* ports */
	tls_u16 role;          /* enum tls_role of the process that was looked into */
	tls_u8 local_ip[16], remote_ip[16]; /* IPv4: the first four bytes */
};

struct tls_record {
	tls_u64 ssl;     /* the library's object: with the process it names the connection */
	tls_u32 process; /* tgid */
	tls_u16 kind;    /* enum tls_kind */
	tls_u16 len;     /* of data */
	tls_u32 missed;  /* bytes that follow these and were not taken */
	tls_u32 spare;
	struct tls_ends ends;
	tls_u8 data[TLS_PIECE]; /* `len` of them are there, or a little more */
};

/*
 * Where the kernel's tracepoint tcp_rcv_space_adjust has its fields, as its format says; the
 * program's only constants. family 0: this kernel does not tell it.
 */
struct tls_fields {
	tls_u32 sport, dport, family, saddr, daddr, saddr_v6, daddr_v6, sock_cookie;
};

/* tls_counts: index of the map of counters, one a processor. */
enum tls_count { TLS_COUNT_LOST /* records for which the ring had no room */, TLS_COUNTS };
