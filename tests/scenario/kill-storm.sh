# Malicious files are written while the processes of agent and manager are killed at random: afterwards each file has
# exactly one detection event, what was denied was not read, and everything is back by itself.
. "$TOP/tests/scenario/lib.sh"
FILES=2000 KILLS=20
[ "${SOAK:-}" = 1 ] && FILES=10000 KILLS=200
up 256
agent_rows="comms spool files tree scan"
manager_rows="front core ca clerk"
sleep 1

kill_one() {
	local rows=($agent_rows $manager_rows) row guard
	row=${rows[$((RANDOM % ${#rows[@]}))]}
	guard=$AGENT_PID
	case " $manager_rows " in *" $row "*) guard=$MANAGER_PID ;; esac
	kill_child "$guard" "$row"
}
: >"$WORK/read"
: >"$WORK/killed"
: >"$WORK/waits"
(
	for ((i = 0; i < FILES; i++)); do
		f=$WORK/fs/storm-$i.com
		eicar >"$f" 2>/dev/null
		[ $((i % 4)) = 0 ] || continue
		began=$(now_ms)
		bytes=
		{ read -r bytes <"$f"; } 2>/dev/null
		ended=$(now_ms)
		[ -n "$bytes" ] && echo "$f $began" >>"$WORK/read"
		echo $((ended - began)) >>"$WORK/waits"
	done
	: >"$WORK/written"
) &
writer=$!
while [ "$(wc -l <"$WORK/killed")" -lt $KILLS ] || [ ! -e "$WORK/written" ]; do
	sleep 0.3
	[ "$(wc -l <"$WORK/killed")" -lt $KILLS ] && kill_one
done
wait $writer
check "processes were really killed while files were written" test "$(wc -l <"$WORK/killed")" -ge $KILLS
echo "# killed: $(cut -d' ' -f1 "$WORK/killed" | sort | uniq -c | tr -s ' \n' ' ')"
# The deadline is 2 s; a second more for a machine that is busy.
longest=$(sort -n "$WORK/waits" | tail -n 1)
check "no opener waited longer than the deadline ($longest ms)" test "$longest" -lt 3000

check_until "the manager answers again" 60 manager_up
back() { sign_in && online; }
check_until "the agent is online again" 60 back
denied_again() { denied "$WORK/fs/again-$RANDOM.com"; }
check_until "the file system is protected again" 60 denied_again

told() { detections storm- >"$WORK/events.tsv"; cut -f1 "$WORK/events.tsv" | sort -u | wc -l; }
all_told() { [ "$(told)" -ge "$FILES" ]; }
check_until "every file has a detection event" 300 all_told
echo "# $(told) of $FILES files told"
# A file has two versions when it could be appended to while nobody watched: one event for each is right.
check "none has two for the same version" test -z "$(cut -f1,4,5 "$WORK/events.tsv" | sort | uniq -d)"
# Somebody who began to read after the denial and got bytes, though the sensor was not killed in between.
leaks() {
	awk -v killed="$WORK/killed" -v events="$WORK/events.tsv" 'BEGIN {
		while ((getline l < killed) > 0) { split(l, k, " "); if (k[1] == "files" || k[1] == "scan") dead[k[2]] = 1 }
		FS = "\t"; while ((getline < events) > 0) if ($3 ~ /Denied/) denied[$1] = $2; FS = " " }
		($1 in denied) && $2 > denied[$1] { for (d in dead) if (d >= denied[$1] - 1000 && d <= $2 + 3000) next; print }' "$WORK/read"
}
check "what was reported as denied yielded no byte" test -z "$(leaks)"
left() { local n=0 f; for f in "$WORK"/fs/storm-*.com; do cat "$f" 2>/dev/null | grep -q EICAR && n=$((n + 1)); done; [ $n = 0 ]; }
check "and none can be read" left
finish
