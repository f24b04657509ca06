# Events reach a real rsyslogd: UDP, TCP and TLS with a client certificate; nothing is lost while it is away and the
# manager's core is killed.
. "$TOP/tests/scenario/lib.sh"
command -v rsyslogd >/dev/null || PATH=$PATH:/usr/sbin
netns_pair
manager_setup && manager_start && sign_in || { not_ok "the manager starts"; finish; }

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
rsyslog() {
	ip netns exec "$NS_M" rsyslogd -n -i "$R/pid" -f "$R/conf" >>"$WORK/rsyslog.log" 2>&1 &
	RSYSLOG_PID=$!
	PIDS+=("$RSYSLOG_PID")
	until_ok 20 eval 'in_m ss -ltn | grep -q :5516'
}
check "rsyslogd starts" rsyslog

receiver() { api POST /syslogconfigurations "$1" | jq .ID; }
pem() { jq -Rs . <"$R/$1"; }
UDP=$(receiver '{"name":"udp","server":"127.0.0.1","port":5514,"eventFormat":"cef"}')
TCP=$(receiver '{"name":"tcp","server":"127.0.0.1","port":5515,"protocol":"tcp","eventFormat":"leef"}')
TLS=$(receiver "{\"name\":\"tls\",\"server\":\"127.0.0.1\",\"port\":5516,\"protocol\":\"tls\",\"eventFormat\":\"json\",
	\"certificate\":$(pem client.pem),\"privateKey\":$(pem client.key),\"caCertificate\":$(pem ca.pem)}")
use() { api POST /systemsettings/platformSettingSyslogConfigId "{\"value\":\"$1\"}" >/dev/null; sleep 1.5; }
make() { api POST /directorylists "{\"name\":\"$1\",\"items\":[]}" >/dev/null; }
seen() { grep -q -- "$2" "$R/$1"; }

use "$UDP"
make by-udp
check_until "CEF by UDP" 20 seen udp 'CEF:0|Yagura|Yagura Manager|[0-9.]*|370|Object Created|3|.*suser=admin target=by-udp msg='
use "$TCP"
make by-tcp
check_until "LEEF by TCP, tabs and all" 20 seen tcp "LEEF:2.0|Yagura|Yagura Manager|[0-9.]*|370|cat=System$(printf '\t')name=Object Created.*usrName=admin"
use "$TLS"
make by-tls
check_until "JSON by TLS with our certificate" 20 seen tls ' yagura - system - {"class":"system".*"TargetName":"by-tls"'
check "the key is never shown" eval "! api GET /syslogconfigurations | grep -q 'PRIVATE KEY'"

# Away: nothing is lost, and in order, though the core dies.
use "$TCP"
make before
until_ok 20 seen tcp target=before
kill "$RSYSLOG_PID"
until_ok 20 eval "! kill -0 $RSYSLOG_PID"
for i in $(seq 100 160); do
	make "lost-$i"
	[ $((i % 20)) = 0 ] && kill_child "$MANAGER_PID" core && until_ok 30 eval "api GET /manager | grep -q version"
done
failing() { api GET "/syslogconfigurations/$TCP" | jq -e '.status.state == "failing" and (.status.message | length > 0)'; }
check_until "that it is away is seen" 30 failing
alert() { api GET /alerts | jq -e '.alerts[] | select(.type == "forwarding-failed")'; }
check_until "and is an alert" 10 alert
rsyslog || not_ok "rsyslogd starts again"
all() { [ "$(grep -o 'target=lost-[0-9]*' "$R/tcp" | sort -u | wc -l)" = "$(api GET /directorylists | jq '[.directoryLists[] | select(.name | startswith("lost-"))] | length')" ]; }
check_until "every event arrives" 90 all
check "more than 50 of them" test "$(grep -o 'target=lost-[0-9]*' "$R/tcp" | sort -u | wc -l)" -gt 50
# What was sent before a death may come twice; the first of each come in order.
check "in order" eval "grep -o 'target=lost-[0-9]*' '$R/tcp' | awk '!seen[\$0]++' | sort -c"
check_until "the alert ends" 20 eval '! alert'
caught_up() { api GET "/syslogconfigurations/$TCP" | jq -e '.status.behind == 0'; }
check_until "nothing is behind" 20 caught_up
finish
