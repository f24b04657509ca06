#!/bin/bash
# What the Firewall costs: a server in a network namespace with a policy of 500 rules in force, the same policy written by hand
# in nftables, and nothing at all, in turn within each round; throughput of one connection (iperf3), requests a second and their
# 99th percentile (wrk), with connections that are kept and with one for each request. Prints medians as ratios.
#   bench/firewall.sh        BENCH_ROUNDS=5, BENCH_TIME=5 seconds a measurement, BENCH_RULES=500
set -u
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=$TOP/build/release
[ "$(id -u)" = 0 ] || { echo "the bench needs root: it makes namespaces" >&2; exit 2; }
"$TOP/tools/build" release >/dev/null || exit 2
WORK=$BUILD/bench-firewall
rm -rf --one-file-system "$WORK"
mkdir -p "$WORK/numbers"
export TOP BUILD WORK
. "$TOP/tests/scenario/lib.sh"
agent_options_of_scenarios=$(declare -f agent_options)
. "$TOP/bench/lib.sh"
eval "$agent_options_of_scenarios"
TIME=${BENCH_TIME:-5} RULES=${BENCH_RULES:-500}
gcc -O2 -D_GNU_SOURCE -o "$WORK/http" "$TOP/bench/http.c" || exit 2

# ---- the same policy twice: sources that may not, sources that may, a service for everybody ----
# Rule I of the list: ACTION SOURCE PORT.
policy() {
	awk -v n="$RULES" 'BEGIN {
		for (i = 1; i <= n - 2; i++)
			printf "%s 172.%d.%d.0/24 %d\n", i % 2 ? "deny" : "allow", 16 + int(i / 250), i % 250, 1000 + i
		print "allow any 5201"; print "allow any 8080" }'
}
rule_once() { rule "$1" || { echo "bench: refused: $(api POST /firewallrules "$1")" >&2; exit 1; }; }
rules_of_ours() {
	local action source port type ids=()
	while read -r action source port; do
		type="\"sourceIPType\":\"masked-ip\",\"sourceIPValue\":\"${source%/*}\",\"sourceIPMask\":\"255.255.255.0\","
		[ "$source" = any ] && type=
		ids+=("$(rule_once "{\"name\":\"$action $port\",\"action\":\"$action\",\"priority\":\"0\",\"direction\":\"incoming\",\"frameType\":\"ip\",\"protocol\":\"tcp\",
			$type\"destinationPortType\":\"multiple\",\"destinationPortMultiple\":[\"$port\"]}")")
	done < <(policy)
	assign "${ids[@]}"
}
# As an administrator writes it: what stands passes, then rule by rule, then no.
by_hand() {
	local action source port
	echo 'table inet hand { chain in { type filter hook input priority 10; policy accept;'
	echo 'iifname "lo" accept'
	echo 'ct state established,related accept'
	echo 'ct state invalid drop'
	while read -r action source port; do
		[ "$source" = any ] && source='' || source="ip saddr $source"
		[ "$action" = deny ] && action=drop || action=accept
		echo "$source tcp dport $port counter $action"
	done < <(policy)
	echo 'meta l4proto { icmp, ipv6-icmp } accept'
	printf 'drop\n}\n}\n'
}
use() { # none | hand | ours
	ip netns exec "$NS_A" nft delete table inet hand 2>/dev/null
	ip netns exec "$NS_A" nft delete table inet yagura 2>/dev/null
	case $1 in
	hand) by_hand | ip netns exec "$NS_A" nft -f - || exit 1 ;;
	ours) in_a "$AGENT" --lib "$WORK/a/lib" --load-firewall >/dev/null || exit 1 ;;
	none) ;;
	esac
}

netns_pair
neighbour
manager_setup && manager_start && sign_in || { echo "bench: the manager does not start" >&2; exit 1; }
loop_fs "$WORK/fs" 32
agent_start a "$WORK/fs" && agent_activate bench || { echo "bench: the agent does not start" >&2; exit 1; }
ip netns exec "$NS_A" "$WORK/http" 8080 >"$WORK/http.log" 2>&1 &
PIDS+=($!)
ip netns exec "$NS_A" iperf3 -s -p 5201 >"$WORK/iperf-server.log" 2>&1 &
PIDS+=($!)
STATEFUL=$(api POST /statefulconfigurations '{"name":"inspect","tcpstatefulInspectionEnabled":true}' | jq -r .ID)
base_policy "{\"firewall\":{\"state\":\"on\",\"globalStatefulConfigurationID\":$STATEFUL}}" >/dev/null
rules_of_ours
until_ok 60 in_force || { echo "bench: the rules are not in force" >&2; exit 1; }
enough() { [ "$(jq '[.nft.nftables[].add.rule | select(.chain == "rules_in")] | length' "$WORK/a/lib/firewall/ruleset.json")" -ge "$RULES" ]; }
until_ok 60 enough || { echo "bench: the rules are not all there" >&2; exit 1; }

# ---- measuring ----
iperf() { in_n iperf3 -c $V4 -p 5201 -t "$TIME" --json | jq '.end.sum_received.bits_per_second / 1e9'; }
# wrk NAME OPTION...: requests a second, and the 99th percentile in ms.
wrk_of() {
	local name=$1
	shift
	in_n wrk -t 1 -c 50 -d "$TIME" --latency "$@" http://$V4:8080/ >"$WORK/wrk.out" 2>&1
	note "$name.requests" "$(awk '/Requests\/sec/ { print $2 }' "$WORK/wrk.out")"
	note "$name.p99" "$(awk '$1 == "99%" { v = $2 + 0; if ($2 ~ /us$/) v /= 1000; else if ($2 !~ /ms$/) v *= 1000; print v }' "$WORK/wrk.out")"
}
say "$(nproc) processors, kernel $(uname -r), load $(cut -d' ' -f1-3 /proc/loadavg), $RULES rules, $ROUNDS rounds of $TIME s"
for ((i = 0; i < ROUNDS; i++)); do
	for who in none hand ours; do
		use $who
		note "iperf.$who" "$(iperf)"
		wrk_of "kept.$who"
		wrk_of "one.$who" -H 'Connection: close'
	done
done
say "load $(cut -d' ' -f1-3 /proc/loadavg) after the bench"
of() { ratio "$(median "$1.ours$3")" "$(median "$1.$2$3")"; }
for against in none hand; do
	goal=(least 0.97)
	row "throughput of one connection, of $against" "$(of iperf $against '')" "${goal[@]}"
	row "requests a second, connections kept, of $against" "$(of kept $against .requests)" "${goal[@]}"
	row "their 99th percentile, of $against" "$(of kept $against .p99)"
	row "requests a second, a connection each, of $against" "$(of one $against .requests)" "${goal[@]}"
	row "their 99th percentile, of $against" "$(of one $against .p99)"
done
for who in none hand ours; do
	say "$who: $(median iperf.$who) Gbit/s ($(spread iperf.$who)), $(median kept.$who.requests) requests/s at $(median kept.$who.p99) ms, $(median one.$who.requests) at $(median one.$who.p99) ms"
done
printf '\n%-74s %10s  %-14s\n' "what" ratio goal
cat "$WORK/table"
