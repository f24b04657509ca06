# The Firewall under load: policies change while iperf3 and wrk run and connections are made and refused; the packet process is
# killed while every segment is asked about. Nothing that stands is lost, nothing passes that the rules refuse.
. "$TOP/tests/scenario/lib.sh"

# HTTP on 8080, and what answers on 8002 and 8003.
cat >"$WORK/server.py" <<'END'
import asyncio
async def http(r, w):
    try:
        while await r.readuntil(b"\r\n\r\n"):
            w.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100)
            await w.drain()
    except (asyncio.IncompleteReadError, ConnectionError): pass
    finally: w.close()
async def echo(r, w):
    try:
        while True:
            d = await r.read(1000)
            if not d: break
            w.write(d); await w.drain()
    except ConnectionError: pass
    finally: w.close()
async def main():
    await asyncio.start_server(http, "10.214.0.2", 8080, backlog=500)
    for port in (8002, 8003): await asyncio.start_server(echo, "10.214.0.2", port, backlog=500)
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
END
# Connections to an allowed and to a refused port, until the file STOP is there: "MADE REFUSED PASSED-THAT-SHOULD-NOT FAILED".
cat >"$WORK/connect.py" <<'END'
import os, socket, sys
made = refused = wrong = failed = 0
while not os.path.exists(sys.argv[1]):
    try:
        s = socket.create_connection(("10.214.0.2", 8002), timeout=20); s.sendall(b"x"); made += s.recv(1) == b"x"; s.close()
    except OSError: failed += 1
    try:
        socket.create_connection(("10.214.0.2", 8003), timeout=0.1).close(); wrong += 1
    except OSError: refused += 1
print(made, refused, wrong, failed)
END
# One connection that asks and waits, until the file STOP is there: "ANSWERS LONGEST-WAIT-MS".
cat >"$WORK/talk.py" <<'END'
import os, socket, sys, time
s = socket.create_connection(("10.214.0.2", 8002), timeout=20)
n = longest = 0
print("ready", flush=True)
while not os.path.exists(sys.argv[1]):
    t = time.time(); s.sendall(b"x" * 50)
    got = 0
    while got < 50:
        d = s.recv(50)
        if not d: sys.exit("closed after %d" % n)
        got += len(d)
    longest = max(longest, time.time() - t); n += 1; time.sleep(0.002)
print(n, round(longest * 1000))
END

netns_pair
neighbour
manager_setup && manager_start && sign_in || { not_ok "the manager starts" "see manager.log"; finish; }
ip netns exec "$NS_A" python3 "$WORK/server.py" >"$WORK/server.log" 2>&1 &
PIDS+=($!)
ip netns exec "$NS_A" iperf3 -s -p 5201 >"$WORK/iperf-server.log" 2>&1 &
PIDS+=($!)
until_ok 60 grep -q ready "$WORK/server.log"
until_ok 60 grep -q listening "$WORK/iperf-server.log"
loop_fs "$WORK/fs" 32
agent_start a "$WORK/fs" && agent_activate first || { not_ok "the agent is activated" "see activate.out"; finish; }
until_ok 60 online
STATEFUL=$(api POST /statefulconfigurations '{"name":"inspect","tcpstatefulInspectionEnabled":true}' | jq -r .ID)
base_policy "{\"firewall\":{\"state\":\"on\",\"globalStatefulConfigurationID\":$STATEFUL}}" >/dev/null
setting firewallSettingFailureResponseEngineSystem "Fail open"
IPERF=$(port_rule iperf allow 0 5201) HTTP=$(port_rule http allow 0 8080) ECHO=$(port_rule echo allow 0 8002)
OTHER=$(port_rule other allow 0 9000-9100) NOTE=$(port_rule note log-only 4 8002) NO=$(port_rule no deny 2 8003)
refuses() { ! in_n timeout 3 nc -w 1 -z $V4 8003; }
assign "$IPERF" "$HTTP" "$ECHO"
check_until "the rules are in force" 60 in_force
check "what they do not name is refused" refuses

# ---- policies change under load ----
in_n iperf3 -c $V4 -p 5201 -t 12 -i 4 --json >"$WORK/iperf.json" 2>&1 &
L1=$!
in_n wrk -t 1 -c 20 -d 12 --timeout 20s http://$V4:8080/ >"$WORK/wrk.out" 2>&1 &
L2=$!
in_n python3 "$WORK/connect.py" "$WORK/stop" >"$WORK/connect.out" 2>&1 &
L3=$!
changes=0
for i in 1 2 3 4 5; do
	assign "$IPERF" "$HTTP" "$ECHO" "$OTHER" "$NO"
	until_ok 60 in_force && changes=$((changes + 1))
	assign "$IPERF" "$HTTP" "$ECHO" "$NOTE"
	until_ok 60 in_force && changes=$((changes + 1))
done
touch "$WORK/stop"
wait $L1 $L2 $L3
rm "$WORK/stop"
check "ten policies came into force meanwhile" test $changes = 10
check "iperf3 ran to its end" jq -e '.error == null and .end.sum_received.bytes > 0' "$WORK/iperf.json"
check "and stood still in no four seconds" jq -e '[.intervals[].sum.bytes] | min > 0' "$WORK/iperf.json"
check "wrk was answered" grep -q 'requests in' "$WORK/wrk.out"
check "without an error" sh -c "! grep -E 'Socket errors|Non-2xx' '$WORK/wrk.out'"
read -r made refused wrong failed <"$WORK/connect.out"
check "new connections were made all the time" test "$made" -gt 0
check "none of them failed" test "$failed" = 0
check "what is refused was tried all the time" test "$refused" -gt 0
check "and never passed" test "$wrong" = 0

# ---- the packet process dies while everything is asked about ----
# A limit on connections has every segment of TCP asked about.
api POST "/statefulconfigurations/$STATEFUL" '{"maxIncomingConnections":5000}' >/dev/null
asks_all() { jq -e '[.nft.nftables[].add.rule | select(.chain == "state_in") | .expr[] | select(.goto.target == "ask")] | length > 0' "$WORK/a/lib/firewall/ruleset.json" && in_force; }
check_until "every segment is asked about" 60 asks_all
packet_pid() { children "$AGENT_PID" "packet -I 0"; }
another() { [ -n "$(packet_pid)" ] && [ "$(packet_pid)" != "$1" ]; }
kill_while_talking() {
	local old
	rm -f "$WORK/stop"
	in_n python3 "$WORK/talk.py" "$WORK/stop" >"$WORK/talk.out" 2>&1 &
	TALK=$!
	until_ok 60 grep -q ready "$WORK/talk.out"
	for i in 1 2 3; do
		sleep 1
		old=$(packet_pid)
		kill -KILL "$old"
		until_ok 60 another "$old"
	done
	sleep 1
	touch "$WORK/stop"
	wait $TALK
	rm "$WORK/stop"
}
kill_while_talking
check "fail open: a connection outlives three deaths" grep -qE '^[0-9]+ [0-9]+$' "$WORK/talk.out"
echo "# longest wait for an answer: $(awk 'END { print $2 }' "$WORK/talk.out") ms"
check "what is refused stays so" refuses
setting firewallSettingFailureResponseEngineSystem "Fail closed"
closed() { jq -e '.failOpen == false' "$WORK/a/lib/firewall/ruleset.json" && in_force; }
check_until "the policy says fail closed" 60 closed
kill_while_talking
check "fail closed: a connection outlives three deaths" grep -qE '^[0-9]+ [0-9]+$' "$WORK/talk.out"
echo "# longest wait for an answer: $(awk 'END { print $2 }' "$WORK/talk.out") ms"
check "and what is refused stays so" refuses
finish
