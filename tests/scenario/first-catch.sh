# From nothing to the first real catch, as the README tells it: set up, sign in, activate through a
# generated command, write the test string, see the event.
. "$TOP/tests/scenario/lib.sh"
netns_pair
loop_fs "$WORK/fs" 64

check "the manager sets itself up and prints a first password" manager_setup
check "the manager starts" manager_start
check "the administrator signs in with the first password" sign_in
check "the agent starts without an activation" agent_start a "$WORK/fs"
check "the generated command activates the agent" agent_activate first
check "dsa_control prints what scripts look for" grep -q 'HTTP Status: 200 - OK' "$WORK/activate.out"
check_until "the computer is Managed (Online)" 20 online
base_policy '{"antiMalware":{"state":"on"}}' >/dev/null
check_until "a policy that is switched on protects the file system" 30 denied "$WORK/fs/probe.com"

file="$WORK/fs/mail attachment.com"
now=$(($(date +%s%N) / 1000000))
eicar >"$file"
cat "$file" >"$WORK/read" 2>/dev/null
check "the bytes of the test file reach no reader" test ! -s "$WORK/read"
seen() { [ "$(am_count "$file")" -ge 1 ]; }
check_until "the event is in the API" 10 seen
late=$(am_events | jq --arg p "$file" '[.antiMalwareEvents[] | select(.InfectedFilePath == $p)][0].received')
echo "# the event was stored $((${late:-0} - now)) ms after the file was written"
check "there is one event for the file" test "$(am_count "$file")" = 1
check "it names the malware" test "$(am_events | jq -r '.antiMalwareEvents[0].MalwareName')" != null
finish
