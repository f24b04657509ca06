# The Firewall with a real manager and agent, and a neighbour in a third network namespace: rules by the API, their events,
# tap, reloads under traffic, failures of the packet process, reconnaissance, the ruleset before and after the agent.
. "$TOP/tests/scenario/lib.sh"

# Servers of the protected computer: TCP 8001 to 8006 and UDP 9001, each answers what it gets.
cat >"$WORK/server.py" <<'END'
import select, socket, sys
tcp, ready = [], {}
for port in range(8001, 8007):
    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", port)); s.listen(100); tcp.append(s)
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); u.bind(("::", 9001))
clients = set()
print("ready", flush=True)
while True:
    for s in select.select(tcp + [u] + list(clients), [], [])[0]:
        try:
            if s is u:
                data, at = u.recvfrom(2000); u.sendto(data, at)
            elif s in clients:
                data = s.recv(65536)
                if data: s.sendall(data)
                else: clients.discard(s); s.close()
            else:
                clients.add(s.accept()[0])
        except OSError:
            clients.discard(s)
            if s is not u: s.close()
END
# One connection that asks and waits for the answer all the time: prints how many answers came and the longest wait.
cat >"$WORK/talk.py" <<'END'
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
s.settimeout(float(sys.argv[4]))
end, n, longest = time.time() + float(sys.argv[3]), 0, 0
while time.time() < end:
    t = time.time(); s.sendall(b"x" * 100)
    got = 0
    while got < 100:
        d = s.recv(100 - got)
        if not d: sys.exit("closed after %d" % n)
        got += len(d)
    longest = max(longest, time.time() - t); n += 1; time.sleep(0.005)
print(n, round(longest * 1000))
END

opens() { in_n timeout 10 nc -w 5 -z "$1" "$2"; }
shut() { ! in_n timeout 3 nc -w 1 -z "$1" "$2"; }
answers() { [ "$(echo hello | in_n timeout 3 nc -u -w 1 "$1" 9001)" = hello ]; }
fw_events() { api GET "/events/firewall?maxItems=1000" | jq -c '.firewallEvents[]'; }
# event JQ-CONDITION: one is there.
event() { fw_events | jq -es "map(select($1)) | length > 0"; }
told() { api GET "/events/system?maxItems=1000" | jq -e --argjson n "$1" '[.systemEvents[] | select(.number == $n)] | length > 0'; }
others() { in_a nft -s list table ip nat; in_a nft -s list table ip filter; in_a nft -s list table inet firewalld; }
asks_by() { dsa_query -c GetAgentStatus | grep -E 'asksBy: (queue statement|compat target)'; }
two_queues() {
	jq -e '.queues == 2' "$WORK/a/lib/firewall/ruleset.json" && dsa_query -c GetAgentStatus | grep -F 'engine.processes: 2'
}
# simulate PACKET-JSON: "VERDICT by WHAT RULE".
simulate() { api POST "/computers/1/firewall/simulate" "$1" | jq -r '"\(.verdict) by \(.decidedBy) \(.rule.ID // "")"'; }
simulated() { [ "$(simulate "$2")" = "$1" ]; }
has_hits() {
	api POST /computers/1/checkstatus >/dev/null
	sleep 1
	api GET /computers/1/firewall/hits | jq -e ".firewallRuleHits[] | select(.ruleID == $1 and .hits > 0)"
}
job_done() { api GET "/jobs/$1" | jq -e '.state == "done"'; }
open_ports() { api GET "/jobs/$1" | jq -c .result.openPorts; }
none_told() {
	local n
	for n in "$@"; do ! told "$n" || return 1; done
}
state_is() { [ "$(state)" = "$1" ]; }
others_same() { others | cmp - "$WORK/others.before"; }
ours() { in_a nft list table inet yagura; }
state() { api GET '/computers?expand=firewall' | jq -r '.computers[0].firewall.moduleStatus.agentStatusMessage'; }

netns_pair
neighbour
manager_setup && manager_start && sign_in || { not_ok "the manager starts" "see manager.log"; finish; }
in_a nft -f - <<'END'
table ip nat {
	chain DOCKER { tcp dport 8088 counter redirect to :8006; }
	chain PREROUTING { type nat hook prerouting priority -100; fib daddr type local counter jump DOCKER; }
}
table ip filter {
	chain ufw-user-input { tcp dport 8005 counter drop; }
	chain ufw-before-input { iifname "lo" counter accept; ct state established,related counter accept; jump ufw-user-input; }
	chain INPUT { type filter hook input priority filter; policy accept; counter jump ufw-before-input; }
	chain DOCKER-USER { counter return; }
	chain FORWARD { type filter hook forward priority filter; policy drop; counter jump DOCKER-USER; }
}
table inet firewalld {
	chain filter_INPUT { type filter hook input priority 10; ct state established,related accept; }
}
END
others >"$WORK/others.before"
ip netns exec "$NS_A" python3 "$WORK/server.py" >"$WORK/server.log" 2>&1 &
PIDS+=($!)
until_ok 60 grep -q ready "$WORK/server.log"
loop_fs "$WORK/fs" 32
agent_start a "$WORK/fs" --packet-processes 2 && agent_activate first || { not_ok "the agent is activated" "see activate.out"; finish; }
until_ok 60 online

check "without the Firewall everything passes" opens $V4 8001
check "and there is no table of ours" sh -c "! ip netns exec $NS_A nft list table inet yagura"
STATEFUL=$(api POST /statefulconfigurations '{"name":"inspect","tcpstatefulInspectionEnabled":true,"udpstatefulInspectionEnabled":true}' | jq -r .ID)
base_policy "{\"firewall\":{\"globalStatefulConfigurationID\":$STATEFUL}}" >/dev/null
setting firewallSettingFailureResponseEngineSystem "Fail open"

# ---- the five actions ----
DENY=$(port_rule "No 8001" deny 0 8001)
assign "$DENY"
until_ok 60 shut $V4 8001 || { not_ok "a Deny rule refuses its port" "60 s passed"; finish; }
ok "a Deny rule refuses its port"
check "and no other" opens $V4 8002
check "a port that Docker publishes is reached" opens $V4 8088
check "what ufw drops stays dropped" shut $V4 8005
check "IPv6 too" shut $V6 8001
check "and no other of IPv6" opens $V6 8002
check_until "the denial is an event with rule, reason and action" 60 event '.Reason == "Firewall Rule: No 8001" and .ActionString == "Deny" and .DestinationPort == 8001 and .SourceIP == "10.214.0.1"'
check_until "of IPv6 as well" 60 event '.RuleID == '"$DENY"' and .FrameType == "IPv6"'
check_until "the status says inline" 60 state_is "On, Inline"
check_until "and how the kernel asks" 60 asks_by
check_until "connections are spread over two processes" 60 two_queues
paced() { [ "$(in_a cat /proc/sys/net/ipv4/tcp_invalid_ratelimit)" = "$1" ]; }
check_until "an ACK storm is slowed down" 60 paced 1000
setting firewallSettingEngineOptionAckTimeout "3 Seconds"
check_until "as the policy says" 60 paced 3000
check "which both run" test "$(children "$AGENT_PID" packet | wc -l)" = 2

FORCE=$(port_rule "Still 8001" force-allow 1 8001)
assign "$DENY" "$FORCE"
check_until "Force Allow of a higher priority overrules Deny" 60 opens $V4 8001
ALLOW=$(port_rule "Only 8002" allow 0 8002)
assign "$ALLOW"
check_until "with an Allow rule everything else is denied" 60 shut $V4 8003
check "what it names passes" opens $V4 8002
check "in IPv6 too" opens $V6 8002
check "and the rest of IPv6 not" shut $V6 8003
check_until "Out Of Allowed Policy is an event" 60 event '.ReasonID == 123 and .DestinationPort == 8003'
check "the agent itself is still connected" online
check "UDP that nobody allowed does not pass" sh -c "! echo x | timeout 3 ip netns exec $NS_N nc -u -w 1 $V4 9001 | grep -q x"
BYPASS=$(port_rule "Past all: 8003" bypass 4 8003)
LOG=$(port_rule "Note 8002" log-only 4 8002)
assign "$ALLOW" "$BYPASS" "$LOG"
check_until "Bypass passes whatever else is denied" 60 opens $V4 8003
check "Log Only lets pass" opens $V4 8002
check_until "and is an event" 60 event '.Reason == "Firewall Rule: Note 8002" and .ActionString == "Log Only"'
TO='"sourceIP":"10.214.0.1","destinationIP":"10.214.0.2"'
check "the simulator knows which rule lets a packet pass" simulated "pass by rule $ALLOW" "{$TO,\"destinationPort\":8002}"
check "and which passes everything else by" simulated "pass by rule $BYPASS" "{$TO,\"destinationPort\":8003}"
check "and what is left over" simulated "drop by default " "{$TO,\"destinationPort\":8004}"
check "and what is out of connection" simulated "drop by state $ALLOW" "{$TO,\"destinationPort\":8002,\"TCPFlags\":[\"ack\"]}"
check "a field that is wrong is named" sh -c "echo '$(api POST /computers/1/firewall/simulate '{"sourceIP":"x"}')' | grep -q sourceIP"
check_until "the hits of a rule are told" 60 has_hits "$ALLOW"
SCAN=$(api POST /computers/1/portscan '{"ports":"8001-8008"}' | jq -r .ID)
check_until "a port scan of the computer ends" 60 job_done "$SCAN"
check "and finds what is open" test "$(open_ports "$SCAN")" = "[8002,8003]"
PING=$(rule '{"name":"No ping","action":"deny","priority":"4","direction":"incoming","frameType":"ipv4","protocol":"icmp"}')
assign "$PING" "$DENY"
check_until "ICMP is denied by protocol" 60 sh -c "! ip netns exec $NS_N ping -c 1 -W 1 $V4"
check "and ICMPv6 goes on" in_n ping -6 -c 1 -W 2 $V6

# ---- tap ----
setting firewallSettingNetworkEngineMode Tap
check_until "in tap mode nothing is dropped" 60 opens $V4 8001
check_until "but told" 60 event '.ActionString == "Detect Only: Deny" and .RuleID == '"$DENY"
check_until "the status says tap" 60 state_is "On, Tap"
setting firewallSettingNetworkEngineMode Inline
check_until "inline again" 60 shut $V4 8001

# ---- contexts: a page of the own network says where this computer is ----
system_setting() { api POST "/systemsettings/$1" "{\"value\":\"$2\"}" >/dev/null; }
AWAY=$(api POST /contexts '{"name":"away","remoteConnectionsEnabled":true}' | jq -r .ID)
NOT_AWAY=$(rule "{\"name\":\"No 8004 away\",\"action\":\"deny\",\"priority\":\"1\",\"direction\":\"incoming\",\"frameType\":\"ip\",\"protocol\":\"tcp\",
	\"destinationPortType\":\"multiple\",\"destinationPortMultiple\":[\"8004\"],\"contextID\":$AWAY}")
mkdir -p "$WORK/pages" && echo "the intranet of example" >"$WORK/pages/where"
page() { ip netns exec "$NS_N" python3 -m http.server --directory "$WORK/pages" 9080 >"$WORK/page.log" 2>&1 & PAGE=$!; PIDS+=("$PAGE"); }
page
until_ok 60 in_n nc -z 10.214.0.1 9080
system_setting firewallSettingInternetConnectivityTestInterval "1 Second"
system_setting firewallSettingIntranetConnectivityTestUrl http://10.214.0.1:9080/where
system_setting firewallSettingIntranetConnectivityTestExpectedContentRegex "^the intranet of"
assign "$DENY" "$NOT_AWAY"
check_until "a rule for away comes into force" 60 in_force
check_until "at home it rests" 60 opens $V4 8004
kill "$PAGE"
check_until "away from the page it holds" 60 shut $V4 8004
check "and the other rules go on" shut $V4 8001
page
check_until "back home it rests again" 60 opens $V4 8004
echo "a portal of some hotel" >"$WORK/pages/where"
check_until "a page that is not what is expected is not home" 60 shut $V4 8004
system_setting firewallSettingIntranetConnectivityTestUrl ""
check_until "without a page, where the manager answers is home" 60 opens $V4 8004

# ---- interfaces ----
setting firewallSettingInterfacePatterns "veth*\nfar"
setting firewallSettingInterfaceIsolationEnabled true
check_until "isolated interfaces: what is named may be used" 60 in_force
check_until "and is" 60 opens $V4 8004
setting firewallSettingInterfaceLimitOneActiveEnabled true
check_until "one active interface: the first pattern's alone" 60 shut $V4 8004
check "and the agent stays connected" online
setting firewallSettingInterfaceIsolationEnabled false
check_until "no isolation: all are used" 60 opens $V4 8004
setting firewallSettingInterfaceLimitOneActiveEnabled false

# ---- reloads under traffic ----
in_n python3 "$WORK/talk.py" $V4 8002 8 30 >"$WORK/talk.out" 2>"$WORK/talk.err" &
TALK=$!
for i in 1 2 3 4; do
	assign "$ALLOW"; sleep 0.8
	assign "$ALLOW" "$LOG" "$DENY"; sleep 0.8
done
wait $TALK
check "a connection outlives eight new policies" test -s "$WORK/talk.out"
check "others' tables are as they were" others_same

# ---- the packet process dies ----
# A limit has every packet of TCP asked about.
api POST "/statefulconfigurations/$STATEFUL" '{"maxIncomingConnections":5000}' >/dev/null
GUARD=$AGENT_PID
asked() { jq -e '[.nft.nftables[].add.rule | select(.chain == "state_in") | .expr[] | select(.goto.target == "ask")] | length > 0' "$WORK/a/lib/firewall/ruleset.json"; }
check_until "connection limits need questions" 60 asked
packet_pid() { children "$GUARD" "packet -I 0"; }
in_n python3 "$WORK/talk.py" $V4 8002 4 30 >"$WORK/talk.out" 2>"$WORK/talk.err" &
TALK=$!
sleep 1
kill -KILL "$(packet_pid)"
wait $TALK
check "fail open: a connection outlives the packet process" test -s "$WORK/talk.out"
check_until "which is there again" 60 packet_pid
check "what is denied is still denied" shut $V4 8003
setting firewallSettingFailureResponseEngineSystem "Fail closed"
until_ok 60 sh -c "jq -e '.failOpen == false' '$WORK/a/lib/firewall/ruleset.json'"
OLD=$(packet_pid)
in_n python3 "$WORK/talk.py" $V4 8002 4 30 >"$WORK/talk.out" 2>"$WORK/talk.err" &
TALK=$!
sleep 1
kill -KILL "$OLD"
wait $TALK
check "fail closed: a connection goes on when the packet process is back" test -s "$WORK/talk.out"
until_ok 60 packet_pid
sleep 1
OLD=$(packet_pid)
kill -STOP "$OLD"
check "fail closed: nothing new passes while nobody answers" shut $V4 8002
check_until "a process that stands still is ended, and traffic passes again" 60 opens $V4 8002
check "it is another process" test "$(packet_pid)" != "$OLD"
setting firewallSettingFailureResponseEngineSystem "Fail open"

# ---- reconnaissance ----
assign "$ALLOW"
until_ok 60 shut $V4 8003
in_n sh -c "for i in \$(seq 200); do nc -w 1 -z $V4 8002; done; ping -c 3 $V4" >/dev/null 2>&1
check "ordinary use raises no suspicion" none_told 850 851 852 853 854
in_n nmap -n -Pn -sS -p 1-400 --max-retries 0 $V4 >"$WORK/nmap.out" 2>&1
check_until "a port scan is noticed" 60 told 851
in_n nmap -n -Pn -sN -p 20-60 --max-retries 0 $V4 >>"$WORK/nmap.out" 2>&1
check_until "a null scan" 60 told 852
in_n nmap -n -Pn -sS --scanflags SYNFIN -p 20-60 --max-retries 0 $V4 >>"$WORK/nmap.out" 2>&1
check_until "a SYN-FIN scan" 60 told 853
in_n nmap -n -Pn -sX -p 20-60 --max-retries 0 $V4 >>"$WORK/nmap.out" 2>&1
check_until "an Xmas scan" 60 told 854
setting firewallSettingReconnaissanceBlockTcpXmasAttackDuration "5 Minutes"
until_ok 60 in_force
in_n nmap -n -Pn -6 -sX -p 20-60 --max-retries 0 $V6 >>"$WORK/nmap.out" 2>&1
check_until "whose source is blocked when the policy says so" 60 shut $V6 8002
check "in our table" sh -c "ip netns exec $NS_A nft list set inet yagura blocked6 | grep -q fd00:214::1"
setting firewallSettingReconnaissanceBlockTcpXmasAttackDuration "No"

# ---- before and after the agent ----
KEPT=$WORK/a/lib/firewall/ruleset.json
check "the last good ruleset is on disk" test -s "$KEPT"
ip netns exec "$NS_A" nft delete table inet yagura
check "the ruleset loads with no agent's help" in_a "$AGENT" --lib "$WORK/a/lib" --load-firewall
check "and holds" shut $V4 8003
kill -TERM "$AGENT_PID"
until_ok 60 sh -c "! kill -0 $AGENT_PID"
check "the ruleset stays when the agent stops" ours
check "and holds without it" shut $V4 8003
check "what it allows passes" opens $V4 8002
agent_start a "$WORK/fs" --packet-processes 2
until_ok 60 online
setting firewallSettingRulesetWhenStopped Remove
until_ok 60 sh -c "jq -e '.whenStopped == \"remove\"' '$KEPT'"
kill -TERM "$AGENT_PID"
until_ok 60 sh -c "! kill -0 $AGENT_PID"
check "or goes, when the policy says so" sh -c "! ip netns exec $NS_A nft list table inet yagura"
agent_start a "$WORK/fs" --packet-processes 2
check_until "it is there again with the agent" 60 ours
dsa_control -r >/dev/null 2>&1
check_until "a reset removes it" 60 sh -c "! ip netns exec $NS_A nft list table inet yagura"
check_until "and the kernel's own pace is back" 60 paced 500
check "and what was kept" test ! -e "$KEPT"
check "and nobody else's" others_same
finish
