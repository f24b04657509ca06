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

BATCH=$(api POST /jobbatches '{"kind":"check-status","computerFilter":{"type":"all-computers"}}' | jq .ID)
batch_done() { api GET "/jobbatches/$BATCH" | jq -e '.finished and .states.done == 1 and .progress == 100'; }
check_until "work over all computers ends" 30 batch_done
metrics() { in_m curl -sk "https://127.0.0.1:4119/metrics" | grep -q '^yagura_computers{state="online"} 1'; }
check "metrics are there for this machine" metrics
remote() { [ "$(in_a curl -sk -o /dev/null -w '%{http_code}' "https://$MANAGER_HOST:4119/metrics")" = 401 ]; }
check "and for nobody else" remote
finish
