# (b) Memory while signatures reload, of the scan processes alone (the others do not change), while dsa_scan scans; (c) of
# the whole agent without signatures.
reload_once() { # NAME
	local before steady peak dir=$WORK/fs/none/tree/include
	mkfifo "$WORK/hold" 2>/dev/null
	sleep 1
	before=$(loads)
	exec 7<>"$WORK/hold"
	"$WORK/pss" --peak "$SCAN_PID" <"$WORK/hold" >"$WORK/peak" &
	local sampler=$!
	sleep 0.3
	in_a "$DSA_SCAN" --run "$WORK/a/run" "$dir" >"$WORK/scan.$1" 2>&1 &
	local scan=$!
	sleep 0.3
	touch "$WORK/signatures/bench.hdb"
	until_ok 60 loaded_more_than "$before"
	wait $scan
	note "unanswered.$1" "$(($? > 1))"
	sleep 0.5
	echo >&7
	wait $sampler
	exec 7<&-
	read -r steady peak <"$WORK/peak"
	note "steady.$1" "$steady"
	note "peak.$1" "$(ratio "$peak" "$steady")"
}

part_reload() {
	local i how
	SCAN_PID=$(children "$AGENT_PID" scan | head -n 1)
	for how in beside low; do
		settings antiMalwareSettingLowMemoryReloadEnabled=$([ $how = low ] && echo true || echo false)
		for ((i = 0; i < ROUNDS; i++)); do reload_once $how; done
		say "reload ($how): steady $(median steady.$how) kB PSS in the scan processes, peak $(median peak.$how) times ($(spread peak.$how)); $(tail -n 1 "$WORK/scan.$how")"
	done
	settings antiMalwareSettingLowMemoryReloadEnabled=false
	row "(b) peak memory while signatures reload, to steady" "$(median peak.beside)" most 2.1
	row "    the same in the low-memory mode" "$(median peak.low)" most 1.3
	row "    scans that a reload left without an answer" "$(cat "$WORK"/numbers/unanswered.* | awk '{ n += $1 } END { print n + 0 }')" most 0
}

part_memory() {
	say "memory of the agent with its signatures:"
	"$WORK/pss" "$AGENT_PID" | sed -E 's|^([0-9]+) [0-9]+ .* -P ([a-z]+).*|\1 kB \2|; s/^([0-9]+) [0-9]+ .*/\1 kB guard/; s/^([0-9]+)$/\1 kB in all/; s/^/#   /'
	mkdir "$WORK/aside"
	mv "$WORK"/signatures/* "$WORK/aside/"
	sleep 4
	say "memory of the agent without signatures:"
	"$WORK/pss" "$AGENT_PID" >"$WORK/memory"
	sed -E 's|^([0-9]+) [0-9]+ .* -P ([a-z]+).*|\1 kB \2|; s/^([0-9]+) [0-9]+ .*/\1 kB guard/; s/^([0-9]+)$/\1 kB in all/; s/^/#   /' "$WORK/memory"
	mv "$WORK"/aside/* "$WORK/signatures/"
	row "(c) memory of the agent without signatures, MB PSS over all processes" "$(tail -n 1 "$WORK/memory" | awk '{ printf "%.1f", $1 / 1024 }')" most 60
}
