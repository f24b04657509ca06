# Malicious files are written while the processes of agent and manager are killed at random: afterwards each file has
# exactly one detection event, what was denied was not read, and everything is back by itself.
. "$TOP/tests/scenario/lib.sh"
FILES=400 KILLS=20
[ "${SOAK:-}" = 1 ] && FILES=10000 KILLS=200
up 256
agent_rows="comms spool files tree scan"
manager_rows="front core ca clerk"
sleep 1

kill_one() {
	local rows=($agent_rows $manager_rows) row guard pid
	row=${rows[$((RANDOM % ${#rows[@]}))]}
	guard=$AGENT_PID
	case " $manager_rows " in *" $row "*) guard=$MANAGER_PID ;; esac
	pid=$(children "$guard" "$row" | head -n 1)
	[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null && echo "$row" >>"$WORK/killed"
}
: >"$WORK/leaked"
: >"$WORK/killed"
(
	for ((i = 0; i < FILES; i++)); do
		f=$WORK/fs/storm-$i.com
		eicar >"$f" 2>/dev/null
		[ $((i % 4)) = 0 ] && cat "$f" >/dev/null 2>&1
		sleep 0.02
	done
) &
writer=$!
for ((k = 0; k < KILLS; k++)); do
	sleep 0.4
	kill_one
done
wait $writer
check "processes were really killed" test "$(wc -l <"$WORK/killed")" -ge $((KILLS / 2))
echo "# killed: $(sort "$WORK/killed" | uniq -c | tr -s ' \n' ' ')"

check_until "the manager answers again" 60 manager_up
back() { sign_in && online; }
check_until "the agent is online again" 60 back
denied_again() { denied "$WORK/fs/again-$RANDOM.com"; }
check_until "the file system is protected again" 60 denied_again

counts() { api GET '/events/antimalware?maxItems=5000' | jq -r '.antiMalwareEvents[] | select(.kind == "malware-found") | .InfectedFilePath' | grep storm- | sort | uniq -c; }
all_told() { [ "$(counts | wc -l)" -ge "$FILES" ]; }
if [ "$FILES" -le 4000 ]; then
	check_until "every file has a detection event" 90 all_told
	echo "# $(counts | wc -l) of $FILES files told"
fi
# A file has two versions when it could be appended to while nobody watched: one event for each is right.
doubles() { in_m curl -sk -b "$WORK/cookies" -H "rID: $RID" "https://$MANAGER_HOST:4119/api/events/antimalware?maxItems=5000" |
	jq -r '.antiMalwareEvents[] | select(.kind == "malware-found") | "\(.InfectedFilePath) \(.FileSize) \(.ModificationTime)"' | grep storm- | sort | uniq -d; }
check "none has two for the same version" test -z "$(doubles)"
left() { local n=0 f; for f in "$WORK"/fs/storm-*.com; do cat "$f" 2>/dev/null | grep -q EICAR && n=$((n + 1)); done; [ $n = 0 ]; }
check "and none can be read" left
finish
