# What is done with what is found: quarantine, restore, delete, scan on demand, exclusions, deactivation.
. "$TOP/tests/scenario/lib.sh"
up 64
api POST /antimalwareconfigurations/1 '{"customRemediationActionsEnabled":true,"scanActionForVirus":"quarantine"}' >/dev/null
api POST /antimalwareconfigurations/2 '{"customRemediationActionsEnabled":true,"scanActionForVirus":"quarantine"}' >/dev/null

file=$WORK/fs/report.doc
gone() { eicar 2>/dev/null >"$file.$1"; sleep 0.3; [ ! -e "$file.$1" ]; }
check_until "a malicious file is quarantined" 20 gone 1
identified() { api GET /identifiedfiles | jq -e --arg p "$file.1" '.identifiedFiles[] | select(.path == $p and .state == "quarantined")'; }
check_until "it is listed as an identified file" 20 identified
id=$(api GET /identifiedfiles | jq --arg p "$file.1" '[.identifiedFiles[] | select(.path == $p and .state == "quarantined")][0].ID')
check "the store does not hold its bytes in clear" sh -c "! grep -rq STANDARD-ANTIVIRUS '$WORK/a/lib/quarantine'"
check "its event says Quarantined" test "$(am_events | jq -r --arg p "$file.1" '[.antiMalwareEvents[] | select(.InfectedFilePath == $p)][0].ScanResultString')" = Quarantined

base_policy '{"antiMalware":{"state":"off"}}' >/dev/null
check_until "a policy that is switched off lets files pass" 20 sh -c "printf x >'$WORK/fs/x'; $(declare -f eicar); eicar >'$WORK/fs/free.com'; grep -q EICAR '$WORK/fs/free.com'"
api POST "/identifiedfiles/$id/restore" '{}' >"$WORK/restore.json"
check_until "the console restores the file" 20 grep -q EICAR "$file.1"
check "it has its bytes back" test "$(wc -c <"$file.1")" = 68
restored() { api GET "/identifiedfiles/$id" | grep -q restored; }
check_until "the record says restored" 10 restored

base_policy '{"antiMalware":{"state":"on"}}' >/dev/null
sleep 2
mkdir -p "$WORK/fs/many"
base_policy '{"antiMalware":{"realTimeScanExcludedDirectorySetting":{"lists":["'"$WORK"'/fs/many/"],"inherited":true}}}' >"$WORK/exclude.json"
excluded() { eicar 2>/dev/null >"$WORK/fs/many/a.com"; grep -q EICAR "$WORK/fs/many/a.com"; }
check_until "an excluded directory is left alone in real time" 20 excluded
for i in 1 2 3 4 5; do eicar >"$WORK/fs/many/$i.com"; done
computer=$(api GET /computers | jq '.computers[0].ID')
job=$(api POST "/computers/$computer/malwarescan" "{\"paths\":[\"$WORK/fs/many\"]}" | jq .ID)
done_job() { api GET "/jobs/$1" | jq -e '.state == "done"'; }
check_until "a scan on demand ends" 60 done_job "$job"
check "it found every file" test "$(api GET "/jobs/$job" | jq .progress.found)" -ge 6
check "and took them away" test "$(find "$WORK/fs/many" -name '*.com' | wc -l)" = 0
manual() { [ "$(am_events | jq '[.antiMalwareEvents[] | select(.ScanTypeString == "Manual")] | length')" -ge 6 ]; }
check_until "with an event each, of scan type Manual" 20 manual

api POST "/computers/$computer/deactivate" '{}' >/dev/null
unmanaged() { api GET /computers | jq -e '.computers[0].computerStatus.agentStatusMessages[0] == "Unmanaged (Unknown)"'; }
check_until "a deactivated computer is Unmanaged" 30 unmanaged
unprotected() { eicar 2>/dev/null >"$WORK/fs/after.com"; grep -q EICAR "$WORK/fs/after.com"; }
check_until "and its agent stops protecting" 30 unprotected
check "it can be activated again" agent_activate again
check "and deleted" test "$(api DELETE "/computers/$computer" | wc -c)" = 0
finish
