# Intrusion Prevention under load: policies change while connections talk, and attacks are cut in two by the change; a flood of SYNs,
# many connections at once, and a body that is far longer than what is looked at. No attack is missed, nothing else is ended, memory
# stays bounded, and what was not looked at is counted. SOAK=1: 1,000,000 SYNs, 20,000 connections, a body of 10 GB.
# seconds: 600
# alone
. "$TOP/tests/scenario/lib.sh"
SYNS=20000 MANY=500 BODY_MB=64 CHANGES=3
[ "${SOAK:-}" = 1 ] && SYNS=1000000 MANY=20000 BODY_MB=10240 CHANGES=20

# 8002 gives back what it gets and notes what must never come; 8080 reads bodies.
cat >"$WORK/server.py" <<'END'
import asyncio, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
async def echo(r, w):
    try:
        while d := await r.read(4096):
            if b"st-half" in d: open(sys.argv[1], "a").write("came\n")
            w.write(d); await w.drain()
    except ConnectionError: pass
    finally: w.close()
async def http(r, w):
    try:
        while head := await r.readuntil(b"\r\n\r\n"):
            left = next((int(l[15:]) for l in head.lower().split(b"\r\n") if l.startswith(b"content-length:")), 0)
            while left > 0:
                d = await r.read(min(left, 1 << 20))
                if not d: return
                left -= len(d)
            w.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); await w.drain()
    except (asyncio.IncompleteReadError, ConnectionError): pass
    finally: w.close()
async def main():
    await asyncio.start_server(echo, "10.214.0.2", 8002, backlog=1000)
    await asyncio.start_server(http, "10.214.0.2", 8080, backlog=1000)
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
END
# Connections that talk until the file STOP is there: "ANSWERS ENDED", with ENDED those that did not last.
cat >"$WORK/talk.py" <<'END'
import os, socket, sys, time
stop, many = sys.argv[1], int(sys.argv[2])
import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
def dial():
    for _ in range(20):
        try: return socket.create_connection(("10.214.0.2", 8002), timeout=60)
        except OSError: time.sleep(0.5)
    sys.exit("no connection")
all, answers, ended = [dial() for _ in range(many)], 0, 0
open(sys.argv[3], "w").close()
while not os.path.exists(stop):
    for s in list(all):
        try:
            s.sendall(b"nothing of interest")
            got = 0
            while got < 19:
                d = s.recv(19 - got)
                if not d: raise OSError
                got += len(d)
            answers += 1
        except OSError:
            ended += 1; all.remove(s)
        if os.path.exists(stop): break
print(answers, ended)
END
# Ten attacks whose first half is there before the file GO is, and whose second half follows: "STOPPED".
cat >"$WORK/halves.py" <<'END'
import os, socket, sys, time
all = []
for _ in range(10):
    s = socket.create_connection(("10.214.0.2", 8002), timeout=60)
    s.sendall(b"evil-fir")
    got = b""
    while len(got) < 8: got += s.recv(8)
    all.append(s)
open(sys.argv[2], "w").close()
while not os.path.exists(sys.argv[1]): time.sleep(0.02)
stopped = 0
for s in all:
    try:
        s.sendall(b"st-half")
        stopped += s.recv(1) == b""
    except ConnectionResetError: stopped += 1
    except OSError: pass
print(stopped)
END
# A request with so many bytes; succeeds when it is answered.
cat >"$WORK/body.py" <<'END'
import socket, sys
left = int(sys.argv[1])
s = socket.create_connection(("10.214.0.2", 8080), timeout=120)
s.sendall(b"POST /long HTTP/1.1\r\nHost: server\r\nContent-Length: %d\r\n\r\n" % left)
while left > 0:
    n = min(left, 1 << 20)
    s.sendall(bytes(n)); left -= n
sys.exit(not s.recv(100).startswith(b"HTTP/1.1 200"))
END
# SYNs from addresses and ports that do not exist, as fast as they go out.
cat >"$WORK/flood.py" <<'END'
import random, socket, struct, sys
near, mac, n = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", "")), int(sys.argv[3])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((near, 0))
def sum16(b):
    t = sum(struct.unpack(">%dH" % (len(b) // 2), b))
    while t >> 16: t = (t & 0xffff) + (t >> 16)
    return ~t & 0xffff
r, dst = random.Random(1), socket.inet_aton("10.214.0.2")
for i in range(n):
    src = struct.pack(">I", 0xc6120000 + r.randrange(1 << 17))
    tcp = struct.pack(">HHIIBBHHH", r.randrange(1024, 65536), 8002, r.randrange(1 << 32), 0, 0x50, 2, 64000, 0, 0)
    tcp = tcp[:16] + struct.pack(">H", sum16(src + dst + struct.pack(">HH", 6, len(tcp)) + tcp)) + tcp[18:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, i & 0xffff, 0, 64, 6, 0) + src + dst
    ip = ip[:10] + struct.pack(">H", sum16(ip)) + ip[12:]
    s.send(mac + b"\2\0\0\0\0\1\x08\0" + ip + tcp)
END

netns_pair
neighbour
ip -n "$NS_A" route add 198.18.0.0/15 via 10.214.0.1 # where the flood says that it comes from
loop_fs "$WORK/fs" 32
manager_setup && manager_start && sign_in || { not_ok "the manager starts" "see manager.log"; finish; }
agent_start a "$WORK/fs" --packet-processes 1 && agent_activate first || { not_ok "the agent is activated" "see activate.out"; finish; }
ip netns exec "$NS_A" python3 "$WORK/server.py" "$WORK/came" >"$WORK/server.out" 2>&1 &
PIDS+=($!)
check_until "the server is there" 30 grep -q ready "$WORK/server.out"

ips_rule() { # NAME TEXT
	api POST /intrusionpreventionrules "$(jq -n --arg n "$1" --arg t "$2" '{name: $n, template: "custom", customXML: $t}')" | jq -er .ID
}
ATTACK=$(ips_rule Attack 'alert tcp any any -> any 8002 (msg:"an attack"; flow:to_server,established; content:"evil-first-half"; sid:1000001;)')
BODY=$(ips_rule Body 'alert http any any -> any any (msg:"in a body"; flow:to_server,established; http.request_body; content:"evil-body"; sid:1000002;)')
OTHER=$(ips_rule Other 'alert tcp any any -> any any (msg:"another"; flow:to_server,established; content:"something else"; sid:1000003;)')
of_agent() { dsa_query -c GetAgentStatus | sed -n "s/^AgentStatus.modules.intrusionprevention.$1: //p"; }
newer() { [ "$(of_agent policyVersion)" -gt "$1" ] 2>/dev/null; }
# change IDS: those rules are in force.
change() {
	local before
	before=$(of_agent policyVersion)
	base_policy "{\"intrusionPrevention\":{\"state\":\"prevent\",\"ruleIDs\":[$1]}}" >/dev/null
	until_ok 60 newer "${before:-0}"
}
check "rules are in force" change "$ATTACK,$BODY"
halves() { # COMMAND...: ten attacks, with that between their halves; all must be stopped
	rm -f "$WORK/go" "$WORK/half"
	ip netns exec "$NS_N" python3 "$WORK/halves.py" "$WORK/go" "$WORK/half" >"$WORK/halves.out" 2>&1 &
	local pid=$!
	PIDS+=("$pid")
	until_ok 60 test -e "$WORK/half" && "$@" || { kill "$pid" 2>/dev/null; return 1; }
	touch "$WORK/go"
	wait "$pid"
	[ "$(cat "$WORK/halves.out")" = 10 ]
}
check "an attack in two halves is stopped" halves true

# ---- policies change under load ----
ip netns exec "$NS_N" python3 "$WORK/talk.py" "$WORK/stop" "$MANY" "$WORK/talking" >"$WORK/talk.out" 2>&1 &
TALK=$!
PIDS+=("$TALK")
check_until "$MANY connections talk" 120 test -e "$WORK/talking"
all_stopped() {
	local i
	for ((i = 0; i < CHANGES; i++)); do
		halves change "$ATTACK,$BODY,$OTHER" && halves change "$ATTACK,$BODY" || return 1
	done
}
check "attacks that a change of the rules cuts in two are stopped" all_stopped

# ---- a flood ----
MAC=$(ip -n "$NS_A" -j link show far | jq -r '.[0].address')
flooded() { in_n python3 "$WORK/flood.py" near "$MAC" "$SYNS"; }
check "a flood of $SYNS SYNs goes by" flooded
check "and an attack after it is stopped" halves true
bounded() { [ "$(of_agent connections)" -le 65536 ]; }
check "the table of connections is bounded" bounded
memory_kb() { awk '/^Pss:/ { print $2 }' "/proc/$(children "$AGENT_PID" packet | head -n 1)/smaps_rollup"; }
# With sanitizers a process holds several times what it holds without.
small() { local kb; kb=$(memory_kb); echo "$kb kB"; [ "$kb" -lt $((${SMALL_MB:-600} * 1024)) ]; }
check "memory as well" small
touch "$WORK/stop"
wait "$TALK"
lasted() { read -r answers ended <"$WORK/talk.out" && [ "$ended" = 0 ] && [ "$answers" -ge "$MANY" ]; }
check "connections that did nothing wrong lasted through all of it" lasted
never() { [ ! -e "$WORK/came" ]; }
check "and the second half of an attack never came to the server" never

# ---- a long body ----
long() { in_n python3 "$WORK/body.py" $((BODY_MB << 20)); }
check "a body of $BODY_MB MB goes through" long
counted() { [ "$(of_agent notInspected)" -ge $(((BODY_MB - 2) << 20)) ]; }
check_until "what of it was not looked at is counted" 60 counted
stopped() { ! in_n curl -s -m 20 -o /dev/null -d "$(head -c 20000 /dev/zero | tr '\0' a)evil-body" "http://$V4:8080/"; }
check "and a body with an attack in it is stopped" stopped
check "memory is what it was" small
finish
