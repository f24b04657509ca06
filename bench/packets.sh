#!/bin/bash
# Intrusion Prevention beside Suricata 7 and beside a bare responder (bench/floor.c) that accepts whatever it is asked about: the
# same 1,000 rules on every port, two queues each, both over the same cable between two network namespaces, in turn within each
# round; medians as ratios with their goals. It never fails for being slow.
#   bench/packets.sh [STAGE...]      throughput http connects memory start reload replay bypass  (all)
# BENCH_ROUNDS=5, BENCH_TIME=5 seconds a measurement, BENCH_RULES=1000, BENCH_LARGE=20000 (rules, for memory and start),
# BENCH_ANSWERS=1: one rule in five looks at answers.
set -u
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=$TOP/build/release
[ "$(id -u)" = 0 ] || { echo "the bench needs root: it makes namespaces" >&2; exit 2; }
"$TOP/tools/build" release >/dev/null || exit 2
WORK=$BUILD/bench-packets
rm -rf --one-file-system "$WORK"
mkdir -p "$WORK/numbers"
export TOP BUILD WORK
. "$TOP/tests/scenario/lib.sh"
agent_options_of_scenarios=$(declare -f agent_options)
. "$TOP/bench/lib.sh"
. "$TOP/bench/suricata.sh"
eval "$agent_options_of_scenarios"
TIME=${BENCH_TIME:-5} RULES=${BENCH_RULES:-1000} LARGE=${BENCH_LARGE:-20000}
FLOOR_QUEUE=20
YAGURA=$(program yagura)
gcc -O2 -D_GNU_SOURCE -o "$WORK/http" "$TOP/bench/http.c" && gcc -O2 -D_GNU_SOURCE -o "$WORK/connects" "$TOP/bench/connects.c" &&
	gcc -O2 -D_GNU_SOURCE -o "$WORK/floor" "$TOP/bench/floor.c" -lmnl && gcc -O2 -D_GNU_SOURCE -o "$WORK/pss" "$TOP/bench/pss.c" || exit 2
peer_root || { echo "bench: no Suricata: see $PEER.log" >&2; exit 1; }

# ---- rules: `inspected` has some over each packet, so that no connection is ever left alone by either side ----
answers=${BENCH_ANSWERS:+--answers}
# shellcheck disable=SC2086
"$TOP/bench/packets-rules.py" --count "$RULES" $answers --per-packet >"$WORK/inspected.rules"
# shellcheck disable=SC2086
"$TOP/bench/packets-rules.py" --count "$RULES" $answers >"$WORK/judged.rules"
# shellcheck disable=SC2086
"$TOP/bench/packets-rules.py" --count "$LARGE" $answers --per-packet >"$WORK/large.rules"
# A policy's texts have at most a million bytes each.
make_rules() { # FILE: rules of the API that hold its lines, made once; prints their IDs
	local part
	[ -s "$1.ids" ] && { cat "$1.ids"; return; }
	rm -f "$WORK"/part.*
	split -C 900k "$1" "$WORK/part."
	for part in "$WORK"/part.*; do
		jq -Rs --arg n "$(basename "$1") $(basename "$part")" '{name: $n, template: "custom", customXML: .}' "$part" >"$WORK/body.json"
		in_m curl -sk -b "$WORK/cookies" -H "rID: $RID" -H 'api-version: v1' -H 'Content-Type: application/json' --data-binary "@$WORK/body.json" \
			"https://$MANAGER_HOST:4119/api/intrusionpreventionrules" | jq -er .ID >>"$1.ids" || { echo "bench: a rule was refused" >&2; exit 1; }
	done
	cat "$1.ids"
}
version() { dsa_query -c GetAgentStatus | sed -n 's/^AgentStatus.modules.intrusionprevention.policyVersion: //p'; }
ours_in_force() { # HOW MANY RULES, AFTER VERSION
	[ "$(version)" -gt "$2" ] && dsa_query -c GetAgentStatus >"$WORK/status" && grep -qx "AgentStatus.modules.intrusionprevention.rules: $1" "$WORK/status" &&
		grep -q '^AgentStatus.modules.intrusionprevention.message: On' "$WORK/status"
}
# ours_rules FILE: that file's rules and no others are in force.
ours_rules() {
	local before
	before=$(version)
	base_policy "{\"intrusionPrevention\":{\"state\":\"prevent\",\"ruleIDs\":[$(make_rules "$1" | paste -sd,)]}}" >"$WORK/assign.out"
	until_ok 120 ours_in_force "$(grep -c . "$1")" "${before:-0}" || { echo "bench: the rules are not in force: $(cat "$WORK/status")" >&2; exit 1; }
}
use() { # none | floor | suricata | ours
	queue_to none
	ip netns exec "$NS_A" nft delete table inet yagura 2>/dev/null
	case $1 in
	floor) queue_to $FLOOR_QUEUE ;;
	suricata) queue_to $PEER_QUEUE "${2:-}" ;;
	ours) in_a "$AGENT" --lib "$WORK/a/lib" --load-firewall >/dev/null ;;
	none) ;;
	esac || { echo "bench: $1 cannot be put in the way" >&2; exit 1; }
}

netns_pair
neighbour
manager_setup && manager_start && sign_in || { echo "bench: the manager does not start" >&2; exit 1; }
loop_fs "$WORK/fs" 32
agent_start a "$WORK/fs" --packet-processes 2 && agent_activate bench || { echo "bench: the agent does not start" >&2; exit 1; }
for program in "$WORK/http 8080" "$WORK/floor $FLOOR_QUEUE 2" "iperf3 -s -p 5201"; do
	# shellcheck disable=SC2086
	ip netns exec "$NS_A" $program >"$WORK/$(basename "${program%% *}").log" 2>&1 &
	PIDS+=($!)
	[[ $program == */floor* ]] && FLOOR_PID=$!
done
ours_rules "$WORK/inspected.rules"
peer_start "$WORK/inspected.rules" || { echo "bench: Suricata does not start: $(tail -n 2 "$PEER/bench/suricata.log")" >&2; exit 1; }
packet_pids() { children "$AGENT_PID" packet; }
say "$(nproc) processors, kernel $(uname -r), load $(cut -d' ' -f1-3 /proc/loadavg), $RULES rules, $ROUNDS rounds of $TIME s"

# ---- does it look? ----
canary() { # WHO: both canaries are found, or nothing is measured
	in_n curl -s -m 5 -o /dev/null "http://$V4:8080/canary-in-the-mine?$1"
	in_n curl -s -m 5 -o /dev/null -d "@$WORK/body" "http://$V4:8080/$1"
}
peer_alerts() { grep -c 'canary' "$PEER/bench/fast.log"; }
# Eight connections, over both queues.
stopped() { local i; for i in 1 2 3 4 5 6 7 8; do in_n curl -s -m 5 -o /dev/null "$@" && return 1; done; return 0; }
looks() {
	local before
	{ head -c 20000 /dev/zero | tr '\0' a; echo canary-in-the-body; } >"$WORK/body"
	use suricata
	before=$(peer_alerts)
	canary suricata
	until_ok 10 eval "[ \$(peer_alerts) -ge $((before + 2)) ]" || { echo "bench: Suricata does not find what it must" >&2; exit 1; }
	use ours
	# Prevent mode: the client gets a reset. Each process takes the rules by itself, and one of them has said so.
	until_ok 20 stopped "http://$V4:8080/canary-in-the-mine" || { echo "bench: the agent does not find what it must" >&2; exit 1; }
	until_ok 20 stopped -d "@$WORK/body" "http://$V4:8080/" || { echo "bench: the agent does not find what it must in a body" >&2; exit 1; }
	in_n curl -s -m 5 -o /dev/null "http://$V4:8080/" || { echo "bench: the agent stops what it must not" >&2; exit 1; }
}

# ---- measuring ----
# spent NAME COMMAND...: notes its seconds, and those of a processor, which others on the machine do not change.
spent() {
	local name=$1 begun
	shift
	begun=$(now)
	( "$@" >"$WORK/last" 2>&1; times >"$WORK/cpu" )
	note "$name" "$(awk -v a="$begun" -v b="$(now)" 'BEGIN { printf "%.3f", b - a }')"
	note "$name.cpu" "$(tail -n 1 "$WORK/cpu" | awk '{ for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); n += t[1] * 60 + t[2] } print n }')"
}
WHO=(none floor suricata ours)
iperf() { in_n iperf3 -c $V4 -p 5201 -t "$TIME" --json | jq '.end.sum_received.bits_per_second / 1e9'; }
wrk_of() { # NAME OPTION...
	local name=$1
	shift
	in_n wrk -t 1 -c 50 -d "$TIME" --latency "$@" http://$V4:8080/ >"$WORK/wrk.out" 2>&1
	note "$name.requests" "$(awk '/Requests\/sec/ { print $2 }' "$WORK/wrk.out")"
	note "$name.p99" "$(awk '$1 == "99%" { v = $2 + 0; if ($2 ~ /us$/) v /= 1000; else if ($2 !~ /ms$/) v *= 1000; print v }' "$WORK/wrk.out")"
}
each() { # WHAT...: in turn within each round
	local i who
	for ((i = 0; i < ROUNDS; i++)); do
		for who in "${WHO[@]}"; do
			use "$who"
			"$@" "$who"
		done
	done
}
of() { ratio "$(median "$1.$2${4:-}")" "$(median "$1.$3${4:-}")"; }
show() { # NAME UNIT [SUFFIX]
	local who
	for who in "${WHO[@]}"; do say "$1${3:-}, $who: $(median "$1.$who${3:-}") $2 ($(spread "$1.$who${3:-}"))"; done
}

one_throughput() { note "throughput.$1" "$(iperf)"; }
stage_throughput() {
	local before
	before=$(peer_count decoder.bytes)
	each one_throughput
	show throughput Gbit/s
	say "Suricata looked at $((($(peer_count decoder.bytes) - before) / 1000000)) MB"
	row "throughput of a TCP connection, of Suricata's" "$(of throughput ours suricata)" least 4
	row "throughput of a TCP connection, of the floor's" "$(of throughput ours floor)" least 0.6
}
one_http() {
	wrk_of "kept.$1"
	wrk_of "one.$1" -H 'Connection: close'
}
stage_http() {
	each one_http
	show kept requests/s .requests
	show kept "ms at the 99th percentile" .p99
	show one requests/s .requests
	row "HTTP, connections kept: requests a second, of Suricata's" "$(of kept ours suricata .requests)" least 1.25
	row "their 99th percentile, of Suricata's" "$(of kept ours suricata .p99)" most 0.7
	row "HTTP, a connection each: requests a second, of Suricata's" "$(of one ours suricata .requests)" least 1.6
	row "HTTP, a connection each, of the floor's" "$(of one ours floor .requests)" least 0.85
}
one_connects() { note "connects.$1" "$(in_n "$WORK/connects" $V4 8080 "$TIME" | cut -d' ' -f1)"; }
stage_connects() {
	each one_connects
	show connects connections/s
	row "connections a second, of Suricata's" "$(of connects ours suricata)" least 1.5
}
memory_of() { local p n=0; for p in "$@"; do n=$((n + $("$WORK/pss" "$p" | tail -n 1 | awk '{ print $1 }'))); done; echo "$n"; }
peer_memory() { memory_of "$PEER_PID"; }
# shellcheck disable=SC2046
ours_memory() { memory_of $(packet_pids); }
one_memory() { # LABEL: after many connections on both
	say "memory, $1, before: ours $(ours_memory) kB, Suricata $(peer_memory) kB"
	for who in suricata ours; do
		use $who
		in_n "$WORK/connects" $V4 8080 "$TIME" >/dev/null
		in_n wrk -t 1 -c 200 -d "$TIME" http://$V4:8080/ >/dev/null
	done
	note "memory.ours.$1" "$(ours_memory)"
	note "memory.suricata.$1" "$(peer_memory)"
	say "memory, $1: ours $(median "memory.ours.$1") kB in 2 processes, Suricata $(median "memory.suricata.$1") kB"
}
stage_memory() {
	one_memory rules
	row "memory of what looks at packets, after a storm, of Suricata's" "$(of memory ours suricata .rules)" most 0.25
	peer_stop
	peer_start "$WORK/large.rules" && ours_rules "$WORK/large.rules" && one_memory large
	row "the same with $LARGE rules" "$(of memory ours suricata .large)" most 0.25
	peer_stop
	peer_start "$WORK/inspected.rules" && ours_rules "$WORK/inspected.rules"
}
# A capture of one request: what is left is the start. Suricata's has no queue to set up.
stage_start() {
	local i file
	use none
	"$TOP/bench/capture.py" 1 >"$WORK/small.pcap"
	cp "$WORK/small.pcap" "$PEER/bench/"
	for file in inspected large; do
		cp "$WORK/$file.rules" "$PEER/bench/start.rules"
		for ((i = 0; i < ROUNDS; i++)); do
			spent "start.ours.$file" "$YAGURA" packets --no-checksum --rules "$WORK/$file.rules" --pcap "$WORK/small.pcap"
			spent "start.suricata.$file" in_peer "$NS_A" suricata -c /bench/suricata.yaml -S /bench/start.rules -r /bench/small.pcap -k none -l /tmp --runmode single
		done
		say "start, $file rules: ours $(median "start.ours.$file") s ($(median "start.ours.$file.cpu") of a processor), Suricata $(median "start.suricata.$file") s ($(median "start.suricata.$file.cpu"))"
		row "start with $(grep -c . "$WORK/$file.rules") rules, of Suricata's" "$(of start ours suricata ".$file")" most 0.1
		row "  the same in processor time" "$(of start ours suricata ".$file.cpu")"
	done
}
# ---- a reload: how long it takes, and how long the longest answer takes meanwhile ----
longest_while() { # NAME COMMAND...: notes seconds and the longest answer in ms
	local name=$1
	shift
	ip netns exec "$NS_N" wrk -t 1 -c 4 -d 600 --latency http://$V4:8080/ >"$WORK/wrk.out" 2>&1 &
	local wrk=$!
	sleep 1
	note "$name.seconds" "$(seconds "$@")"
	sleep 0.5
	kill -INT "$wrk"
	wait "$wrk"
	note "$name.longest" "$(awk '$1 == "Latency" && !seen++ { v = $4 + 0; if ($4 ~ /us$/) v /= 1000; else if ($4 !~ /ms$/) v *= 1000; print v }' "$WORK/wrk.out")"
}
# The same rules, compiled again: until the agent says that they are in force.
newer_than() { [ "$(version)" -gt "$1" ]; }
ours_reload() {
	local before
	before=$(version)
	RELOADS=$((${RELOADS:-0} + 1))
	base_policy "{\"intrusionPrevention\":{\"state\":\"$([ $((RELOADS % 2)) = 1 ] && echo detect || echo prevent)\"}}" >/dev/null
	until_ok 60 newer_than "$before"
}
stage_reload() {
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		use suricata
		longest_while reload.suricata peer_reload
		use ours
		longest_while reload.ours ours_reload
	done
	for i in suricata ours; do say "reload, $i: $(median reload.$i.seconds) s, longest answer meanwhile $(median reload.$i.longest) ms"; done
	row "reload of the rules, of Suricata's time" "$(of reload ours suricata .seconds)" most 0.1
	row "longest answer during it, of Suricata's" "$(of reload ours suricata .longest)" most 1
}
stage_replay() {
	local i
	use none
	"$TOP/bench/capture.py" "${BENCH_CONNECTIONS:-20000}" >"$WORK/large.pcap"
	cp "$WORK/large.pcap" "$PEER/bench/"
	for ((i = 0; i < ROUNDS; i++)); do
		spent replay.ours "$YAGURA" packets --no-checksum --rules "$WORK/inspected.rules" --pcap "$WORK/large.pcap"
		spent replay.suricata in_peer "$NS_A" suricata -c /bench/suricata.yaml -S /bench/bench.rules -r /bench/large.pcap -k none -l /tmp --runmode single
	done
	say "replay of $(($(stat -c %s "$WORK/large.pcap") / 1000000)) MB: ours $(median replay.ours) s ($(median replay.ours.cpu) of a processor), Suricata $(median replay.suricata) s ($(median replay.suricata.cpu)), both with their start"
	row "replay of a capture, Suricata's time of ours" "$(of replay suricata ours)" least 1.5
	row "  the same in processor time" "$(of replay suricata ours .cpu)"
}
stage_bypass() {
	peer_stop
	peer_start "$WORK/judged.rules" yes && ours_rules "$WORK/judged.rules"
	local i who
	for ((i = 0; i < ROUNDS; i++)); do
		for who in suricata ours; do
			use $who bypass
			note "bypass.$who" "$(iperf)"
		done
	done
	say "with bypass: ours $(median bypass.ours) Gbit/s ($(spread bypass.ours)), Suricata $(median bypass.suricata) ($(spread bypass.suricata))"
	row "throughput of a TCP connection with bypass on both, of Suricata's" "$(of bypass ours suricata)" least 1
	peer_stop
	peer_start "$WORK/inspected.rules" && ours_rules "$WORK/inspected.rules"
}

looks
stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(throughput http connects memory start reload replay bypass)
for stage in "${stages[@]}"; do
	say "$stage, load $(cut -d' ' -f1-3 /proc/loadavg)"
	"stage_$stage"
done
use ours
say "the agent: $(dsa_query -c GetAgentStatus | sed -n 's/^AgentStatus.modules.intrusionprevention.\(packets\|bytes\|notInspected\|connections\|limits\|memory\): /\1 /p' | paste -sd, | sed 's/,/, /g')"
say "Suricata: $(peer_count decoder.pkts) packets, $(peer_count decoder.bytes) bytes, $(peer_count tcp.reassembly_gap) gaps, $(peer_count ips.accepted) accepted"
kill -TERM "$FLOOR_PID"
say "load $(cut -d' ' -f1-3 /proc/loadavg) after the bench"
printf '\n%-74s %10s  %-14s\n' "what" ratio goal
cat "$WORK/table"
