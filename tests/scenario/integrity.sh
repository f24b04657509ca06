# Integrity Monitoring: rules in the manager, a baseline and scans in the agent, events back; the baseline survives kills.
. "$TOP/tests/scenario/lib.sh"
netns_pair
loop_fs "$WORK/fs" 64
mkdir -p "$WORK/fs/etc" "$WORK/fs/log"
for i in 1 2 3 4 5; do echo "setting $i" >"$WORK/fs/etc/$i.conf"; done
echo line >"$WORK/fs/log/app.log"
im_events() { api GET "/events/integritymonitoring?maxItems=5000" | jq '.integrityMonitoringEvents // []'; }
# seen CHANGE KEY: how many events tell of it.
seen() { im_events | jq -e --arg c "$1" --arg k "$WORK/fs$2" '[.[] | select(.ChangeString == $c and .Key == $k)] | length'; }
seen_once() { [ "$(seen "$1" "$2")" = 1 ]; }
system_count() { api GET "/events/system?maxItems=5000" | jq --arg t "$1" '[.systemEvents[] | select(.number == ($t | tonumber))] | length'; }
system_has() { [ "$(system_count "$1")" -ge "$2" ]; }
computer() { api GET /computers | jq '.computers[0].ID'; }
job_ended() { api GET "/jobs/$1" | jq -e '.state == "done"'; }
# scan: a scan for changes, to its end.
scan() {
	JOB=$(api POST "/computers/$COMPUTER/integrityscan" '{}' | jq '.ID // empty')
	[ -n "$JOB" ] && until_ok 60 job_ended "$JOB"
}

manager_setup && manager_start && sign_in || not_ok "the manager starts"
check "the agent starts" agent_start a "$WORK/fs"
check "the agent is activated" agent_activate watched
check_until "the computer is Managed (Online)" 20 online
COMPUTER=$(computer)

bad=$(api POST /integritymonitoringrules '{"name":"bad","template":"custom","customXML":"<FileSet base=\"/x\">\n <inklude/></FileSet>"}')
check "a wrong rule is refused with its place" grep -q 'line 2, column 2: <inklude> is not known here: expected <include>' <<<"$bad"
RULE=$(api POST /integritymonitoringrules "{\"name\":\"settings\",\"severity\":\"high\",\"template\":\"file\",\"fileBaseDirectory\":\"$WORK/fs/etc\",\"fileIncludedValues\":[\"*.conf\"]}" | jq '.ID // empty')
check "a rule from the template is taken" test -n "$RULE"
LOGS=$(api POST /integritymonitoringrules "{\"name\":\"logs of the app\",\"template\":\"custom\",\"customXML\":\"<FileSet base='\${PROTECTED}/log'><attributes><Growing/></attributes></FileSet><UserSet/><GroupSet/>\"}" | jq '.ID // empty')
check "a rule in XML is taken" test -n "$LOGS"
setting platformSettingEnvironmentVariableOverrides "PROTECTED=$WORK/fs"
base_policy "{\"integrityMonitoring\":{\"state\":\"on\",\"ruleIDs\":[$RULE,$LOGS]}}" >/dev/null
check_until "a baseline is made when the rules come" 60 system_has 8000 1
check "a scan of an unchanged host ends" scan
check "and finds nothing" test "$(im_events | jq length)" = 0

echo more >>"$WORK/fs/etc/1.conf"
chmod 600 "$WORK/fs/etc/2.conf"
rm "$WORK/fs/etc/3.conf"
mv "$WORK/fs/etc/4.conf" "$WORK/fs/etc/four.conf"
echo new >"$WORK/fs/etc/6.conf"
echo new >"$WORK/fs/etc/no-rule.txt"
echo more >>"$WORK/fs/log/app.log"
check "a scan after changes ends" scan
check_until "a changed file is told" 30 seen_once Updated /etc/1.conf
check_until "a changed mode is told" 10 seen_once Updated /etc/2.conf
check_until "a deleted file is told" 10 seen_once Deleted /etc/3.conf
check_until "a renamed file is told" 10 seen_once Renamed /etc/four.conf
check_until "a new file is told" 10 seen_once Created /etc/6.conf
check "and nothing else: not the log that grew, not what no rule covers" test "$(im_events | jq length)" = 5
check "the event says rule, severity, and what changed" jq -e --arg k "$WORK/fs/etc/2.conf" \
	'.[] | select(.Key == $k) | .Reason == "settings" and .Severity == "High" and (.Description | test("permissions: 0644 -> 0600"))' <<<"$(im_events)"
check "a second scan ends" scan
check "what was told is not told again" test "$(im_events | jq length)" = 5

# A package transaction, as dpkg records one; the packages of the host are those of the protected file system.
mkdir -p "$WORK/fs/var/lib/dpkg/info" "$WORK/fs/var/log"
for i in 7 8; do echo "of the package $i" >"$WORK/fs/etc/$i.conf"; done
printf '/.\n/etc\n/etc/7.conf\n/etc/8.conf\n' >"$WORK/fs/var/lib/dpkg/info/app.list"
(cd "$WORK/fs" && md5sum etc/7.conf etc/8.conf) >"$WORK/fs/var/lib/dpkg/info/app.md5sums"
echo "not of the package" >"$WORK/fs/etc/8.conf"
echo "$(date '+%F %T') upgrade app:all 1 2" >"$WORK/fs/var/log/dpkg.log"
check "a scan after a package was installed ends" scan
grouped() { im_events | jq -e 'any(.[]; .kind == "entities-grouped" and .Cause == "package" and .Count == 1 and (.CauseText | test("app:all 1 -> 2")))'; }
check_until "what the package holds is told as one group with its cause" 30 grouped
check_until "what it does not hold is told by itself" 10 seen_once Created /etc/8.conf
check "and the file of the group is not" test "$(seen Created /etc/7.conf)" = 0

: >"$WORK/fs/log/app.log"
kill_child "$AGENT_PID" tree
check_until "a log that shrank is told after the process that scans was killed" 60 eval 'scan && seen_once Updated /log/app.log'

roots() { api GET "/computers/$COMPUTER/integritybaselines" | jq '.integrityBaselines // []'; }
check_until "the manager keeps the root of every baseline, each made from the one before" 20 eval \
	'roots | jq -e "length >= 4 and all(.[]; .proven) and ([.[:-1], .[1:]] | transpose | all(.[0].previous == .[1].root))"'
# job PATH BODY: does it, and prints the job's result.
job() {
	JOB=$(api POST "/computers/$COMPUTER/$1" "$2" | jq '.ID // empty')
	[ -n "$JOB" ] && until_ok 60 job_ended "$JOB" >/dev/null && api GET "/jobs/$JOB" | jq .result
}
check "a page of the baseline is shown" jq -e --arg k "$WORK/fs/etc/1.conf" '.items | any(.[]; .key == $k and .attributes.permissions == "0644")' \
	<<<"$(job integritybaseline/search '{"text":"/etc/","class":"File"}')"
first=$(job integritybaseline/search '{"maxItems":2}')
check "and the next one goes on behind it" jq -e --argjson first "$first" '.items[0].key > $first.items[1].key' \
	<<<"$(job integritybaseline/search "$(jq '{maxItems: 2, after: .items[1].place}' <<<"$first")")"
older=$(jq -r '.kept[1].root' <<<"$first")
check "it is compared with one before it" jq -e --arg k "$WORK/fs/log/app.log" '.changes | any(.[]; .key == $k and .change == "updated")' \
	<<<"$(job integritybaseline/search "{\"comparedWith\":\"$older\"}")"
check "the agent proves its baseline" jq -e --arg r "$(roots | jq -r '.[0].root')" '.root == $r' <<<"$(job integritybaseline/prove '{}')"
check "and nothing is told" test "$(system_count 8020)" = 0
cp "$WORK/a/lib/tree/baseline" "$WORK/newest"
cp "$WORK/a/lib/tree/baseline.1" "$WORK/a/lib/tree/baseline"
job integritybaseline/prove '{}' >/dev/null
check_until "a store that root put another whole baseline into is told" 20 system_has 8020 1
check "a scan against it ends" scan
check_until "and its root is not the one that was kept" 20 system_has 8020 2

pending() { api GET "/integritychanges" | jq '.integrityChanges // []'; }
check_until "changes wait by their cause" 20 eval 'pending | jq -e "any(.[]; .cause == \"package\") and any(.[]; .causeID == \"rule-settings\" and .changes >= 6)"'
GROUP=$(pending | jq '.[] | select(.cause == "package") | .ID')
check "a group is approved" jq -e '.state == "approved"' <<<"$(api POST "/integritychanges/$GROUP/approve" '{"note":"the upgrade of today"}')"
GROUP=$(pending | jq '.[] | select(.causeID == "rule-settings") | .ID')
check "another becomes an incident" jq -e '.state == "incident"' <<<"$(api POST "/integritychanges/$GROUP/incident" '{}')"
check_until "that is told" 10 system_has 8021 1

before=$(system_count 8011)
printf x | dd of="$WORK/a/lib/tree/baseline" bs=1 seek=700 conv=notrunc status=none
check "a scan with a baseline that was tampered with ends" scan
check_until "and it is told" 30 system_has 8011 $((before + 1))
check "dsa_control scans for changes" dsa_control --scanForChanges
check "dsa_control makes a new baseline" dsa_control --buildBaseline
finish
