# The console in a browser, in both languages: the way from signing in to a restored file, then every screen with axe.
. "$TOP/tests/scenario/lib.sh"
[ -d "$TOP/console/dist" ] || { not_ok "the console is built" "no console/dist"; finish; }
up 192
export BASE_URL="https://$MANAGER_HOST:4119/" USER_NAME=admin PASSWORD PROTECTED="$WORK/fs" SHOTS="$WORK/shots"
PATH=$("$TOP/tools/node-path"):$PATH
check "the manager sends a strict content security policy" sh -c "ip netns exec $NS_M curl -skI $BASE_URL | grep -i 'content-security-policy' | grep -q \"default-src 'none'\""

# Test files are quarantined, so that there is something to restore; scans on demand take their time.
api POST /antimalwareconfigurations/1 '{"customRemediationActionsEnabled":true,"scanActionForVirus":"quarantine"}' >/dev/null
api POST /antimalwareconfigurations/2 '{"cpuUsage":"low"}' >/dev/null
mkdir "$WORK/fs/many"
(cd "$WORK/fs/many" && head -c 32000000 /dev/urandom | split -a 4 -b 4000)

# A second agent, on a host of its own name, that waits for the command of the console.
loop_fs "$WORK/fs2" 16
mkdir -p "$WORK/b"
# shellcheck disable=SC2046
ip netns exec "$NS_A" unshare -m --uts --propagation slave sh -c 'hostname second && exec "$@"' - \
	"$AGENT" $(agent_options b) --protect "$WORK/fs2" >>"$WORK/b.log" 2>&1 &
PIDS+=("$!")
until_ok 30 test -S "$WORK/b/run/control.sock"

eicar >"$WORK/pattern"
script() { # script NAME LINE: an executable that does it
	printf '#!/bin/sh\n%s\n' "$2" >"$WORK/$1"
	chmod +x "$WORK/$1"
}
script write "exec nsenter --net=/run/netns/$NS_A cp '$WORK/pattern' \"\$1\""
script activate "eval \"set -- \${1#*dsa_control }\"; exec ip netns exec $NS_A '$DSA_CONTROL' --run '$WORK/b/run' \"\$@\" displayname:second"
export WRITE="$WORK/write" ACTIVATE="$WORK/activate"

(cd "$TOP/console" && ip netns exec "$NS_M" node e2e/console.mjs) >"$WORK/browser.out"
failures=$((failures + $?))
cat "$WORK/browser.out"
finish
