# A flood of SYNs from invented addresses: the kernel answers those above the threshold with cookies, so that neither the
# server's queue nor conntrack fills, and who really connects is served. An isolated interface with rules of its own.
. "$TOP/tests/scenario/lib.sh"

cat >"$WORK/server.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", 8001)); s.listen(4096)
print("ready", flush=True)
while True:
    c = s.accept()[0]
    c.sendall(b"served"); c.close()
END
# SYNs to an address and port, each from another address of 198.18.0.0/15 (nobody is there), until the file is gone.
cat >"$WORK/flood.py" <<'END'
import os, random, socket, struct, sys, time
to, port, while_there = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
def total(b):
    if len(b) % 2: b += b"\0"
    n = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while n >> 16: n = (n & 0xffff) + (n >> 16)
    return ~n & 0xffff
dst, sent = socket.inet_aton(to), 0
while os.path.exists(while_there):
    src = struct.pack("!I", 0xc6120000 + random.getrandbits(17))
    tcp = struct.pack("!HHIIBBHHH", random.randint(1024, 65535), port, random.getrandbits(32), 0, 0x60, 2, 65535, 0, 0) + b"\x02\x04\x05\xb4"
    c = total(src + dst + struct.pack("!BBH", 0, 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", c) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, src, dst)
    try: s.sendto(ip + tcp, (to, 0)); sent += 1
    except OSError: pass
    if sent % 20 == 0: time.sleep(0.01)
print(sent, flush=True)
END
served() { [ "$(in_n timeout 10 nc -w 5 "$1" 8001 </dev/null)" = served ]; }
ours() { in_a nft list table inet yagura; }
proxied() { in_a nft -j list set inet yagura proxied | jq -e '[.nftables[].set.elem // [] | .[]] | length > 0'; }
half_open() { in_a ss -Htn state syn-recv | wc -l; }
half_open_at_least() { [ "$(half_open)" -ge "$1" ]; }
half_open_below() { [ "$(half_open)" -lt "$1" ]; }
guarded() { ours | grep -q "limit rate over $1/second"; }
unguarded() { ours >"$WORK/ours" && ! grep -q synproxy "$WORK/ours"; }
cut_off() { ! in_n timeout 5 nc -w 2 -z "$V4" "$1"; }
flood() {
	: >"$WORK/flooding"
	ip netns exec "$NS_N" python3 "$WORK/flood.py" "$V4" 8001 "$WORK/flooding" >"$WORK/flood.log" 2>&1 &
	FLOOD=$!
	PIDS+=("$FLOOD")
}
flood_end() {
	rm -f "$WORK/flooding"
	wait "$FLOOD"
	echo "# $(cat "$WORK/flood.log") SYNs, $(half_open) half-open"
}

netns_pair
neighbour
manager_setup && manager_start && sign_in || { not_ok "the manager starts" "see manager.log"; finish; }
# Answers to the invented ones go to the neighbour, which has no such address.
ip -n "$NS_A" route add 198.18.0.0/15 via 10.214.0.1
in_a sysctl -qw net.ipv4.tcp_max_syn_backlog=4096 net.ipv4.tcp_syncookies=0 net.core.somaxconn=4096 net.ipv4.tcp_synack_retries=1
ip netns exec "$NS_A" python3 "$WORK/server.py" >"$WORK/server.log" 2>&1 &
PIDS+=($!)
until_ok 10 grep -q ready "$WORK/server.log"
loop_fs "$WORK/fs" 32
agent_start a "$WORK/fs" && agent_activate flood || { not_ok "the agent is activated" "see activate.out"; finish; }
until_ok 20 online
STATEFUL=$(api POST /statefulconfigurations '{"name":"inspect"}' | jq -r .ID)
check "ICMP is not inspected unless asked for" test "$(api GET "/statefulconfigurations/$STATEFUL" | jq -r .icmpstatefulInspectionEnabled)" = false
base_policy "{\"firewall\":{\"state\":\"on\",\"globalStatefulConfigurationID\":$STATEFUL}}" >/dev/null
setting firewallSettingReconnaissanceEnabled false
check_until "the ruleset is loaded" 20 ours
check_until "the server answers" 20 served "$V4"

flood
check_until "without the guard half-open connections pile up" 30 half_open_at_least 300
flood_end
setting firewallSettingSynFloodProtectionThreshold 20
check_until "the guard is loaded" 20 guarded 20
check_until "what was half-open is given up" 120 half_open_below 20
flood
check_until "the kernel proxies the port" 20 proxied
for i in 1 2 3 4 5; do check_until "who really connects is served, $i" 20 served "$V4"; done
check_until "IPv6 too" 20 served "$V6"
setting firewallSettingSynFloodProtectionThreshold 30
check_until "another threshold is loaded while the flood goes on" 20 guarded 30
check_until "and who connects is served" 20 served "$V4"
check "the server has no queue of invented ones" half_open_below 300
flood_end
check_until "after the flood as before" 20 served "$V4"
setting firewallSettingSynFloodProtectionThreshold 0
check_until "without a threshold there is no guard" 20 unguarded

# ---- a context for restricted interfaces ----
setting firewallSettingInterfacePatterns "veth*"
setting firewallSettingInterfaceIsolationEnabled true
check_until "an isolated interface carries nothing" 20 cut_off 8001
CONTEXT=$(api POST /contexts '{"name":"restricted","restrictedInterfacesEnabled":true}' | jq -r .ID)
restricted() { # NAME DIRECTION SIDE: a Force Allow rule for port 8001
	rule "{\"name\":\"$1\",\"action\":\"force-allow\",\"direction\":\"$2\",\"frameType\":\"ip\",\"protocol\":\"tcp\",\"$3PortType\":\"multiple\",\"$3PortMultiple\":[\"8001\"],\"contextID\":$CONTEXT}"
}
IN=$(restricted "8001 all the same" incoming destination)
OUT=$(restricted "its answers" outgoing source)
assign "$IN" "$OUT"
check_until "but what a rule of a context for restricted interfaces lets through" 20 served "$V4"
check_until "IPv6 too" 20 served "$V6"
check "and nothing else" cut_off 8002
finish
