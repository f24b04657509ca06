# The quarantine with the real agent: there, back, elsewhere, opened on another machine, its bound, flags, crashes.
. "$TOP/tests/scenario/lib.sh"
up 64
YAGURA=$(program yagura)
STORE=$WORK/a/lib/quarantine
for i in 1 2; do
	api POST /antimalwareconfigurations/$i '{"customRemediationActionsEnabled":true,"scanActionForVirus":"quarantine"}' >/dev/null
done
# webshell BYTES: a page that one of our own rules knows, put together here so that this file does not match it.
webshell() {
	printf '<?p%s ev%s($_%s["x"]); ?>' hp al POST
	head -c "$1" /dev/zero | tr '\0' ' '
}
files() { api GET /identifiedfiles; }
# file_id PATH STATE: the newest.
file_id() { files | jq -e --arg p "$1" --arg s "$2" '[.identifiedFiles[] | select(.path == $p and .state == $s)] | max_by(.ID).ID'; }
listed() { file_id "$1" "${2:-quarantined}" >/dev/null; }
gone() { [ ! -e "$1" ]; }
taken() { gone "$1" && listed "$1"; }
# make_malicious PATH: until real time knows what is to be done with it.
make_malicious() { eicar 2>/dev/null >"$1"; until_ok 3 taken "$1"; }
# job PATH BODY: asks and waits for its end; the job as it is then.
job() {
	local id
	id=$(api POST "$1" "$2" | jq .ID)
	until_ok 20 job_over "$id"
	api GET "/jobs/$id"
}
job_over() { api GET /jobs | jq -e ".jobs[] | select(.ID == $1) | .state | . == \"done\" or . == \"failed\""; }
said() { jq -r '.state + " " + (.message // "")' "$WORK/job.json"; }

f=$WORK/fs/report.doc
check_until "a file is taken into the quarantine" 20 make_malicious "$f"
job "/identifiedfiles/$(file_id "$f" quarantined)/restore" '{}' >"$WORK/job.json"
check "it is restored while real time is on" test "$(said)" = "done "
check "and is not caught again at once" grep -q EICAR "$f"
sleep 1
check "nor later, by whoever opens it" grep -q EICAR "$f"
again() { printf '\n' >>"$f"; until_ok 2 gone "$f"; }
check_until "but it is when it was changed" 10 again
check_until "and is listed once more" 10 listed "$f"

mkdir -p "$WORK/fs/evidence"
id=$(file_id "$f" quarantined)
echo mine >"$WORK/fs/evidence/there"
job "/identifiedfiles/$id/restore" "{\"path\":\"$WORK/fs/evidence/there\"}" >"$WORK/job.json"
check "nothing is overwritten" test "$(jq -r .state "$WORK/job.json")-$(cat "$WORK/fs/evidence/there")" = failed-mine
check "and the job says why" grep -q "there is something at" "$WORK/job.json"
check "a relative path is refused" test "$(api POST "/identifiedfiles/$id/restore" '{"path":"x"}' | jq -r .message)" = "path is the absolute path of a file."
job "/identifiedfiles/$id/restore" "{\"path\":\"$WORK/fs/evidence/there\",\"overwrite\":true}" >"$WORK/job.json"
check "unless it is asked to: it is restored to another place" grep -q EICAR "$WORK/fs/evidence/there"
check "and not to where it was" gone "$f"

f=$WORK/fs/second.doc
check_until "another one is taken" 20 make_malicious "$f"
check "dsa_control restores it to a place of its own" dsa_control -R "$f" "to:$WORK/fs/evidence/tool"
check "which has its bytes" grep -q EICAR "$WORK/fs/evidence/tool"
check "a word that it does not know is refused" sh -c "! ip netns exec $NS_A '$DSA_CONTROL' --run '$WORK/a/run' -R '$f' nonsense:1"

f=$WORK/fs/third.doc
check_until "a third one is taken" 20 make_malicious "$f"
id=$(file_id "$f" quarantined)
record=$(api GET "/identifiedfiles/$id" | jq -r .recordID)
check "its copy is in the store" test -e "$STORE/$record.bin"
job "/identifiedfiles/$id/download" '{}' >"$WORK/job.json"
check "a download ends well" test "$(said)" = "done "
number=$(jq .ID "$WORK/job.json")
jq -r .result.password "$WORK/job.json" >"$WORK/password"
check "its password is shown" test "$(wc -c <"$WORK/password")" -ge 20
check "only once" test "$(api GET "/jobs/$number" | jq -r '.result.password // "none"')" = none
check "and in no list" sh -c "! grep -q password '$WORK/list.json'" "$(api GET /jobs >"$WORK/list.json")"
in_m curl -sk -b "$WORK/cookies" -H "rID: $RID" -o "$WORK/sealed" "https://$MANAGER_HOST:4119$(jq -r .result.url "$WORK/job.json")"
check "what arrives is not the file in clear" sh -c "! grep -q STANDARD-ANTIVIRUS '$WORK/sealed'"
mkdir -p "$WORK/elsewhere"
check "it opens elsewhere with the password" "$YAGURA" quarantine open "$WORK/sealed" --to "$WORK/elsewhere/opened" --password-file "$WORK/password"
check "and has its bytes" grep -q EICAR "$WORK/elsewhere/opened"
check "but is not runnable" test "$(stat -c %a "$WORK/elsewhere/opened")" = 600
check "what it was is told" sh -c "'$YAGURA' quarantine info '$WORK/sealed' --password-file '$WORK/password' | grep -q 'path: $f'"
check "another password does not open it" sh -c "echo wrong | '$YAGURA' quarantine open '$WORK/sealed' --to '$WORK/elsewhere/x'; test \$? = 2 -a ! -e '$WORK/elsewhere/x'"
job "/identifiedfiles/$id/delete" '{}' >"$WORK/job.json"
check "it is deleted from the quarantine" test "$(said)" = "done "
check_until "and listed so" 10 listed "$f" deleted
check "its copy is gone" gone "$STORE/$record.bin"

f=$WORK/fs/flagged.doc
base_policy '{"antiMalware":{"state":"off"}}' >/dev/null
# The status first: what was written while it was still on would be taken later.
off() {
	api GET '/computers?expand=all' | jq -e '.computers[0].antiMalware.moduleStatus.agentStatusMessage == "Off"' && eicar 2>/dev/null >"$f" && grep -q EICAR "$f"
}
check_until "real time is off" 20 off
ln "$f" "$WORK/fs/flagged-too.doc"
ln "$f" "$WORK/fs/evidence/flagged.doc"
setfattr -n user.origin -v far "$f" 2>/dev/null
chattr +i "$f"
base_policy '{"antiMalware":{"state":"on"}}' >/dev/null
on() { denied "$WORK/fs/probe2.com" || gone "$WORK/fs/probe2.com"; }
check_until "and on again" 20 on
# Its two names in the folder are one file: the one who opens it finds it by the one, the catch-up walk perhaps by the other.
too=$WORK/fs/flagged-too.doc
one_taken() {
	local name
	cat "$f" >/dev/null 2>&1
	for name in "$f" "$too"; do
		taken "$name" && echo "$name" >"$WORK/found" && return 0
	done
	return 1
}
check_until "an immutable file is taken" 20 one_taken
f=$(cat "$WORK/found")
check "with its other name in the folder" sh -c "! [ -e '$WORK/fs/flagged.doc' ] && ! [ -e '$too' ]"
note() { am_events | jq -e --arg p "$f" '.antiMalwareEvents[] | select(.InfectedFilePath == $p and (.ErrorCode // "" | contains("other name(s) of the file remain in other folders")))'; }
check_until "the event says how many names remain" 10 note
job "/identifiedfiles/$(file_id "$f" quarantined)/restore" '{}' >"$WORK/job.json"
check "it comes back immutable" sh -c "lsattr '$f' | cut -d' ' -f1 | grep -q i"
check "with both names" test "$(stat -c %h "$f")" = 2
chattr -i "$f" 2>/dev/null
rm -f "$WORK/fs/flagged.doc" "$too"

api POST /policies/1/settings/antiMalwareSettingIdentifiedFilesSpaceMaxMbytes '{"value":"1"}' >"$WORK/setting.json"
check "the space is set to 1 MB" grep -q '"1"' "$WORK/setting.json"
sleep 2
for i in 1 2 3 4; do
	webshell 300000 >"$WORK/fs/shell$i.php" 2>/dev/null
	check_until "page $i is taken" 20 taken "$WORK/fs/shell$i.php"
done
check_until "the oldest is told as gone" 10 listed "$WORK/fs/shell1.php" deleted
check "the newest stays" listed "$WORK/fs/shell4.php"
check "a fifth of the space is free" test "$(cat "$STORE"/*.bin | wc -c)" -le $((1048576 * 4 / 5))
dropped() { api GET '/events/system?maxItems=500' | jq -e --arg p "$WORK/fs/shell1.php" '.systemEvents | any(.kind == "file-dropped" and .TargetName == $p) and any(.kind == "quarantine-full")'; }
check_until "with an event each" 10 dropped
big=$WORK/fs/big.php
webshell 1500000 >"$big" 2>/dev/null
failed() { am_events | jq -e --arg p "$big" '.antiMalwareEvents[] | select(.InfectedFilePath == $p and .ScanResultString == "Quarantine Failed" and (.ErrorCode | contains("Quarantine Storage Limit Exceeded")))'; }
check_until "a file larger than the store is not quarantined, and its event says so" 20 failed
check "it stays" test -e "$big"
check "denied" sh -c "! cat '$big' 2>/dev/null | grep -q php"
check "and nothing went for it" listed "$WORK/fs/shell4.php"
api POST /policies/1/settings/antiMalwareSettingIdentifiedFilesSpaceMaxMbytes '{"value":"1024"}' >/dev/null
sleep 2

# in_store PATH: a record with its copy.
in_store() {
	local j
	for j in "$STORE"/*.json; do
		jq -e --arg p "$1" '.path == $p and .state == "quarantined"' "$j" >/dev/null 2>&1 && [ -e "${j%.json}.bin" ] && return 0
	done
	return 1
}
in_one_place() { if in_store "$1"; then gone "$1"; else [ -e "$1" ]; fi; }
agent_dead() { ! kill -0 "$AGENT_PID"; }
# kill_agent_at POINT PATH: the sanitizer build dies there by itself; else it is killed as the file is taken.
kill_agent_at() {
	kill -TERM "$AGENT_PID"
	until_ok 20 agent_dead || return 1
	rm -f "$WORK/a/run/control.sock"
	YAGURA_FAULT=$1 agent_start a "$WORK/fs"
	until_ok 20 on
	webshell 1900000 >"$2" 2>/dev/null
	until_ok 2 agent_dead || kill -KILL "$AGENT_PID"
	until_ok 10 agent_dead
	rm -f "$WORK/a/run/control.sock"
	agent_start a "$WORK/fs" && until_ok 20 on
}
for point in started copied recorded first-name; do
	f=$WORK/fs/crash-$point.php
	check "the guard is killed ($point) and is back" kill_agent_at $point "$f"
	check_until "the file is whole in exactly one place" 10 in_one_place "$f"
	touched() { cat "$f" >/dev/null 2>&1; taken "$f"; }
	check_until "in the end in the quarantine, and the manager knows it" 30 touched
	one_event() { [ "$(am_count "$f")" = 1 ]; }
	check_until "with exactly one event" 20 one_event
done
finish
