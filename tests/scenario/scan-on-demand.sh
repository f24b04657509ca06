# dsa_scan: what it prints and its exit statuses, with and without a policy.
. "$TOP/tests/scenario/lib.sh"
netns_pair
loop_fs "$WORK/fs" 64
scan() { in_a "$DSA_SCAN" --run "$WORK/a/run" "$@" >"$WORK/scan.out" 2>&1; }
ends() {
	local want=$1 rc=0
	shift
	scan "$@" || rc=$?
	[ $rc = "$want" ] || { echo "exit status $rc: $(cat "$WORK/scan.out")"; return 1; }
}
mkdir "$WORK/fs/clean" "$WORK/fs/bad"
echo hello >"$WORK/fs/clean/a"
eicar >"$WORK/fs/bad/eicar.com"

check "without an agent it is an error" ends 2 "$WORK/fs/clean"
manager_setup && manager_start && sign_in || not_ok "the manager starts"
check "the agent starts" agent_start a "$WORK/fs"
check "the agent is activated" agent_activate scanner
check_until "the computer is Managed (Online)" 20 online
check "without protection nothing is called clean" test "$(scan "$WORK/fs/clean"; echo $?)" -ge 2
base_policy '{"antiMalware":{"state":"on"}}' >/dev/null
check_until "a clean folder ends with 0" 30 ends 0 "$WORK/fs/clean"
check "a path that is not there is an error" ends 2 "$WORK/fs/nothing"
check "malware ends with 1" ends 1 --log "$WORK/scan.log" "$WORK/fs/bad"
check "the file and the malware are named" grep -q "^$WORK/fs/bad/eicar.com: ." "$WORK/scan.out"
check "the log names it too" grep -q "eicar.com: ." "$WORK/scan.log"
finish
