# Log Inspection: lines of real programs become events; no line is missed and none told twice over both ways of rotation, with
# compression, and over kill -9 of the process that reads; bad lines are bounded. SOAK=1: a thousand files, an hour.
# seconds: 600
. "$TOP/tests/scenario/lib.sh"
LOGS=$WORK/var
FILES=5 LINES=60 ROUNDS=4
[ -z "${SOAK:-}" ] || FILES=1000 LINES=2000 ROUNDS=360
mkdir -p "$LOGS/rename" "$LOGS/copy" "$LOGS/real"
# What stood there before the agent came is no news.
echo 'Nov 29 10:00:00 host gadget[1]: WIDGET old-1 broke' >"$LOGS/real/old.log"

netns_pair
manager_setup && manager_start && sign_in || { not_ok "the manager starts" "see manager.log"; finish; }
mkdir -p "$WORK/none"
agent_start a "$WORK/none" && agent_activate first || { not_ok "the agent is activated" "see activate.out"; finish; }
computer=$(api GET /computers | jq -r '.computers[0].ID')

# log_rule JSON: makes a log inspection rule, prints its ID.
log_rule() { api POST /loginspectionrules "$1" | tee "$WORK/rule.out" | jq -er .ID; }
files() { # LOCATION FORMAT...
	local list=
	while [ $# -gt 0 ]; do list="$list${list:+,}{\"location\":\"$1\",\"format\":\"$2\"}"; shift 2; done
	echo "{\"logFiles\":[$list]}"
}
widget=$(log_rule "{\"name\":\"Widgets\",\"template\":\"basic-rule\",\"ruleID\":100100,\"level\":8,\"groups\":[\"widgets\"],\"pattern\":\"WIDGET \",
	\"ruleDescription\":\"A widget broke\",\"alertEnabled\":true,
	\"logFiles\":$(files "$LOGS/rename/*.log" syslog "$LOGS/copy/*.log" syslog "$LOGS/real/*.log" syslog "$LOGS/real/day-%Y.txt" syslog)}") ||
	{ not_ok "a basic rule is made" "$(cat "$WORK/rule.out")"; finish; }
check "a rule that would not load is refused with line and reason" sh -c "echo '$(api POST /loginspectionrules \
	'{"name":"bad","template":"custom","ruleXML":"<group name=\"x\">\n<rule id=\"100200\" level=\"99\"/></group>"}')' | grep -q 'line 2'"
multi=$(log_rule "{\"name\":\"Traces\",\"template\":\"custom\",\"ruleXML\":\"<group name=\\\"t,\\\"><rule id=\\\"100300\\\" level=\\\"9\\\"><match>Exception</match><regex>at line \\\\d+</regex><description>A trace</description></rule></group>\",
	\"logFiles\":$(files "$LOGS/real/trace.out" multi-line "$LOGS/real/wide.out" syslog)}") || { not_ok "a custom rule is made" "$(cat "$WORK/rule.out")"; finish; }
shipped() { api GET /loginspectionrules | jq -r --arg i "$1" '.logInspectionRules[] | select(.identifier == $i) | .ID'; }
sshd=$(shipped log-sshd) accounts=$(shipped log-accounts) nginx=$(shipped log-nginx)
for id in $sshd $accounts $nginx; do
	api POST "/loginspectionrules/$id" "{\"logFiles\":$(files "$LOGS/real/auth.log" syslog "$LOGS/real/access.log" syslog)}" >"$WORK/set.out"
done
api POST /policies/1 "{\"logInspection\":{\"state\":\"on\",\"ruleIDs\":[$widget,$multi,$sshd,$accounts,$nginx]}}" >"$WORK/assign.out"
setting logInspectionSettingSeverityClippingAgentEventStoreLevelMin 'Low (3)'
api GET "/computers/$computer" >/dev/null

told() { api GET "/computers/$computer/loginspection/files" | jq -e --arg p "$1" '.logFiles[] | select(.path == $p)'; }
check_until "the files found on the host are told" 120 told "$LOGS/real/old.log"

# events PATTERN: the lines of events whose line matches, one a line.
events() {
	local last=0 page
	while :; do
		page=$(api POST /events/loginspection/search "{\"maxItems\":5000,\"searchCriteria\":[{\"idValue\":$last,\"idTest\":\"greater-than\"}],\"sortByObjectID\":true}")
		echo "$page" | jq -r --arg p "$1" '.logInspectionEvents[].OSSEC_FullLog | select(test($p))'
		last=$(echo "$page" | jq -r '[.logInspectionEvents[].ID] | max // empty')
		[ -n "$last" ] || return 0
	done
}
seen() { [ "$(events "$1" | wc -l)" -ge "${2:-1}" ]; }

# ---- programs of the system ----
{
	echo "Nov 29 10:00:01 host sshd[71]: Failed password for invalid user eve from 192.0.2.7 port 4711 ssh2"
	echo "Nov 29 10:00:02 host sudo:      eve : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh"
} >>"$LOGS/real/auth.log"
if command -v nginx >/dev/null; then
	printf 'daemon off; pid %s; error_log %s; events {}\nhttp { access_log %s; client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s; server { listen 8099; root %s; } }\n' \
		"$WORK/nginx.pid" "$WORK/nginx.err" "$LOGS/real/access.log" "$WORK/t1" "$WORK/t2" "$WORK/t3" "$WORK/t4" "$WORK/t5" "$WORK/none" >"$WORK/nginx.conf"
	ip netns exec "$NS_A" nginx -c "$WORK/nginx.conf" >"$WORK/nginx.log" 2>&1 &
	PIDS+=($!)
	until_ok 60 in_a curl -s -o /dev/null "http://127.0.0.1:8099/?q=1%27%20union%20select%20x"
	check_until "an attack on a real nginx is an event" 120 seen 'union%20select'
fi
check_until "a failed sign-in of sshd is an event" 120 seen 'invalid user eve'
check_until "a refused sudo is an event" 120 seen 'NOT in sudoers'
event() { api GET "/events/loginspection?maxItems=5000" | jq -e ".logInspectionEvents[] | select(.OSSEC_FullLog | test(\"invalid user eve\")) | $1"; }
check "its fields are those of the line" event 'select(.OSSEC_SourceIP == "192.0.2.7" and .OSSEC_DestinationUser == "eve" and .OSSEC_ProgramName == "sshd" and .OSSEC_Hostname == "host")'
check "and those of the rule" event 'select(.Reason == "SSH server" and .OSSEC_RuleID == 200111 and .OSSEC_Level == 6 and .Severity == "Medium")'
check "and its place" event "select(.OSSEC_Location == \"$LOGS/real/auth.log\")"

# ---- formats and encodings ----
printf 'java.lang.Exception: x\n  at line 7\n  at line 8\nnext\n' >>"$LOGS/real/trace.out"
check_until "a trace of several lines is one event" 120 seen '^java.lang.Exception: x   at line 7   at line 8$'
printf '\xff\xfeE\0x\0c\0e\0p\0t\0i\0o\0n\0 \0a\0t\0 \0l\0i\0n\0e\0 \0\x34\0\n\0' >"$LOGS/real/wide.out"
check_until "a file in 16 bits is read" 120 seen '^Exception at line 4$'
echo "Nov 29 10:00:00 host gadget[1]: WIDGET dated broke" >"$LOGS/real/day-$(date +%Y).txt"
check_until "a file with a date in its name is found" 120 seen 'WIDGET dated'

# ---- the tester ----
tester() { api POST "/policies/1/loginspection/test" '{"lines":["Nov 29 10:00:00 h sshd[1]: Invalid user bob from 192.0.2.9"]}'; }
tester >"$WORK/tester.out"
check "the tester tells decoder, fields, rule and the path of rules tried" jq -e '.lines[0] | select(.decoder == "sshd" and .fields.srcip == "192.0.2.9" and .ruleID == 200111 and (.tried | length) > 1)' "$WORK/tester.out"

# ---- bad lines ----
{
	head -c 1000000 /dev/zero | tr '\0' x
	printf ' WIDGET huge\n'
	printf 'Nov 29 10:00:00 host gadget[1]: WIDGET \0nul\0 \xff\xfe bytes broke\n'
	echo 'Nov 29 10:00:00 host gadget[1]: WIDGET after-huge broke'
} >>"$LOGS/real/old.log"
check_until "lines behind one of a megabyte are read" 120 seen 'WIDGET after-huge'
check_until "a line with NUL and bytes that are no text is an event" 120 seen 'nul'
cut_told() { api GET '/events/system?maxItems=5000' | jq -e '[.systemEvents[] | select(.kind == "log-input-cut")] | length == 1'; }
check_until "one event says that a line was cut" 120 cut_told

[ -z "$(events 'WIDGET old-1')" ] && ok "what stood in a file before is no news" || not_ok "what stood in a file before is no news"

# ---- rotation ----
# The storm of rotations and kill -9 is for `make soak`.
[ -n "${SOAK:-}" ] || [ -n "${STORM:-}" ] || finish
for way in rename copy; do
	extra=compress
	[ $way = copy ] && extra="copytruncate
	compress"
	cat >"$WORK/rotate.$way" <<CONF
$LOGS/$way/*.log {
	rotate 50
	nocreate
	missingok
	$extra
}
CONF
	[ $way = rename ] && sed -i 's/nocreate/create/' "$WORK/rotate.$way"
done
# write.py: each line of each file once, in order, while logrotate works.
cat >"$WORK/write.py" <<'PY'
import os, sys, time, subprocess
top, files, lines, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
work = os.environ["WORK"]
n = 0
for r in range(rounds):
    for part in range(10):
        for way in ("rename", "copy"):
            for i in range(files):
                with open(f"{top}/{way}/{i}.log", "ab") as f: # as daemons do that open their log anew
                    for k in range(lines // 10):
                        f.write(b"Nov 29 10:00:00 host gadget[%d]: WIDGET %s-%d-%d broke\n" % (i, way.encode(), i, n + k))
        n += lines // 10
        time.sleep(0.1)
    for way in ("rename", "copy"): # nobody writes while a file is copied and cut off: logrotate(8) itself would lose lines
        subprocess.run(["logrotate", "-f", "-s", f"{work}/state.{way}", f"{work}/rotate.{way}"], check=False)
print(n)
PY
export WORK
python3 "$WORK/write.py" "$LOGS" $FILES $LINES $ROUNDS >"$WORK/written" 2>"$WORK/write.err" &
writer=$!
while kill -0 $writer 2>/dev/null; do
	sleep 3
	kill_child "$AGENT_PID" logs
done
wait $writer
each=$(cat "$WORK/written")
[ -n "$each" ] && [ "$each" -gt 0 ] || not_ok "lines were written" "$(tail -n 1 "$WORK/write.err")"
echo "# $((each * FILES * 2)) lines in $((FILES * 2)) files, $(grep -c logs "$WORK/killed") kills"
for way in rename copy; do
	for ((i = 0; i < FILES; i++)); do for ((k = 0; k < each; k++)); do echo "$way-$i-$k"; done; done
done | sort >"$WORK/wanted"
collect() { events 'WIDGET (rename|copy)' | grep -oE '(rename|copy)-[0-9]+-[0-9]+' | sort >"$WORK/got"; }
complete() { collect; [ "$(sort -u "$WORK/got" | wc -l)" -ge "$(wc -l <"$WORK/wanted")" ]; }
until_ok 120 complete
missed=$(comm -23 "$WORK/wanted" <(sort -u "$WORK/got"))
twice=$(uniq -d "$WORK/got")
[ -z "$missed" ] && ok "no line is missed over rotation and kill -9" || not_ok "no line is missed over rotation and kill -9" "$(echo "$missed" | wc -l) of $(wc -l <"$WORK/wanted"), the first is $(echo "$missed" | head -n 1)"
[ -z "$twice" ] && ok "and none is told twice" || not_ok "and none is told twice" "$(echo "$twice" | wc -l), $(echo "$twice" | head -n 1)"
finish
