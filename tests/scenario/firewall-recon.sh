# Reconnaissance with a real manager and agent: nmap's scans from addresses of a neighbour, each kind told once a source;
# decoys, fragments and slow sweeps; and what ordinary use looks like, of which nothing is told.
. "$TOP/tests/scenario/lib.sh"

# HTTP, DNS and SSH as far as a packet shows them: many connections, many answers.
cat >"$WORK/server.py" <<'END'
import asyncio
class Dns(asyncio.DatagramProtocol):
    def connection_made(self, t): self.t = t
    def datagram_received(self, data, at): self.t.sendto(data[:2] + b"\x81\x80" + data[4:], at)
async def http(r, w):
    try:
        while True:
            head = await r.readuntil(b"\r\n\r\n")
            n = int(head.split(b" ")[1].strip(b"/") or b"5")
            w.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % n + b"x" * n)
            await w.drain()
    except (asyncio.IncompleteReadError, ConnectionError): pass
    finally: w.close()
async def ssh(r, w):
    w.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    try:
        while await r.read(1000): w.write(b"y" * 100)
    except ConnectionError: pass
    finally: w.close()
async def main():
    await asyncio.get_running_loop().create_datagram_endpoint(Dns, local_addr=("::", 53))
    await asyncio.start_server(http, None, 80, backlog=1024)
    await asyncio.start_server(ssh, None, 22)
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
END
# N HTTP clients at once, each asks five times: prints how many answers came.
cat >"$WORK/clients.py" <<'END'
import asyncio, sys
async def one(host, go):
    r, w = await asyncio.open_connection(host, 80)
    await go.wait()
    n = 0
    for _ in range(5):
        w.write(b"GET /100 HTTP/1.1\r\nHost: x\r\n\r\n")
        await r.readuntil(b"\r\n\r\n"); await r.readexactly(100); n += 1
    w.close()
    return n
async def main():
    go = asyncio.Event()
    tasks = [asyncio.create_task(one(sys.argv[1], go)) for _ in range(int(sys.argv[2]))]
    asyncio.get_running_loop().call_later(2, go.set)
    print(sum(await asyncio.gather(*tasks)))
asyncio.run(main())
END
# 200 questions about names, each from a port of its own.
cat >"$WORK/dns.py" <<'END'
import socket, sys
got = 0
for i in range(200):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20)
    s.sendto(b"%c%c\x01\x00\x00\x01\0\0\0\0\0\0\x01a\x00\x00\x01\x00\x01" % (i, i), (sys.argv[1], 53))
    got += len(s.recv(500)) > 0
    s.close()
print(got)
END

system_events() { api GET "/events/system?maxItems=5000" | jq -c '.systemEvents[] | select(.number >= 850 and .number <= 854)'; }
# told NUMBER SOURCE: an event names it.
told() { system_events | jq -es --argjson n "$1" --arg s "$2" 'map(select(.number == $n and .TargetName == $s)) | length > 0'; }
once_each() { system_events | jq -es 'group_by([.number, .TargetName]) | all(length == 1)'; }
only() { system_events | jq -es --arg s "$2" --argjson n "$1" 'map(select(.TargetName == $s) | .number) | unique == [$n]'; }
# scan SOURCE OPTION...: from that address.
scan() {
	local from=$1
	shift
	in_n nmap -n -Pn -S "$from" -e near --max-retries 1 "$@" $V4 >"$WORK/nmap-${from##*.}.out" 2>&1
}

netns_pair
neighbour
for i in $(seq 11 40); do ip -n "$NS_N" addr add 10.214.0.$i/24 dev near; done
manager_setup && manager_start && sign_in || { not_ok "the manager starts" "see manager.log"; finish; }
for ns in "$NS_A" "$NS_N"; do
	ip netns exec "$ns" python3 "$WORK/server.py" >"$WORK/server-${ns##*-}.log" 2>&1 &
	PIDS+=($!)
	until_ok 60 grep -q ready "$WORK/server-${ns##*-}.log"
done
loop_fs "$WORK/fs" 32
agent_start a "$WORK/fs" --packet-processes 2 && agent_activate first || { not_ok "the agent is activated" "see activate.out"; finish; }
until_ok 60 online
STATEFUL=$(api POST /statefulconfigurations '{"name":"inspect","tcpstatefulInspectionEnabled":true,"udpstatefulInspectionEnabled":false,"icmpstatefulInspectionEnabled":false}' | jq -r .ID)
base_policy "{\"firewall\":{\"state\":\"on\",\"globalStatefulConfigurationID\":$STATEFUL}}" >/dev/null
check_until "the rules are in force" 60 in_force

# ---- ordinary use, both ways ----
check "1,000 HTTP clients at once are served" test "$(in_n python3 "$WORK/clients.py" $V4 1000)" = 5000
check "and 300 of ours elsewhere" test "$(in_a python3 "$WORK/clients.py" 10.214.0.1 300)" = 1500
check "names are asked" test "$(in_n python3 "$WORK/dns.py" $V4)" = 200
check "by us, too" test "$(in_a python3 "$WORK/dns.py" 10.214.0.1)" = 200
check "downloads one after the other" sh -c "for i in \$(seq 40); do ip netns exec $NS_A curl -sf -o /dev/null http://10.214.0.1/200000 -o /dev/null http://10.214.0.1/50 || exit 1; done"
check "and of others from us" sh -c "for i in \$(seq 40); do ip netns exec $NS_N curl -sf -o /dev/null http://$V4/20000 || exit 1; done"
check "ping" in_n ping -q -c 20 -i 0.01 $V4
check "ping of IPv6" in_n ping -q -6 -c 20 -i 0.01 $V6
check "shells that open and close" sh -c "for i in \$(seq 30); do echo hello | ip netns exec $NS_N timeout 5 nc -N -w 1 $V4 22 | grep -q SSH || exit 1; done"
# Whatever would be told of this comes before what is told of this scan.
scan 10.214.0.39 -sN -p 20
check_until "what follows is told" 60 told 852 10.214.0.39
check "of ordinary use nothing was" test "$(system_events | wc -l)" = 1

# ---- nmap ----
SCANS=()
scan 10.214.0.11 -sS -p 1-100 & SCANS+=($!)
in_n nmap -n -Pn -sT -p 1-100 --max-retries 1 $V4 >"$WORK/nmap-1.out" 2>&1 & SCANS+=($!)
scan 10.214.0.13 -sU -p 1000-1040 --min-rate 50 & SCANS+=($!)
scan 10.214.0.14 -sF -p 20-60 & SCANS+=($!)
scan 10.214.0.15 -sA -p 20-60 & SCANS+=($!)
scan 10.214.0.16 -sN -p 22-25 & SCANS+=($!)
scan 10.214.0.17 -sX -p 22-25 & SCANS+=($!)
scan 10.214.0.18 -sS --scanflags SYNFIN -p 22-25 & SCANS+=($!)
scan 10.214.0.19 -O -p 22-26 & SCANS+=($!)
scan 10.214.0.20 -T1 --scan-delay 400ms --max-retries 0 -p 100-130 & SCANS+=($!)
scan 10.214.0.21 -sS -D 10.214.0.31,10.214.0.32,ME -p 1-60 & SCANS+=($!)
scan 10.214.0.23 -sS -f -p 1-60 & SCANS+=($!)
in_n nmap -6 -n -Pn -sS -p 1-60 --max-retries 1 $V6 >"$WORK/nmap-6.out" 2>&1 & SCANS+=($!)
wait "${SCANS[@]}"
check_until "-sS is a scan" 60 told 851 10.214.0.11
check_until "-sT" 60 told 851 10.214.0.1
check_until "-sU" 60 told 851 10.214.0.13
check_until "-sF" 60 told 851 10.214.0.14
check_until "-sA" 60 told 851 10.214.0.15
check_until "-sN is a null scan" 60 told 852 10.214.0.16
check_until "-sX is an Xmas scan" 60 told 854 10.214.0.17
check_until "SYN and FIN together is a SYN-FIN scan" 60 told 853 10.214.0.18
check_until "-O is a fingerprint probe" 60 told 850 10.214.0.19
check_until "a slow sweep is a scan" 60 told 851 10.214.0.20
check_until "of decoys the source is named" 60 told 851 10.214.0.21
check_until "and the first decoy" 60 told 851 10.214.0.31
check_until "and the second" 60 told 851 10.214.0.32
check_until "fragments do not hide it" 60 told 851 10.214.0.23
check_until "IPv6" 60 told 851 fd00:214::1
check "a null scan of four ports is nothing else" only 852 10.214.0.16
check "nor an Xmas scan" only 854 10.214.0.17
check "nor a SYN-FIN scan" only 853 10.214.0.18
check "each kind is told once a source" once_each
finish
