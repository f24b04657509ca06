/*
 * The programs that the kernel runs where a TLS library's functions begin and end, in the processes
 * whose names are asked for: they copy plaintext into a ring buffer. They change nothing and nobody
 * waits for who reads them; what the ring has no room for is counted.
 *
 * Which socket a TLS object reads from is learnt from the kernel's own tracepoint of a TCP receive,
 * while its thread is inside a function of the library. So no field of the library's structures is
 * touched, and it holds for programs that give the library input and output of their own.
 */
/* clang-format off */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
/* clang-format on */

#include "agent/sensor/tls/record.h"

char licence[] SEC("license") = "GPL";

/* The guard reads them from the kernel before it loads this. */
const volatile struct tls_fields at;

enum what { IN_HANDSHAKE, IN_READ, IN_READ_EX, IN_WRITE, IN_WRITE_EX };

struct inside {
	tls_u64 ssl, buffer, count_at;
	tls_u32 what, role;
};

struct connection {
	tls_u64 ssl;
	tls_u64 process;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, tls_u64);
	__type(value, struct inside);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TLS_CONNECTIONS);
	__type(key, struct connection);
	__type(value, struct tls_ends);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TLS_NAMES_MAX);
	__type(key, tls_u8[TLS_NAME]);
	__type(value, tls_u8);
} names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, TLS_RING);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TLS_COUNTS);
	__type(key, tls_u32);
	__type(value, tls_u64);
} counts SEC(".maps");

static __always_inline int is_wanted(void)
{
	tls_u8 name[TLS_NAME] = { 0 };
	bpf_get_current_comm(name, sizeof(name));
	return bpf_map_lookup_elem(&names, name) != 0;
}

static __always_inline struct connection connection_of(tls_u64 ssl)
{
	struct connection c = { ssl, bpf_get_current_pid_tgid() >> 32 };
	return c;
}

static __always_inline void lost(void)
{
	tls_u32 key = TLS_COUNT_LOST;
	tls_u64 *n = bpf_map_lookup_elem(&counts, &key);
	if (n)
		(*n)++;
}

/* ---- which connection ---- */

static __always_inline void set_role(tls_u64 ssl, tls_u16 role)
{
	struct connection c = connection_of(ssl);
	struct tls_ends *known = bpf_map_lookup_elem(&connections, &c);
	if (known) {
		known->role = role;
		return;
	}
	struct tls_ends ends = { .role = role };
	bpf_map_update_elem(&connections, &c, &ends, BPF_ANY);
}

SEC("uprobe")
int accepts(struct pt_regs *ctx)
{
	if (is_wanted())
		set_role(PT_REGS_PARM1(ctx), TLS_ROLE_SERVER);
	return 0;
}

SEC("uprobe")
int connects(struct pt_regs *ctx)
{
	if (is_wanted())
		set_role(PT_REGS_PARM1(ctx), TLS_ROLE_CLIENT);
	return 0;
}

SEC("tracepoint/tcp/tcp_rcv_space_adjust")
int received(void *ctx)
{
	tls_u64 thread = bpf_get_current_pid_tgid();
	const struct inside *in = bpf_map_lookup_elem(&threads, &thread);
	if (!in)
		return 0;
	struct connection c = connection_of(in->ssl);
	struct tls_ends ends = { 0 };
	const struct tls_ends *known = bpf_map_lookup_elem(&connections, &c);
	bpf_probe_read_kernel(&ends.cookie, sizeof(ends.cookie), ctx + at.sock_cookie);
	if (known && known->cookie == ends.cookie)
		return 0;
	ends.role = known ? known->role : TLS_ROLE_UNKNOWN;
	bpf_probe_read_kernel(&ends.local, sizeof(ends.local), ctx + at.sport);
	bpf_probe_read_kernel(&ends.remote, sizeof(ends.remote), ctx + at.dport);
	tls_u8 four[4] = { 0 };
	bpf_probe_read_kernel(four, sizeof(four), ctx + at.saddr);
	if (at.family)
		bpf_probe_read_kernel(&ends.family, sizeof(ends.family), ctx + at.family);
	else /* without it an IPv6 socket shows no IPv4 address */
		ends.family = four[0] | four[1] | four[2] | four[3] ? 2 : 10;
	if (ends.family == 2) {
		bpf_probe_read_kernel(ends.local_ip, 4, ctx + at.saddr);
		bpf_probe_read_kernel(ends.remote_ip, 4, ctx + at.daddr);
	} else {
		bpf_probe_read_kernel(ends.local_ip, 16, ctx + at.saddr_v6);
		bpf_probe_read_kernel(ends.remote_ip, 16, ctx + at.daddr_v6);
	}
	bpf_map_update_elem(&connections, &c, &ends, BPF_ANY);
	return 0;
}

/* ---- plaintext ---- */

static __always_inline int enter(struct pt_regs *ctx, tls_u32 what)
{
	if (!is_wanted())
		return 0;
	tls_u64 thread = bpf_get_current_pid_tgid();
	struct inside in = { .ssl = PT_REGS_PARM1(ctx),
		             .buffer = PT_REGS_PARM2(ctx),
		             .count_at = PT_REGS_PARM4(ctx),
		             .what = what };
	bpf_map_update_elem(&threads, &thread, &in, BPF_ANY);
	return 0;
}

SEC("uprobe")
int handshakes(struct pt_regs *ctx)
{
	return enter(ctx, IN_HANDSHAKE);
}

SEC("uprobe")
int reads(struct pt_regs *ctx)
{
	return enter(ctx, IN_READ);
}

SEC("uprobe")
int reads_ex(struct pt_regs *ctx)
{
	return enter(ctx, IN_READ_EX);
}

SEC("uprobe")
int writes(struct pt_regs *ctx)
{
	return enter(ctx, IN_WRITE);
}

SEC("uprobe")
int writes_ex(struct pt_regs *ctx)
{
	return enter(ctx, IN_WRITE_EX);
}

static __always_inline void fill(struct tls_record *r, tls_u64 ssl, tls_u16 kind)
{
	struct connection c = connection_of(ssl);
	const struct tls_ends *ends = bpf_map_lookup_elem(&connections, &c);
	r->ssl = ssl;
	r->process = (tls_u32)c.process;
	r->kind = kind;
	r->len = 0;
	r->missed = 0;
	r->spare = 0;
	if (ends)
		r->ends = *ends;
	else
		__builtin_memset(&r->ends, 0, sizeof(r->ends));
}

/* A record of less than `room` bytes of data, a power of two; the ring takes constant sizes only.
 */
static __always_inline int piece(const struct inside *in, tls_u64 from, tls_u32 n, tls_u32 missed,
                                 const tls_u32 room)
{
	struct tls_record *r =
		bpf_ringbuf_reserve(&ring, __builtin_offsetof(struct tls_record, data) + room, 0);
	if (!r)
		return -1;
	fill(r, in->ssl, in->what == IN_READ || in->what == IN_READ_EX ? TLS_READ : TLS_WRITE);
	/* The verifier understands a mask on the very register that it is about; it changes
	 * nothing, and the compiler must not know that. */
	asm volatile("" : "+r"(n));
	n &= room - 1;
	if (bpf_probe_read_user(r->data, n, (const void *)(in->buffer + from)) < 0) {
		missed += n;
		n = 0;
	}
	r->len = (tls_u16)n;
	r->missed = missed;
	bpf_ringbuf_submit(r, 0);
	return 0;
}

static __always_inline void copy(const struct inside *in, tls_u64 n)
{
	for (tls_u64 i = 0; i < TLS_PIECES; i++) {
		tls_u64 from = i * (TLS_PIECE - 1);
		if (from >= n)
			return;
		tls_u64 left = n - from;
		tls_u32 take = left >= TLS_PIECE ? TLS_PIECE - 1 : (tls_u32)left;
		tls_u32 missed = i == TLS_PIECES - 1 ? (tls_u32)(left - take) : 0;
		int rc = take < 512 ? piece(in, from, take, missed, 512)
		                    : piece(in, from, take, missed, TLS_PIECE);
		if (rc < 0)
			lost();
	}
}

SEC("uretprobe")
int returns(struct pt_regs *ctx)
{
	tls_u64 thread = bpf_get_current_pid_tgid(), n = 0;
	const struct inside *found = bpf_map_lookup_elem(&threads, &thread);
	if (!found)
		return 0;
	struct inside in = *found;
	bpf_map_delete_elem(&threads, &thread);
	int answer = (int)PT_REGS_RC(ctx);
	if (in.what == IN_HANDSHAKE || answer <= 0)
		return 0;
	if (in.what == IN_READ || in.what == IN_WRITE)
		n = (tls_u64)answer;
	else if (bpf_probe_read_user(&n, sizeof(n), (const void *)in.count_at) < 0)
		return 0;
	copy(&in, n);
	return 0;
}

SEC("uprobe")
int frees(struct pt_regs *ctx)
{
	struct connection c = connection_of(PT_REGS_PARM1(ctx));
	const struct tls_ends *ends = bpf_map_lookup_elem(&connections, &c);
	if (!ends)
		return 0;
	struct tls_record *r =
		bpf_ringbuf_reserve(&ring, __builtin_offsetof(struct tls_record, data), 0);
	if (r) {
		fill(r, c.ssl, TLS_CLOSED);
		bpf_ringbuf_submit(r, 0);
	} else {
		lost();
	}
	bpf_map_delete_elem(&connections, &c);
	return 0;
}
