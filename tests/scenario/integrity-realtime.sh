# Integrity Monitoring in real time: who changed what, as it happens; what happened while nobody watched is found when the
# sensor is back; a queue that overflowed is told and made good.
. "$TOP/tests/scenario/lib.sh"
netns_pair
loop_fs "$WORK/fs" 256
mkdir -p "$WORK/fs/etc/sub" "$WORK/fs/other" "$WORK/fs/many"
for i in 1 2 3 4 5 6 7 8 9; do echo "setting $i" >"$WORK/fs/etc/$i.conf"; done
ln "$WORK/fs/etc/9.conf" "$WORK/fs/other/nine"
im_events() { # all of them, page by page
	local last=0 page
	while :; do
		page=$(api POST /events/integritymonitoring/search "{\"maxItems\":5000,\"searchCriteria\":[{\"idValue\":$last,\"idTest\":\"greater-than\"}],\"sortByObjectID\":true}")
		jq -c '.integrityMonitoringEvents[]?' <<<"$page"
		last=$(jq -r '[.integrityMonitoringEvents[]?.ID] | max // empty' <<<"$page")
		[ -n "$last" ] || return 0
	done
}
# seen CHANGE PATH [FILTER]: exactly one event tells of it.
count() { im_events | jq -s --arg c "$1" --arg k "$WORK/fs$2" "[.[] | select(.ChangeString == \$c and .Key == \$k) | select(${3:-true})] | length"; }
seen() { [ "$(count "$@")" = 1 ]; }
system_count() { api GET "/events/system?maxItems=5000" | jq --arg t "$1" '[.systemEvents[] | select(.number == ($t | tonumber))] | length'; }
system_has() { [ "$(system_count "$1")" -ge "$2" ]; }
status() { dsa_query -c GetAgentStatus | grep -F "AgentStatus.modules.integritymonitoring.message: $1" | grep -qx "AgentStatus.modules.integritymonitoring.message: $1"; }
watching() { status 'On, Real Time'; }

manager_setup && manager_start && sign_in || not_ok "the manager starts"
check "the agent starts" agent_start a "$WORK/fs"
check "the agent is activated" agent_activate watched
RULE=$(api POST /integritymonitoringrules "{\"name\":\"settings\",\"severity\":\"high\",\"template\":\"custom\",\"customXML\":\"<FileSet base='$WORK/fs/etc'/><DirectorySet base='$WORK/fs/etc'><attributes><Permissions/></attributes></DirectorySet><FileSet base='$WORK/fs/many'/>\"}" | jq '.ID // empty')
QUIET=$(api POST /integritymonitoringrules "{\"name\":\"quiet\",\"realTimeMonitoringEnabled\":false,\"template\":\"custom\",\"customXML\":\"<FileSet base='$WORK/fs/other'><include key='q*'/></FileSet>\"}" | jq '.ID // empty')
base_policy "{\"integrityMonitoring\":{\"state\":\"real-time\",\"ruleIDs\":[$RULE,$QUIET]}}" >/dev/null
check_until "a baseline is made when the rules come" 60 system_has 8000 1
check_until "the status says that real time watches" 60 watching

# The connector of processes is the kernel's first network namespace's: here who it was is read while it lives.
mkfifo "$WORK/hold"
sh -c 'echo more >>"$0"; read -r line <"$1"' "$WORK/fs/etc/1.conf" "$WORK/hold" &
PIDS+=("$!")
check_until "a file that is written is told, as seen in real time" 20 seen Updated /etc/1.conf '.RealTime == true'
check "with the user, the process and its parent" seen Updated /etc/1.conf '.User == "root" and (.Process | test("sh$")) and .ProcessID > 0 and .ParentProcess != null'
echo done >"$WORK/hold"
echo new >"$WORK/fs/etc/sub/new.conf"
check_until "a new file is told" 20 seen Created /etc/sub/new.conf
chmod 700 "$WORK/fs/etc/2.conf"
check_until "a changed mode is told" 20 seen Updated /etc/2.conf '.Description | test("permissions: 0644 -> 0700")'
mv "$WORK/fs/etc/3.conf" "$WORK/fs/etc/sub/three.conf"
check_until "a renamed file is told as one" 20 seen Renamed /etc/sub/three.conf
rm "$WORK/fs/etc/4.conf"
check_until "a deleted file is told" 20 seen Deleted /etc/4.conf
mv "$WORK/fs/etc/sub" "$WORK/fs/etc/below"
check_until "a renamed directory is told" 20 seen Renamed /etc/below
check_until "with what is in it" 20 seen Renamed /etc/below/three.conf
echo over >"$WORK/fs/other/tmp"
mv "$WORK/fs/other/tmp" "$WORK/fs/etc/5.conf"
check_until "a file that another one replaced is told" 20 seen Updated /etc/5.conf
echo more >>"$WORK/fs/other/nine"
check_until "a file written under a name that no rule covers is told" 20 seen Updated /etc/9.conf
echo q >"$WORK/fs/other/quiet"
rm -r "$WORK/fs/etc/below"
check_until "a directory that is removed is told" 20 seen Deleted /etc/below
check_until "with what was in it" 20 seen Deleted /etc/below/three.conf
check "a rule without real time waits for a scan" test "$(count Created /other/quiet)" = 0

scan() {
	JOB=$(api POST "/computers/$(api GET /computers | jq '.computers[0].ID')/integrityscan" '{}' | jq '.ID // empty')
	[ -n "$JOB" ] && until_ok 60 eval 'api GET "/jobs/$JOB" | jq -e ".state == \"done\""'
}
before=$(im_events | wc -l)
check "a scan ends while real time watches" scan
check_until "it finds what real time was not asked for" 20 seen Created /other/quiet
check "and tells nothing again that real time told" test "$(im_events | wc -l)" = $((before + 1))
check_until "real time goes on after it" 30 watching
echo again >>"$WORK/fs/etc/1.conf"
check_until "the next change is told too" 20 eval '[ "$(count Updated /etc/1.conf)" = 2 ]'

# Killed at any moment: what happened meanwhile is found.
sensor=$(children "$AGENT_PID" changes)
kill -STOP "$sensor"
echo unseen >>"$WORK/fs/etc/6.conf"
rm "$WORK/fs/etc/7.conf"
kill -KILL "$sensor"
check_until "a file that was written before the sensor was killed is told" 60 seen Updated /etc/6.conf
check_until "a file that was removed then is told" 20 seen Deleted /etc/7.conf
check_until "real time watches again" 60 watching
kill_child "$AGENT_PID" tree
echo meanwhile >>"$WORK/fs/etc/8.conf"
check_until "a file that was written while the process that compares was away is told" 60 seen Updated /etc/8.conf
check_until "all is watched again" 60 watching
check "nothing was told twice" test "$(count Updated /etc/6.conf).$(count Updated /etc/1.conf)" = 1.2

# More than the kernel holds, while nobody reads.
limit=$(cat /proc/sys/fs/fanotify/max_queued_events)
sensor=$(children "$AGENT_PID" changes)
before=$(system_count 8014)
kill -STOP "$sensor"
if [ "$limit" -le 20000 ]; then
	python3 - "$WORK/fs/many" $((limit + 500)) <<'PY'
import os, sys
for i in range(int(sys.argv[2])):
    os.mknod(f"{sys.argv[1]}/{i}")
PY
	echo last >>"$WORK/fs/etc/8.conf"
	kill -CONT "$sensor"
	check_until "a queue that overflowed is told" 60 system_has 8014 $((before + 1))
	check_until "and what it lost is found" 120 eval '[ "$(count Updated /etc/8.conf)" = 2 ]'
	all_told() { [ "$(im_events | jq -s --arg k "$WORK/fs/many/" '[.[] | select(.ChangeString == "Created" and (.Key | startswith($k))) | .Key] | unique | length')" = $((limit + 500)) ]; }
	check_until "each file that was made has its event" 200 all_told
else
	kill -CONT "$sensor"
fi
base_policy "{\"integrityMonitoring\":{\"state\":\"on\",\"ruleIDs\":[$RULE,$QUIET]}}" >/dev/null
check_until "real time can be switched off" 30 status On
finish
