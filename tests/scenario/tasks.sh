# A scheduled malware scan runs by itself, once, whatever dies; work over many computers; alerts by web hook's absence.
. "$TOP/tests/scenario/lib.sh"
up
mkdir "$WORK/fs/cold"
LIST=$(api POST /directorylists "{\"name\":\"cold\",\"items\":[\"$WORK/fs/cold/\"]}" | jq .ID)
api POST /antimalwareconfigurations/1 "{\"excludedDirectoryListID\":$LIST}" >/dev/null
# Real time leaves the folder alone as soon as the agent has the policy.
quiet() { eicar >"$WORK/fs/cold/eicar.com" && grep -q EICAR "$WORK/fs/cold/eicar.com"; }
check_until "real time leaves the folder out" 30 quiet

task() { # NAME SECONDS: once, so many seconds from now
	api POST /scheduledtasks "{\"name\":\"$1\",\"type\":\"scan-for-malware\",\"scheduleDetails\":{\"timeZone\":\"Asia/Tokyo\",
		\"recurrenceType\":\"none\",\"onceOnlyScheduleParameters\":{\"startTime\":$((($(date +%s) + $2) * 1000))}},
		\"scanForMalwareTaskParameters\":{\"computerFilter\":{\"type\":\"all-computers\"},\"timeout\":\"one-hour\"}}"
}
ID=$(task Nightly 2 | jq .ID)
ran() { api GET "/scheduledtasks/$ID/runs" | jq -e ".runs | length == $1 and .[0].state == \"done\""; }
check_until "the scan is done" 60 ran 1
found() { am_events | jq -e --arg p "$WORK/fs/cold/eicar.com" '.antiMalwareEvents[] | select(.InfectedFilePath == $p and .ScanType == 2)'; }
check_until "what lay there was found by the scheduled scan" 20 found
system() { api GET '/events/system?maxItems=5000' | jq --arg k "$1" '[.systemEvents[] | select(.kind == $k)] | length'; }
check "its start and end are system events" test "$(system scheduled-task-started) $(system scheduled-task-ended)" = "1 1"
check "it does not run again" eval 'sleep 2; ran 1'

# The core dies around the time at which the next one is due.
ID=$(task Fatal 2 | jq .ID)
for _ in $(seq 12); do
	kill_child "$MANAGER_PID" core
	sleep 0.3
done
check_until "the manager answers again" 60 manager_up
check_until "the task ran exactly once" 90 ran 1
jobs_of() { api GET "/scheduledtasks/$ID/runs" | jq -r '.runs[0].jobBatchID' | xargs -I{} echo /jobbatches/{}; }
check "with one job a computer" test "$(api GET "$(jobs_of)" | jq .total)" = 1
died() { [ "$(system manager-process-died)" -ge 1 ]; }
check_until "that a process died is told" 10 died
raised() { api GET /alerts | jq -e '.alerts[] | select(.type == "manager-process-died")'; }
check "and is an alert" raised
ALERT=$(raised | jq .ID)
check "which is dismissed with a reason" eval "api POST /alerts/$ALERT/dismiss '{\"reason\":\"it was us\"}' | jq -e '.state == \"dismissed\" and .endedBy == \"admin\"'"

# Scripts: only what root guards, in a box, and what they say is told.
SCRIPTS=$WORK/m/etc/scripts
mkdir -p "$SCRIPTS"
cat >"$SCRIPTS/box" <<END
#!/bin/bash
tried() { if "\$@" >/dev/null 2>&1; then echo "could \$*"; fi; }
[ "\$(id -u)" != 0 ] || echo "is root"
grep -q '^CapEff:.0*\$' /proc/self/status || echo "has capabilities"
tried cat $WORK/m/etc/secrets.key
tried cat $WORK/m/lib/yagura.db
tried ls /root
tried touch /etc/yagura-was-here /tmp/yagura-was-here
tried unshare -U true
tried kill -0 $MANAGER_PID
tried chroot / true
echo mine >f && cat f
setsid sleep 1000 &
echo "ran \$(basename "\$PWD")"
END
install -m 755 /dev/null "$SCRIPTS/empty"
printf '#!/bin/sh\necho bad news >&2\nexit 3\n' >"$SCRIPTS/fails"
chmod 755 "$SCRIPTS/box" "$SCRIPTS/fails"
install -m 775 "$SCRIPTS/fails" "$SCRIPTS/open-to-a-group"
check "the scripts are listed" eval "api GET /scripts | jq -e '[.scripts[].name] == [\"box\",\"empty\",\"fails\"]'"
script() { api POST /scheduledtasks "{\"name\":\"$1\",\"type\":\"run-script\",\"runNow\":true,\"scheduleDetails\":{\"recurrenceType\":\"none\"},
	\"runScriptTaskParameters\":{\"filename\":\"$1\"}}" | jq .ID; }
run_of() { api GET "/scheduledtasks/$1/runs" | jq -r ".runs[0].$2"; }
run_is() { [ "$(run_of "$1" state)" = "$2" ]; }
BOX=$(script box)
check_until "a script runs" 30 run_is "$BOX" done
check "in a box: $(run_of "$BOX" message | tr '\n' ' ')" test "$(run_of "$BOX" message)" = "$(printf 'box: mine\nran runner\n')"
RUNNER=$(children "$MANAGER_PID" runner)
check "and nobody that it started is left" test -z "$(cat "/proc/$RUNNER/task/$RUNNER/children")"
FAILS=$(script fails)
check_until "one that fails has failed" 30 run_is "$FAILS" failed
check "and says why" eval "api GET '/events/system?maxItems=5000' | jq -e '.systemEvents[] | select(.kind == \"scheduled-task-failed\" and (.Description | test(\"status 3.*bad news\")))'"
GROUP=$(script open-to-a-group)
check_until "one that a group may change does not run" 30 run_is "$GROUP" failed

# Computers in the network: the agent's host answers, one address more does not.
NETWORK=$(api POST /scheduledtasks '{"name":"network","type":"discover-computers","runNow":true,"scheduleDetails":{"recurrenceType":"none"},
	"discoverComputersTaskParameters":{"discoveryType":"range","iprangeLow":"10.213.0.1","iprangeHigh":"10.213.0.6","resolveIPs":false}}' | jq .ID)
check_until "a network is looked through" 60 run_is "$NETWORK" done
check "what answers is found: $(run_of "$NETWORK" message)" eval "run_of $NETWORK message | grep -q '^2 computers answered, 1 of them'"
check "and added" eval "api GET '/computers?expand=none' | jq -e '[.computers[].hostName] | index(\"10.213.0.1\")'"
BATCH=$(api POST /jobbatches '{"kind":"check-status","computerFilter":{"type":"all-computers"}}' | jq .ID)
batch_done() { api GET "/jobbatches/$BATCH" | jq -e '.finished and .states.done == 1 and .progress == 100'; }
check_until "work over all computers ends" 30 batch_done
metrics() { in_m curl -sk "https://127.0.0.1:4119/metrics" | grep -q '^yagura_computers{state="online"} 1'; }
check "metrics are there for this machine" metrics
remote() { [ "$(in_a curl -sk -o /dev/null -w '%{http_code}' "https://$MANAGER_HOST:4119/metrics")" = 401 ]; }
check "and for nobody else" remote
finish
