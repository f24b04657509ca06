#!/bin/bash
# bench/files-realtime.sh: what Integrity Monitoring in real time costs a build: this project's lower floors are built on a file
# system of their own with no agent, beside one whose rules watch another folder of that file system (the kernel tells of every
# file, none is meant), and with the build's own folder watched, in turn within each round. Medians, printed as ratios with
# their goals; it never fails for being slow. Root: it makes namespaces and mounts a file system.
#   REALTIME_ROUNDS=3, REALTIME_TARGETS="src/libbase.a ...", REALTIME_BUILD=build/release (or build/dev to try it)
set -eu
cd "$(dirname "$0")/.."
TOP=$PWD
BUILD=$TOP/${REALTIME_BUILD:-build/release}
if [ -z "${REALTIME_BUILD:-}" ]; then
	tools/install-deps build bench
	PATH=$(tools/node-path):$PATH tools/build release
fi
WORK=$(mktemp -d "${TMPDIR:-/tmp}/yagura-bench-realtime.XXXXXX")
set +e
. "$TOP/tests/scenario/lib.sh"
. "$TOP/bench/lib.sh"
ROUNDS=${REALTIME_ROUNDS:-3}
mkdir "$WORK/numbers"
: >"$WORK/pids"
: >"$WORK/table"
trap 'cleanup; rm -rf --one-file-system "$WORK"' EXIT
watchdog
export CCACHE_DISABLE=1
# Of bench/lib.sh it needs no generated signatures.
agent_options() { echo --etc "$WORK/$1/etc" --lib "$WORK/$1/lib" --run "$WORK/$1/run" --signatures "$TOP/content/antimalware/signatures"; }

netns_pair
loop_fs "$WORK/fs" 2048
mkdir -p "$WORK/fs/src" "$WORK/fs/quiet"
git archive HEAD | tar -x -C "$WORK/fs/src"
(cd "$WORK/fs/src" && CC=gcc meson setup b -Dbuildtype=release) >"$WORK/meson" 2>&1 || { cat "$WORK/meson"; exit 1; }
build_once() {
	ninja -C "$WORK/fs/src/b" -t clean >/dev/null 2>&1
	sync
	# shellcheck disable=SC2086
	note "build.$1" "$(seconds timeout -s KILL 900 ninja -C "$WORK/fs/src/b" ${REALTIME_TARGETS:-src/libbase.a src/libmodel.a src/libproc.a src/libengine.a})"
}
watching() { dsa_query -c GetAgentStatus | grep -qx "AgentStatus.modules.integritymonitoring.message: $1"; }
# watch FOLDER: real time of what is below it; without one it is off.
watch() {
	if [ $# = 0 ]; then
		base_policy '{"integrityMonitoring":{"state":"off"}}' >/dev/null
		until_ok 60 watching Off || say "real time was not switched off"
		return
	fi
	api POST "/integritymonitoringrules/$RULE" "{\"customXML\":\"<FileSet base='$1'/><DirectorySet base='$1'/>\"}" >/dev/null
	base_policy "{\"integrityMonitoring\":{\"state\":\"real-time\",\"ruleIDs\":[$RULE]}}" >/dev/null
	until_ok 120 watching 'On, Real Time' || say "real time did not begin"
}
used() { # clock ticks that the agent's processes have used
	local p sum=0
	for p in $(children "$AGENT_PID" tree) $(children "$AGENT_PID" changes); do
		sum=$((sum + $(awk '{ print $14 + $15 }' "/proc/$p/stat")))
	done
	echo "$sum"
}

manager_setup && manager_start && sign_in || { say "the manager does not start"; exit 1; }
agent_start a "$WORK/fs" && agent_activate bench || { say "the agent does not start"; exit 1; }
RULE=$(api POST /integritymonitoringrules "{\"name\":\"bench\",\"template\":\"custom\",\"customXML\":\"<FileSet base='$WORK/fs/quiet'/>\"}" | jq .ID)
say "$(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg)"
watch
build_once warm
for ((i = 0; i < ROUNDS; i++)); do
	watch
	build_once none
	watch "$WORK/fs/quiet"
	build_once beside
	watch "$WORK/fs/src"
	before=$(used)
	build_once within
	note ticks $(($(used) - before))
done
for who in none beside within; do say "build, seconds, $who: $(median build.$who) ($(spread build.$who))"; done
row "a build of $(median build.none) s, its file system watched, to no agent's real time" "$(ratio "$(median build.beside)" "$(median build.none)")" most 1.03
row "the same, the build's own folder watched: every object is read and told" "$(ratio "$(median build.within)" "$(median build.none)")"
row "    seconds of processor that took" "$(awk -v t="$(median ticks)" -v h="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", t / h }')"
cat "$WORK/table"
