# What the parts of the bench share: numbers and their medians, the table, the peers. Sourced by bench/run after
# tests/scenario/lib.sh.
ROUNDS=${BENCH_ROUNDS:-5}
say() { echo "# $*"; }

# note NAME NUMBER: one measured value. median NAME: of all of them, - when there is none.
note() { echo "$2" >>"$WORK/numbers/$1"; }
median() {
	[ -s "$WORK/numbers/$1" ] || { echo -; return; }
	sort -g "$WORK/numbers/$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}
spread() { sort -g "$WORK/numbers/$1" 2>/dev/null | awk '{ v[NR] = $1 } END { if (NR) print v[1] " to " v[NR] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (a != "-" && b != "-" && b > 0) printf "%.2f", a / b; else print "-" }'; }

# row WHAT VALUE [most|least GOAL]: a line of the table.
row() {
	local verdict='' goal=''
	if [ $# = 4 ]; then
		goal="at $3 $4"
		verdict=$(awk -v v="$2" -v how="$3" -v g="$4" 'BEGIN {
			if (v == "-") print "not measured"; else if (how == "most" ? v <= g : v >= g) print "met"; else print "MISSED" }')
	fi
	printf '%-74s %10s  %-14s %s\n' "$1" "$2" "$goal" "$verdict" >>"$WORK/table"
}

now() { date +%s.%N; }
# seconds COMMAND...: how long it takes; its output goes to $WORK/last.
seconds() {
	local start rc
	start=$(now)
	"$@" >"$WORK/last" 2>&1
	rc=$?
	[ $rc -le 1 ] || say "exit status $rc: $* : $(tail -n 1 "$WORK/last")" >&2
	awk -v a="$start" -v b="$(now)" 'BEGIN { printf "%.3f", b - a }'
}

# Whatever answers the kernel is ended after BENCH_SECONDS, so that nobody waits for it for ever.
started() { PIDS+=("$1"); echo "$1" >>"$WORK/pids"; }
watchdog() {
	(
		trap - EXIT TERM INT
		for ((t = 0; t < ${BENCH_SECONDS:-3000}; t += 5)); do sleep 5; done
		echo "bench: took too long, ending it" >&2
		while read -r p; do kill -KILL "$p" 2>/dev/null; done <"$WORK/pids"
		kill -TERM $$ 2>/dev/null
	) >/dev/null 2>>"$WORK/watchdog.log" &
	PIDS+=("$!")
}

# ---- signatures: the shipped ones and generated hashes, half MD5, half SHA-256 ----
make_signatures() {
	mkdir -p "$WORK/signatures"
	cp "$TOP"/content/antimalware/signatures/* "$WORK/signatures/"
	python3 - "$1" "$WORK/signatures/bench" <<'PY'
import hashlib, sys
half, base = int(sys.argv[1]) // 2, sys.argv[2]
for suffix, hash, name in (("hdb", hashlib.md5, "Hash"), ("hsb", hashlib.sha256, "Hash256")):
    with open(f"{base}.{suffix}", "w") as f:
        for i in range(half):
            f.write(f"{hash(b'bench%d' % i).hexdigest()}:{1000 + i % 100000}:Bench.{name}-{i}\n")
PY
}
agent_options() { echo --etc "$WORK/$1/etc" --lib "$WORK/$1/lib" --run "$WORK/$1/run" --signatures "$WORK/signatures"; }

loads() { grep -c 'signatures are loaded' "$WORK/a.log"; }
loaded_more_than() { [ "$(loads)" -gt "$1" ]; }
# New signatures: every verdict is forgotten.
reload() {
	local before
	before=$(loads)
	touch "$WORK/signatures/bench.hdb"
	until_ok 60 loaded_more_than "$before" || say "the signatures were not loaded again"
	sleep 0.5
}
# policy FIELD=VALUE...: settings of the policy in force; waits until the agent has it.
settings() {
	local body='{}' s
	for s in "$@"; do body=$(jq -c --arg k "${s%%=*}" --arg v "${s#*=}" '.[$k] = {value: $v}' <<<"$body"); done
	base_policy "{\"policySettings\":$body}" >/dev/null
	sleep 2
}

# ---- the peers ----
# clamd runs as its own user, so that clamonacc can leave its accesses out; that user must reach its files.
clam_start() {
	command -v clamd >/dev/null && command -v clamonacc >/dev/null && id clamav >/dev/null 2>&1 || return 1
	CLAM=$(mktemp -d /tmp/yagura-bench.XXXXXX)
	chmod 755 "$CLAM"
	mkdir "$CLAM/signatures" "$CLAM/tmp"
	cp "$WORK"/signatures/*.[nh][ds]b "$CLAM/signatures/"
	cat >"$CLAM/clamd.conf" <<C
DatabaseDirectory $CLAM/signatures
LocalSocket $CLAM/socket
TemporaryDirectory $CLAM/tmp
MaxThreads 4
Foreground yes
User clamav
SelfCheck 0
OnAccessIncludePath $1
OnAccessPrevention yes
OnAccessExcludeUname clamav
C
	chown -R clamav "$CLAM"
	clamd -c "$CLAM/clamd.conf" >"$WORK/clamd.log" 2>&1 &
	CLAMD_PID=$!
	started "$CLAMD_PID"
	until_ok 60 test -S "$CLAM/socket" || return 1
	clamonacc -c "$CLAM/clamd.conf" --fdpass -F >"$WORK/clamonacc.log" 2>&1 &
	started "$!"
	until_ok 60 denied_by_clam "$1"
}
denied_by_clam() { eicar 2>/dev/null >"$1/probe.com"; ! cat "$1/probe.com" >/dev/null 2>&1; }
clam_scan() { clamdscan -c "$CLAM/clamd.conf" --multiscan --fdpass "$1"; }
clam_reload() {
	local before
	before=$(grep -c 'Database correctly reloaded' "$WORK/clamd.log")
	touch "$CLAM/signatures/bench.hdb"
	clamdscan -c "$CLAM/clamd.conf" --reload >/dev/null 2>&1
	until_ok 60 eval "[ \$(grep -c 'Database correctly reloaded' '$WORK/clamd.log') -gt $before ]" || sleep 3
}
bare_start() {
	"$WORK/responder" "$1" "${BENCH_SECONDS:-3000}" >"$WORK/responder.out" &
	BARE_PID=$!
	started "$BARE_PID"
	until_ok 5 grep -q ready "$WORK/responder.out"
}
bare_restart() {
	kill "$BARE_PID"
	wait "$BARE_PID" 2>/dev/null
	bare_start "$1"
}
