#!/bin/bash
# bench/fleet.sh: the manager's core beside its database alone, in one run: pages of computers and events, storing events,
# a policy change for everybody; with 10,000 computers, 200 policies and 5,000,000 events. Own processor time, medians of
# five rounds; it never fails for being slow.
#   FLEET_COMPUTERS, FLEET_POLICIES, FLEET_EVENTS: other sizes
set -eu
cd "$(dirname "$0")/.."
tools/install-deps build test
PATH=$(tools/node-path):$PATH tools/build release
ninja --quiet -C build/release bench/fleet
computers=${FLEET_COMPUTERS:-10000}
echo "# $(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg), $computers computers, ${FLEET_POLICIES:-200} policies, ${FLEET_EVENTS:-5000000} events"
build/release/bench/fleet "$computers" "${FLEET_POLICIES:-200}" "${FLEET_EVENTS:-5000000}" |
	awk -v n="$computers" '
	{ ours[$1] = $2; bare[$1] = $3 }
	function row(what, value, goal, met) { printf "%-66s %10s  %-16s %s\n", what, value, goal, met }
	function most(what, value, goal) { row(what, sprintf("%.2f", value), "at most " goal, value <= goal ? "met" : "MISSED") }
	END {
		row("what", "ratio", "goal", "")
		most("a page of 100 computers, to the statement alone", ours["computers-page-" n] / bare["computers-page-" n], 3)
		most("a page of 100 events of a computer, to the statement alone", ours["events-page"] / bare["events-page"], 3)
		v = bare["ingestion"] / ours["ingestion"]
		row("storing events, of the rate of a bulk insert", sprintf("%.2f", v), "at least 0.5", v >= 0.5 ? "met" : "MISSED")
		row("... microseconds an event, to the insert alone", ours["ingestion"] " / " bare["ingestion"], "", "")
		row("a page of computers: 10 times as many computers cost", sprintf("%.2f", ours["computers-page-" n] / ours["computers-page-" n / 10]), "flat: 1", "")
		row("a policy change for all: 10 times as many computers cost", sprintf("%.2f", ours["policy-change-" n] / ours["policy-change-" n / 10]), "n: 10", "")
		row("statements of the pages that scan a table", ours["computers-scan"] + ours["events-scan"], "0", "")
	}'
