# (b) Memory while signatures reload, of the scan processes alone (the others do not change), while dsa_scan scans; (c) of
# the whole agent without signatures.
# How much memory the scan processes take at most during a scan of the same files, with or without a reload meanwhile.
peak_of_scan() { # NAME reload|still
	local before sampler scan
	reload # every file is scanned, not remembered
	before=$(loads)
	exec 7<>"$WORK/hold"
	"$WORK/pss" --peak "$SCAN_PID" <"$WORK/hold" >"$WORK/peak" &
	sampler=$!
	our_scan "$WORK/fs/none/reload" >"$WORK/scan.$1" 2>&1 &
	scan=$!
	sleep 0.5
	if [ "$2" = reload ]; then
		touch "$WORK/signatures/bench.hdb"
		until_ok 60 loaded_more_than "$before"
	fi
	wait $scan
	note "unanswered.$1" "$(($? > 1))"
	sleep 0.5
	echo >&7
	wait $sampler
	exec 7<&-
	note "$1.$2" "$(cut -d' ' -f2 "$WORK/peak")"
	note "$1.idle" "$(cut -d' ' -f1 "$WORK/peak")"
}

part_reload() {
	local i how
	cp -r /usr/include "$WORK/fs/none/reload"
	mkfifo "$WORK/hold"
	SCAN_PID=$(children "$AGENT_PID" scan | head -n 1)
	for how in beside low; do
		settings antiMalwareSettingLowMemoryReloadEnabled=$([ $how = low ] && echo true || echo false)
		for ((i = 0; i < ROUNDS; i++)); do
			peak_of_scan $how still
			peak_of_scan $how reload
		done
		say "scan processes ($how), kB PSS: idle $(median $how.idle), at most $(median $how.still) during a scan, $(median $how.reload) during a scan with a reload in it; $(tail -n 1 "$WORK/scan.$how")"
	done
	settings antiMalwareSettingLowMemoryReloadEnabled=false
	row "(b) peak memory of a scan with a reload in it, to the same scan without" "$(ratio "$(median beside.reload)" "$(median beside.still)")" most 2.1
	row "    peak, to the idle scan processes before" "$(ratio "$(median beside.reload)" "$(median beside.idle)")"
	row "    low-memory mode: peak of a scan with a reload, to one without" "$(ratio "$(median low.reload)" "$(median low.still)")" most 1.3
	row "    low-memory mode: peak, to the idle scan processes before" "$(ratio "$(median low.reload)" "$(median low.idle)")"
	row "    scans that a reload left without an answer" "$(cat "$WORK"/numbers/unanswered.* | awk '{ n += $1 } END { print n + 0 }')" most 0
}

# The lines of pss with the names of the rows; the guard's command line has none.
named() { sed -E 's|^([0-9]+) [0-9]+ .* -P ([a-z]+).*|\1 kB \2|; s/^([0-9]+) [0-9]+ .*/\1 kB guard/; s/^([0-9]+)$/\1 kB in all/; s/^/#   /'; }

part_memory() {
	say "memory of the agent with its signatures:"
	"$WORK/pss" "$AGENT_PID" | named
	mkdir "$WORK/aside"
	mv "$WORK"/signatures/* "$WORK/aside/"
	sleep 4
	say "memory of the agent without signatures:"
	"$WORK/pss" "$AGENT_PID" >"$WORK/memory"
	named <"$WORK/memory"
	mv "$WORK"/aside/* "$WORK/signatures/"
	row "(c) memory of the agent without signatures, MB PSS over all processes" "$(tail -n 1 "$WORK/memory" | awk '{ printf "%.1f", $1 / 1024 }')" most 60
}
