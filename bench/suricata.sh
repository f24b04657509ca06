# Suricata 7 as a peer, out of a trixie root of its own that debootstrap makes once; sourced by bench/packets.sh. Nothing of it
# is installed on the host. In the agent's network namespace it answers NFQUEUE 10 and 11 in workers mode, with Hyperscan.
PEER=${BENCH_PEER:-$TOP/build/peer/trixie}
PEER_QUEUE=10
peer_root() {
	[ -x "$PEER/usr/bin/suricata" ] && [ -x "$PEER/usr/sbin/xtables-nft-multi" ] && return 0
	say "making $PEER: Suricata of Debian trixie"
	rm -rf --one-file-system "$PEER"
	mkdir -p "$PEER"
	debootstrap --variant=minbase --include=suricata,iptables trixie "$PEER" "${BENCH_MIRROR:-http://deb.debian.org/debian}" >"$PEER.log" 2>&1
}
# In the namespace NS, with the root's own /proc.
in_peer() {
	local ns=$1
	shift
	ip netns exec "$ns" unshare -m sh -c 'mount --rbind /proc "$0/proc" && exec chroot "$0" "$@"' "$PEER" "$@"
}

# peer_settings FILE BYPASS: the bench's suricata.yaml. What is not said is Suricata's default.
peer_settings() {
	local nfq='mode: accept' bypass=no
	[ "$2" = yes ] && bypass=yes nfq='mode: accept
  bypass-mark: 1
  bypass-mask: 1'
	cat >"$1" <<END
%YAML 1.1
---
vars:
  address-groups: { HOME_NET: "any", EXTERNAL_NET: "any", HTTP_SERVERS: "any" }
  port-groups: { HTTP_PORTS: "80" }
default-log-dir: /bench
stats: { enabled: yes, interval: 1 }
outputs:
  - fast: { enabled: yes, filename: fast.log, append: no }
  - stats: { enabled: yes, filename: stats.log, append: no, totals: yes, threads: no }
logging: { default-log-level: notice, outputs: [ { console: { enabled: no } }, { file: { enabled: yes, filename: suricata.log, append: no } } ] }
unix-command: { enabled: no }
run-as: { user: root, group: root }
mpm-algo: hs
spm-algo: hs
nfq:
  $nfq
  batchcount: 20
stream:
  checksum-validation: no
  inline: auto
  bypass: $bypass
  midstream: true
  reassembly: { depth: 1mb }
app-layer:
  protocols:
    http: { enabled: yes, libhtp: { default-config: { personality: IDS, request-body-limit: 1mb, response-body-limit: 1mb } } }
    tls: { enabled: yes, detection-ports: { dp: 443 } }
    dns: { tcp: { enabled: yes, detection-ports: { dp: 53 } }, udp: { enabled: yes, detection-ports: { dp: 53 } } }
    ssh: { enabled: yes }
    ftp: { enabled: yes }
    smtp: { enabled: yes }
    smb: { enabled: yes, detection-ports: { dp: 139, 445 } }
END
}
# peer_start RULES [BYPASS]: seconds until it is ready go to PEER_SECONDS.
peer_start() {
	local begun
	rm -rf "$PEER/bench" && mkdir -p "$PEER/bench"
	cp "$1" "$PEER/bench/bench.rules"
	peer_settings "$PEER/bench/suricata.yaml" "${2:-no}"
	begun=$(now)
	ip netns exec "$NS_A" unshare -m sh -c 'mount --rbind /proc "$0/proc" && exec chroot "$0" "$@"' "$PEER" \
		suricata -c /bench/suricata.yaml -S /bench/bench.rules --runmode workers -k none -q $PEER_QUEUE -q $((PEER_QUEUE + 1)) >"$WORK/suricata.out" 2>&1 &
	PEER_PID=$!
	PIDS+=("$PEER_PID")
	until_ok 120 grep -q 'Engine started' "$PEER/bench/suricata.log" || return 1
	PEER_SECONDS=$(awk -v a="$begun" -v b="$(now)" 'BEGIN { printf "%.2f", b - a }')
}
peer_stop() {
	[ -n "${PEER_PID:-}" ] || return 0
	kill -TERM "$PEER_PID" 2>/dev/null
	wait "$PEER_PID" 2>/dev/null
	PEER_PID=
}
reloads() { grep -c 'rule reload complete' "$PEER/bench/suricata.log"; }
reloaded_more_than() { [ "$(reloads)" -gt "$1" ]; }
peer_reload() {
	local before
	before=$(reloads)
	kill -USR2 "$PEER_PID"
	until_ok 120 reloaded_more_than "$before"
}
# peer_count NAME: a counter of its statistics, the newest.
peer_count() { awk -v n="$1" '$1 == n { v = $NF } END { print v + 0 }' "$PEER/bench/stats.log"; }

# queue_to FIRST: both directions go to queues FIRST and FIRST + 1, by addresses and ports (nft symhash), as the agent's do. The
# peer's own way, --queue-balance, would send all connections of one client to one queue. queue_to none: no longer.
queue_to() {
	local i
	in_peer "$NS_A" sh -c 'iptables -w -t mangle -F; iptables -w -t security -F' >/dev/null 2>&1
	ip netns exec "$NS_A" nft delete table inet spread 2>/dev/null
	[ "$1" = none ] && return 0
	ip netns exec "$NS_A" nft -f - <<'END' || return 1
table inet spread {
	chain in { type filter hook input priority -160; iifname "far" meta mark set meta mark | 0x100; iifname "far" symhash mod 2 == 1 meta mark set meta mark | 0x200; }
	chain out { type filter hook output priority -160; oifname "far" meta mark set meta mark | 0x100; oifname "far" symhash mod 2 == 1 meta mark set meta mark | 0x200; }
}
END
	local rules="*mangle
"
	[ "${2:-}" = bypass ] && for i in INPUT OUTPUT; do
		rules+="-A $i -j CONNMARK --restore-mark --nfmask 1 --ctmask 1
-A $i -m mark --mark 1/1 -j ACCEPT
"
	done
	for i in INPUT OUTPUT; do
		rules+="-A $i -m mark --mark 0x100/0x300 -j NFQUEUE --queue-num $1
-A $i -m mark --mark 0x300/0x300 -j NFQUEUE --queue-num $(($1 + 1))
"
	done
	# A verdict ends the hook's chain of this table; a later one keeps the mark.
	[ "${2:-}" = bypass ] && rules+="COMMIT
*security
-F
-A INPUT -m mark --mark 1/1 -j CONNMARK --save-mark --nfmask 1 --ctmask 1
-A OUTPUT -m mark --mark 1/1 -j CONNMARK --save-mark --nfmask 1 --ctmask 1
"
	in_peer "$NS_A" iptables-restore -w <<<"${rules}COMMIT"
}
