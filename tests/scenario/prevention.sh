# Intrusion Prevention with a real manager, agent, nginx and curl: a rule that an administrator writes, over packets and inside
# TLS, detecting and preventing; what a client sees, and the events.
. "$TOP/tests/scenario/lib.sh"
up 64
SECRET=pencil-sharpener

# The protected server, with and without TLS.
mkdir -p "$WORK/www" "$WORK/nginx"
echo hello >"$WORK/www/index.html"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$WORK/key.pem" -out "$WORK/cert.pem" -days 2 -subj /CN=server 2>/dev/null
cat >"$WORK/nginx.conf" <<END
pid $WORK/nginx/pid;
error_log $WORK/nginx/error.log;
worker_processes 2;
daemon off;
user root;
events {}
http {
	access_log $WORK/nginx/access.log;
	client_body_temp_path $WORK/nginx/body;
	proxy_temp_path $WORK/nginx/proxy;
	fastcgi_temp_path $WORK/nginx/fastcgi;
	uwsgi_temp_path $WORK/nginx/uwsgi;
	scgi_temp_path $WORK/nginx/scgi;
	server {
		listen 10.213.0.2:8080;
		listen 10.213.0.2:8443 ssl;
		ssl_certificate $WORK/cert.pem;
		ssl_certificate_key $WORK/key.pem;
		root $WORK/www;
	}
}
END
ip netns exec "$NS_A" nginx -c "$WORK/nginx.conf" >>"$WORK/nginx.log" 2>&1 &
PIDS+=("$!")
get() { in_m curl -sk -m 20 -o "$WORK/page" -w '%{http_code}' "$1"; }
answers() { [ "$(get "$1")" = "${2:-200}" ]; }
check_until "the server answers" 60 answers http://10.213.0.2:8080/

rule=$(jq -n --arg t "drop http any any -> any any (msg:\"the secret word\"; flow:established,to_server; http.uri; content:\"$SECRET\"; sid:1000001; rev:1;)" \
	'{name: "The secret word", template: "custom", customXML: $t, severity: "high"}')
RULE=$(api POST /intrusionpreventionrules "$rule" | jq -r '.ID // empty')
check "a rule in the field's language is taken" test -n "$RULE"
bad=$(api POST /intrusionpreventionrules '{"name":"Wrong","template":"custom","customXML":"alert tcp any any -> any any (msg:\"x\"; contend:\"y\"; sid:1000002;)"}' | jq -r .message)
says_where() { [[ $bad == *customXML*contend* ]]; }
check "a wrong word in one is refused, with the word" says_where
base_policy "{\"intrusionPrevention\":{\"state\":\"detect\",\"ruleIDs\":[$RULE]}}" >/dev/null

status() { api GET '/computers?expand=all' | jq -c '.computers[0].intrusionPrevention.moduleStatus'; }
in_force() { status | grep -q '"On, Inline"'; }
check_until "the agent says that it is in force" 90 in_force

ips_events() { api GET '/events/intrusionprevention?maxItems=1000' | jq -c '.[] | arrays | .[]'; }
# events PORT: of this server port, with the rule's number.
events() { ips_events | jq -c --argjson p "$1" 'select(.DestinationPort == $p)'; }
has_event() { [ -n "$(events "$1")" ]; }

# ---- Detect ----
seen() { answers "http://10.213.0.2:8080/$SECRET?$RANDOM" 404 && has_event 8080; }
check_until "what a rule finds in a request has an event" 90 seen
check "and is let through in detect mode" answers "http://10.213.0.2:8080/$SECRET" 404
tls_seen() { answers "https://10.213.0.2:8443/$SECRET?$RANDOM" 404 && has_event 8443; }
check_until "so has what it finds inside TLS, without a key" 60 tls_seen
check "and that is let through as well" answers "https://10.213.0.2:8443/$SECRET" 404
tells_client() { events 8443 | jq -es 'any(.[]; .SourceIP == "10.213.0.1")'; }
check "the event names the client" tells_client

proxied() { in_m curl -s -m 20 -o /dev/null -H 'X-Forwarded-For: 198.51.100.77' "http://10.213.0.2:8080/$SECRET?$RANDOM"; }
tells_proxied() { proxied; ips_events | jq -es 'any(.[]; .XForwardedFor == "198.51.100.77")'; }
# Events of the same ends are one within a minute: another rule has its own.
other=$(jq -n '{name: "Proxied", template: "custom", customXML: "alert http any any -> any any (http.header; content:\"198.51.100.77\"; sid:1000009;)"}')
OTHER=$(api POST /intrusionpreventionrules "$other" | jq -r '.ID // empty')
base_policy "{\"intrusionPrevention\":{\"ruleIDs\":[$RULE,$OTHER]}}" >/dev/null
check_until "an event tells whom a proxy named" 60 tells_proxied
base_policy "{\"intrusionPrevention\":{\"ruleIDs\":[$RULE]}}" >/dev/null

# ---- A rule against a capture, in the manager's bench ----
python3 - "$TOP" "$SECRET" "$WORK/request.pcap" <<'END'
import ipaddress, sys
sys.path.insert(0, sys.argv[1] + "/tests/content")
sys.dont_write_bytecode = True
import capture
with open(sys.argv[3], "wb") as f:
    talk = capture.Conversation(capture.Capture(f), ipaddress.ip_address("198.51.100.9"), 8080, 40000, {"plain"})
    talk.open()
    talk.say(True, b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % sys.argv[2].encode())
    talk.close()
END
try() { jq -n --arg c "$(base64 -w0 "$WORK/request.pcap")" "$1 + {capture: \$c}" >"$WORK/try.json"; api POST /intrusionpreventionrules/capture "@$WORK/try.json"; }
found=$(try "{ruleIDs: [$RULE]}")
finds() { echo "$found" | jq -e ".alerts | length == 1 and .[0].ruleID == $RULE and .[0].action == \"log-only\" and .[0].buffer == \"http.uri\""; }
check "the manager finds it in a capture" finds
blocks() { try "{ruleIDs: [$RULE], prevent: true}" | jq -e '.alerts[0].action == "drop" and .dropped > 0'; }
check "and says what Prevent would do" blocks
others() { try "{ruleIDs: [$OTHER]}" | jq -e '.alerts | length == 0'; }
check "another rule finds nothing" others
nothing() { api POST /intrusionpreventionrules/capture '{"capture":"AAAA"}' | jq -e '.message | test("capture")'; }
check "what is no capture is refused" nothing

# ---- Prevent ----
base_policy '{"intrusionPrevention":{"state":"prevent"}}' >/dev/null
blocked() { [ "$(get "http://10.213.0.2:8080/$SECRET")" = 000 ]; }
check_until "in prevent mode the client gets nothing" 90 blocked
lines() { grep -c "$SECRET" "$WORK/nginx/access.log"; }
before=$(lines)
check "each time" blocked
check "and the server never saw the request" test "$(lines)" = "$before"
check "everything else goes on" answers http://10.213.0.2:8080/
# Inside TLS the request is there when it is read: the connection is ended, and what follows on it is not answered.
# The answer may be on its way by then; what comes behind it on the same connection is not.
ended() {
	local urls=() i
	for i in $(seq 40); do urls+=("https://10.213.0.2:8443/$SECRET-$i" -o /dev/null); done
	[ "$(in_m curl -sk -m 20 --no-keepalive -w '%{num_connects}\n' "${urls[@]}" | awk '{ n += $1 } END { print n + 0 }')" -gt 1 ] && dropped
}
dropped() { events 8443 | jq -es 'any(.[]; .Action == 1)'; }
check_until "inside TLS the connection is ended" 60 ended
check "and everything else inside TLS goes on" answers https://10.213.0.2:8443/

# ---- a process that dies ----
TLS=$(children "$AGENT_PID" tls | head -n 1)
kill -KILL "$TLS"
back() { local now; now=$(children "$AGENT_PID" tls | head -n 1); [ -n "$now" ] && [ "$now" != "$TLS" ]; }
check_until "the process that looks into TLS comes back when it is killed" 60 back
total() { events 8443 | jq -s 'map(.RepeatCount) | add'; }
count=$(total)
again() { get "https://10.213.0.2:8443/again-$SECRET" >/dev/null; [ "$(total)" -gt "$count" ]; }
check_until "and sees again" 90 again

# ---- switched off ----
api POST /policies/1/settings/intrusionPreventionSettingInspectTlsTrafficEnabled '{"value":"false"}' >/dev/null
off() { answers "https://10.213.0.2:8443/$SECRET" 404; }
check_until "TLS is left alone when the policy says so" 90 off
check "while packets are still looked at" blocked
finish
