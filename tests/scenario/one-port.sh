# Console, API and agents on one port, 443: browsers come without a certificate, agents with theirs.
. "$TOP/tests/scenario/lib.sh"
# shellcheck disable=SC2034 # lib.sh speaks to it
CONSOLE_PORT=443
netns_pair
loop_fs "$WORK/fs" 64
mkdir -p "$WORK/m/etc"
printf 'console-port = 443\nagent-port = 443\n' >"$WORK/m/etc/manager.conf"
check "the manager sets itself up" manager_setup
check "the manager starts" manager_start
listens() { in_m ss -Hltn | awk '{ print $4 }' | sed 's/.*://' | sort -u | tr '\n' ' '; }
check "it listens on 443 alone" test "$(listens)" = "443 "
check "the console is there" sh -c "ip netns exec $NS_M curl -sk https://$MANAGER_HOST:443/ | grep -qi '<!doctype html'"
check "the administrator signs in" sign_in
check "the command for agents names the port" sh -c "echo '$(activation_words)' | grep -q 'dsm://[^/]*:443/'"
check "the agent starts" agent_start a "$WORK/fs"
check "it is activated" agent_activate one
check_until "the computer is Managed (Online)" 20 online
base_policy '{"antiMalware":{"state":"on"}}' >/dev/null
check_until "a policy reaches it" 30 denied "$WORK/fs/probe.com"
seen() { am_events | jq -e '.antiMalwareEvents | length > 0'; }
check_until "and its events the API" 20 seen
# What only an agent may, without its certificate; and a stranger's certificate.
status() { in_m curl -sk -o /dev/null -w '%{http_code}' "$@"; }
check "without a certificate nobody is an agent" test "$(status -X POST -d '{}' "https://$MANAGER_HOST:443/agent/heartbeat")" = 403
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=stranger -keyout "$WORK/stranger.key" -out "$WORK/stranger.pem" 2>/dev/null
S=$(status --cert "$WORK/stranger.pem" --key "$WORK/stranger.key" -X POST -d '{}' "https://$MANAGER_HOST:443/agent/heartbeat")
check "nor with a certificate of a stranger ($S)" sh -c "[ $S = 403 ] || [ $S = 000 ]"
check "and an agent's certificate signs nobody in" test "$(status --cert "$WORK/a/lib/comms/cert.pem" --key "$WORK/a/lib/comms/key.pem" "https://$MANAGER_HOST:443/api/computers")" != 200
kill -TERM "$MANAGER_PID"
wait "$MANAGER_PID" 2>/dev/null
check "the manager starts again" manager_start
check_until "and the agent is back" 60 online
finish
