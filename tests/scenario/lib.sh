# What scenarios share: a manager and agents in network and mount namespaces of their own, a loop-mounted
# file system to protect, calls of the API. Everything is undone by the trap, whatever happened.
set -u
: "${BUILD:?}" "${WORK:?}" "${TOP:?}"
program() { find "$BUILD/src" -name "$1" -type f -perm -u+x | head -n 1; }
MANAGER=$(program yagura-manager)
AGENT=$(program yagura-agent)
DSA_CONTROL=$(program dsa_control)
DSA_QUERY=$(program dsa_query)
DSA_SCAN=$(program dsa_scan)
TAG=yg$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')
PIDS=() NETNS=() MOUNTS=()
failures=0

ok() { echo "ok $1"; }
not_ok() { echo "not ok $1: ${2:-no}"; failures=$((failures + 1)); }
# check SENTENCE COMMAND...: ok when the command succeeds.
check() {
	local sentence=$1
	shift
	if "$@" >"$WORK/check.out" 2>&1; then ok "$sentence"; else not_ok "$sentence" "$(tail -n 1 "$WORK/check.out" | cut -c1-200)"; fi
}
# until_ok SECONDS COMMAND...: repeats it until it succeeds.
until_ok() {
	local end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt $end ] || return 1
		sleep 0.1
	done
}
check_until() {
	local sentence=$1 seconds=$2
	shift 2
	if until_ok "$seconds" "$@"; then ok "$sentence"; else not_ok "$sentence" "not within $seconds s"; fi
}
# jq 1.6 with -e is content when there is nothing to read, as when a request failed: here that is a failure.
jq() {
	local said status
	case ${1-} in
	-e*)
		said=$(command jq "$@")
		status=$?
		printf '%s\n' "$said"
		[ $status = 0 ] && [ -n "$said" ]
		;;
	*) command jq "$@" ;;
	esac
}
finish() { exit $((failures != 0)); }

cleanup() {
	local i
	for i in ${PIDS[@]+"${PIDS[@]}"}; do kill -TERM "$i" 2>/dev/null; done
	for i in ${PIDS[@]+"${PIDS[@]}"}; do
		for _ in $(seq 80); do kill -0 "$i" 2>/dev/null || break; sleep 0.1; done
		kill -KILL "$i" 2>/dev/null
	done
	for ((i = ${#MOUNTS[@]} - 1; i >= 0; i--)); do umount -l "${MOUNTS[$i]}" 2>/dev/null; done
	for i in ${NETNS[@]+"${NETNS[@]}"}; do ip netns del "$i" 2>/dev/null; done
}
trap cleanup EXIT
trap 'exit 143' TERM INT

# netns_pair: two namespaces joined by a cable: $NS_M 10.213.0.1 (manager), $NS_A 10.213.0.2 (agent).
netns_pair() {
	local n
	NS_M=$TAG-m NS_A=$TAG-a
	ip netns add "$NS_M" && NETNS+=("$NS_M")
	ip netns add "$NS_A" && NETNS+=("$NS_A")
	ip -n "$NS_M" link add veth0 type veth peer name veth0 netns "$NS_A"
	ip -n "$NS_M" addr add 10.213.0.1/24 dev veth0
	ip -n "$NS_A" addr add 10.213.0.2/24 dev veth0
	for n in "$NS_M" "$NS_A"; do
		ip -n "$n" link set lo up
		ip -n "$n" link set veth0 up
	done
}

# loop_fs DIR MIB: a file system of its own, so that a permission mark can never touch the host's.
loop_fs() {
	mkdir -p "$1"
	truncate -s "$2M" "$1.img"
	mkfs.ext4 -q -F "$1.img"
	mount -o loop "$1.img" "$1"
	MOUNTS+=("$1")
}

# A program started in the background must be the process itself, so that its pid is known: these exec.
in_m() { ip netns exec "$NS_M" "$@"; }
in_a() { ip netns exec "$NS_A" "$@"; }

MANAGER_HOST=10.213.0.1
CONSOLE_PORT=4119
manager_options() { echo --etc "$WORK/m/etc" --lib "$WORK/m/lib" --run "$WORK/m/run"; }
manager_setup() {
	mkdir -p "$WORK/m"
	# shellcheck disable=SC2046
	in_m "$MANAGER" $(manager_options) --host $MANAGER_HOST --setup >"$WORK/setup.out" 2>"$WORK/setup.log" || return 1
	PASSWORD=$(sed -n 's/^.*[Pp]assword: *//p' "$WORK/setup.out" | head -n 1)
	[ -n "$PASSWORD" ]
}
manager_up() { in_m curl -sk -o /dev/null "https://$MANAGER_HOST:$CONSOLE_PORT/api/manager"; }
manager_start() {
	# shellcheck disable=SC2046
	ip netns exec "$NS_M" "$MANAGER" $(manager_options) --console "$TOP/console/dist" >>"$WORK/manager.log" 2>&1 &
	MANAGER_PID=$!
	PIDS+=("$MANAGER_PID")
	until_ok 30 manager_up
}
# children GUARD_PID NAME: the processes of that row of the table.
children() {
	local p
	for p in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -qE -- "-P $2( |\$)" && echo "$p"
	done
}
sign_in() {
	RID=$(in_m curl -sk -c "$WORK/cookies" -H 'Content-Type: application/json' -d "{\"userName\":\"admin\",\"password\":\"$PASSWORD\"}" \
		"https://$MANAGER_HOST:$CONSOLE_PORT/api/sessions" | jq -r .RID)
	[ -n "$RID" ] && [ "$RID" != null ]
}
# api METHOD PATH [BODY]
api() {
	in_m curl -sk -b "$WORK/cookies" -H "rID: $RID" -H 'api-version: v1' -X "$1" -H 'Content-Type: application/json' \
		${3+-d "$3"} "https://$MANAGER_HOST:$CONSOLE_PORT/api$2"
}

# agent_start NAME MOUNTPOINT [OPTION...]: in the agent's network namespace and a mount namespace of its own.
agent_options() { echo --etc "$WORK/$1/etc" --lib "$WORK/$1/lib" --run "$WORK/$1/run" --signatures "$TOP/content/antimalware/signatures"; }
agent_start() {
	local name=$1 protect=$2
	shift 2
	mkdir -p "$WORK/$name"
	# shellcheck disable=SC2046
	ip netns exec "$NS_A" unshare -m --propagation slave "$AGENT" $(agent_options "$name") --protect "$protect" "$@" >>"$WORK/$name.log" 2>&1 &
	AGENT_PID=$!
	PIDS+=("$AGENT_PID")
	until_ok 30 test -S "$WORK/$name/run/control.sock"
}
dsa_control() { in_a "$DSA_CONTROL" --run "$WORK/a/run" "$@"; }
dsa_query() { in_a "$DSA_QUERY" --run "$WORK/a/run" "$@"; }
# The activation command that the manager generates, as words for dsa_control.
activation_words() {
	api POST /agentdeploymentscripts '{"platform":"linux","activationRequired":true}' | jq -r .command |
		sed 's/^.*dsa_control *//; s/"//g'
}
agent_activate() {
	# shellcheck disable=SC2046
	dsa_control $(activation_words) "displayname:$1" >"$WORK/activate.out" 2>&1
}
online() { api GET '/computers?expand=computerStatus' | jq -e '.computers[] | select(.computerStatus.agentStatusMessages[]? == "Managed (Online)")'; }
base_policy() { api POST /policies/1 "$1"; }
am_events() { api GET "/events/antimalware?maxItems=5000"; }
# am_count PATH: how many anti-malware events name this file.
am_count() { am_events | jq --arg p "$1" '[.antiMalwareEvents[] | select(.InfectedFilePath == $p)] | length'; }

# detections PATTERN: every detection in a file whose path matches, page by page: path, time, action, size, time of change.
detections() {
	local last=0 page
	while :; do
		page=$(api POST /events/antimalware/search "{\"maxItems\":5000,\"searchCriteria\":[{\"idValue\":$last,\"idTest\":\"greater-than\"}],\"sortByObjectID\":true}")
		echo "$page" | jq -r --arg p "$1" '.antiMalwareEvents[] | select(.kind == "malware-found") | select(.InfectedFilePath | test($p)) |
			[.InfectedFilePath, .logDate, .ScanResultString, .FileSize, .ModificationTime] | @tsv'
		last=$(echo "$page" | jq -r '[.antiMalwareEvents[].ID] | max // empty')
		[ -n "$last" ] || return 0
	done
}
now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
# kill_child GUARD ROW: kill -9 of that process, noted in $WORK/killed.
kill_child() {
	local pid
	pid=$(children "$1" "$2" | head -n 1)
	[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null && echo "$2 $(now_ms)" >>"$WORK/killed"
}
# end PID: kill -9, and waits until it is gone.
end() {
	kill -KILL "$1" 2>/dev/null
	while kill -0 "$1" 2>/dev/null; do sleep 0.05; done
}

# The EICAR test string, put together here so that no scanner takes this file for it.
eicar() { printf '%s%s' 'X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-' 'STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'; }
# denied FILE: the test string written there cannot be read back.
denied() {
	eicar 2>/dev/null >"$1" # is refused once the file is known
	[ -e "$1" ] && ! cat "$1" 2>/dev/null | grep -q EICAR
}
# up: manager, agent, activation and a policy that protects $WORK/fs; what most scenarios start from.
up() {
	netns_pair
	loop_fs "$WORK/fs" "${1:-64}"
	manager_setup && manager_start && sign_in || { not_ok "the manager starts" "see manager.log"; finish; }
	agent_start a "$WORK/fs" && agent_activate first || { not_ok "the agent is activated" "see activate.out"; finish; }
	base_policy '{"antiMalware":{"state":"on"}}' >/dev/null
	until_ok 30 denied "$WORK/fs/probe.com" || { not_ok "the file system is protected" "30 s passed"; finish; }
}

# neighbour: a third namespace $NS_N, 10.214.0.1 and fd00:214::1, next to the agent's, $V4 and $V6.
V4=10.214.0.2 V6=fd00:214::2
neighbour() {
	NS_N=$TAG-n
	ip netns add "$NS_N" && NETNS+=("$NS_N")
	ip -n "$NS_N" link add near type veth peer name far netns "$NS_A"
	ip -n "$NS_N" addr add 10.214.0.1/24 dev near
	ip -n "$NS_N" addr add fd00:214::1/64 dev near nodad
	ip -n "$NS_A" addr add $V4/24 dev far
	ip -n "$NS_A" addr add $V6/64 dev far nodad
	ip -n "$NS_N" link set lo up
	ip -n "$NS_N" link set near up
	ip -n "$NS_A" link set far up
}
in_n() { ip netns exec "$NS_N" "$@"; }
# rule JSON: makes a firewall rule, prints its ID.
rule() { api POST /firewallrules "$1" | jq -er .ID; }
port_rule() { # NAME ACTION PRIORITY PORT
	rule "{\"name\":\"$1\",\"action\":\"$2\",\"priority\":\"$3\",\"direction\":\"incoming\",\"frameType\":\"ip\",\"protocol\":\"tcp\",
		\"destinationPortType\":\"multiple\",\"destinationPortMultiple\":[\"$4\"]}"
}
# assign ID...: these firewall rules and no others.
assign() { base_policy "{\"firewall\":{\"state\":\"on\",\"ruleIDs\":[$(echo "$*" | tr ' ' ',')]}}" >"$WORK/assign.out"; }
setting() { api POST "/policies/1/settings/$1" "{\"value\":\"$2\"}" >/dev/null; }
# policy_newest: the version that the manager has compiled for the first computer, "" while it still has to.
policy_newest() {
	python3 - "$WORK/m/lib/yagura.db" <<-'END'
		import sqlite3, sys
		db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True, timeout=5)
		for due, version in db.execute("select due, policy_version from agent order by computer limit 1"):
		    print("" if due else version)
	END
}
# in_force: the newest policy's ruleset is in the kernel.
in_force() {
	local v
	v=$(policy_newest)
	[ -n "$v" ] && dsa_query -c GetAgentStatus | grep -qx "AgentStatus.modules.firewall.policyVersion: $v"
}
