# An agent forwards by itself: the same lines as the manager's reach a real rsyslogd, by UDP, TCP and TLS with a client
# certificate; nothing is lost while the receiver is away and the agent's processes are killed.
. "$TOP/tests/scenario/lib.sh"
command -v rsyslogd >/dev/null || PATH=$PATH:/usr/sbin
up

R=$WORK/rsyslog
mkdir -p "$R/spool"
(
	cd "$R" || exit
	openssl ecparam -genkey -name prime256v1 -out ca.key
	openssl req -x509 -new -key ca.key -subj /CN=test -days 2 -out ca.pem
	for n in server client; do
		openssl ecparam -genkey -name prime256v1 -out $n.key
		openssl req -new -key $n.key -subj /CN=$n -out $n.csr
		printf 'subjectAltName=IP:127.0.0.1\n' >$n.ext
		openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $n.ext -out $n.pem
	done
) >/dev/null 2>&1
cat >"$R/conf" <<END
global(workDirectory="$R/spool" maxMessageSize="64k" defaultNetstreamDriverCAFile="$R/ca.pem"
	defaultNetstreamDriverCertFile="$R/server.pem" defaultNetstreamDriverKeyFile="$R/server.key"
	parser.escapeControlCharactersOnReceive="off")
module(load="imudp")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
module(load="imptcp")
template(name="raw" type="string" string="%rawmsg%\n")
ruleset(name="udp") { action(type="omfile" file="$R/udp" template="raw") }
ruleset(name="tcp") { action(type="omfile" file="$R/tcp" template="raw") }
ruleset(name="tls") { action(type="omfile" file="$R/tls" template="raw") }
input(type="imudp" address="127.0.0.1" port="5514" ruleset="udp")
input(type="imptcp" address="127.0.0.1" port="5515" ruleset="tcp")
input(type="imtcp" address="127.0.0.1" port="5516" ruleset="tls")
END
# Beside the agent; the manager's namespace has none, so that a line can only come from the agent.
rsyslog() {
	ip netns exec "$NS_A" rsyslogd -n -i "$R/pid" -f "$R/conf" >>"$WORK/rsyslog.log" 2>&1 &
	RSYSLOG_PID=$!
	PIDS+=("$RSYSLOG_PID")
	until_ok 20 eval 'in_a ss -ltn | grep -q :5516'
}
check "rsyslogd starts" rsyslog

receiver() { api POST /syslogconfigurations "$1" | jq .ID; }
pem() { jq -Rs . <"$R/$1"; }
SAME='"server":"127.0.0.1","agentForwarding":"directly"'
UDP=$(receiver "{\"name\":\"udp\",\"port\":5514,\"eventFormat\":\"cef\",\"logSourceIdentifier\":\"said\",$SAME}")
TCP=$(receiver "{\"name\":\"tcp\",\"port\":5515,\"protocol\":\"tcp\",\"eventFormat\":\"leef\",$SAME}")
TLS=$(receiver "{\"name\":\"tls\",\"port\":5516,\"protocol\":\"tls\",\"eventFormat\":\"json\",
	\"certificate\":$(pem client.pem),\"privateKey\":$(pem client.key),\"caCertificate\":$(pem ca.pem),$SAME}")
ROUTES=$WORK/a/lib/spool/routes.json
# use ID: the agent holds the policy that names this receiver.
use() {
	api POST /policies/1/settings/antiMalwareSettingSyslogConfigId "{\"value\":\"$1\"}" >/dev/null
	until_ok 60 eval "jq -e '.antimalware == $1' '$ROUTES'"
}
seen() { grep -q -- "$2" "$R/$1"; }

check "the agent is told where to by UDP" use "$UDP"
denied "$WORK/fs/by-udp.com"
check_until "CEF by UDP, from the agent, numbered and named as the manager has it" 20 seen udp \
	' said CEF:0|Yagura|Yagura Agent|[0-9.]*|4000000|.*cn1=1 cn1Label=Host ID dvchost=first .*filePath=[^ ]*by-udp.com '
check "by TCP" use "$TCP"
denied "$WORK/fs/by-tcp.com"
check_until "LEEF by TCP, tabs and all" 20 seen tcp "|4000000|cat=Anti-Malware$(printf '\t')name=.*by-tcp.com"
check "by TLS" use "$TLS"
denied "$WORK/fs/by-tls.com"
check_until "JSON by TLS with the client's certificate" 20 seen tls ' yagura - antimalware - {"class":"antimalware".*by-tls.com'
here() { [ "$(am_count "$WORK/fs/$1")" -ge 1 ]; }
check_until "the manager has them as well" 30 here by-tls.com
check "the key does not lie open in the manager's database" eval "! grep -rqF '$(sed -n 2p "$R/client.key")' '$WORK/m/lib'"

# The same event by way of the manager is the same line, save who relays: the version and the host in front.
rsyslog_too() {
	ip netns exec "$NS_M" rsyslogd -n -i "$R/pid2" -f "$R/conf2" >>"$WORK/rsyslog.log" 2>&1 &
	PIDS+=("$!")
	until_ok 20 eval 'in_m ss -ltn | grep -q :5516'
}
sed "s#\"$R/udp\"#\"$R/relayed\"#; s#workDirectory=\"$R/spool\"#workDirectory=\"$R/spool2\"#" "$R/conf" >"$R/conf2"
mkdir -p "$R/spool2"
check "another rsyslogd, beside the manager" rsyslog_too
RELAYED=$(receiver '{"name":"relayed","port":5514,"eventFormat":"cef","logSourceIdentifier":"said","server":"127.0.0.1"}')
api POST /policies/1/settings/antiMalwareSettingSyslogConfigId "{\"value\":\"$RELAYED\"}" >/dev/null
until_ok 60 eval "jq -e '.antimalware == null' '$ROUTES'"
denied "$WORK/fs/by-manager.com"
check_until "a line by way of the manager" 30 seen relayed by-manager.com
shape() { grep -- "$1" "$2" | head -n 1 | sed -E 's/^<([0-9]+)>.{15} /<\1>TIME /; s#[^ /]*/(([^ /]*)/)*by-[a-z]*\.com#FILE#g; s/(FileMD5|FileSHA1|FileSHA256|cn2)=[^ ]*/\1=X/g'; }
shape by-udp.com "$R/udp" >"$WORK/direct.line"
shape by-manager.com "$R/relayed" >"$WORK/relayed.line"
check "it is the line that the agent sends" diff "$WORK/direct.line" "$WORK/relayed.line"

# Away: nothing is lost, though the agent's processes die, and the queue is the agent's own.
check "by TCP again" use "$TCP"
kill "$RSYSLOG_PID"
until_ok 20 eval "! kill -0 $RSYSLOG_PID"
for i in $(seq 100 130); do
	denied "$WORK/fs/lost-$i.com"
	[ $((i % 10)) = 0 ] && kill_child "$AGENT_PID" forward
	[ "$i" = 115 ] && kill_child "$AGENT_PID" spool
done
away() { api GET '/events/system?maxItems=5000' | jq -e '.systemEvents[] | select(.kind == "forwarding-failed" and .computerID == 1)'; }
check_until "that it is away is told to the manager" 60 away
# What failed is known to the process that saw it: the last one has to, before it can say that all is well again.
failing() { grep -E 'guard: forward\[|forward: forward events to' "$WORK/a.log" | tail -n 1 | grep -q 'forward events to'; }
check_until "the last of its processes knows it" 60 failing
rsyslog || not_ok "rsyslogd starts again"
arrived() { grep -o 'lost-[0-9]*\.com' "$R/tcp" | sort -u | wc -l; }
taken() { am_events | jq '[.antiMalwareEvents[].InfectedFilePath | select(test("lost-"))] | unique | length'; }
all() { [ "$(taken)" -gt 25 ] && [ "$(arrived)" = "$(taken)" ]; }
check_until "every event arrives" 120 all
back() { api GET '/events/system?maxItems=5000' | jq -e '.systemEvents[] | select(.kind == "forwarding-resumed" and .computerID == 1)'; }
check_until "that it is back is told, too" 60 back
finish
