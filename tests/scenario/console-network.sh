# Firewall and Intrusion Prevention in the console: rules, policies, the simulator, a denied packet seen live, every screen with axe.
# seconds: 900
. "$TOP/tests/scenario/lib.sh"
[ -d "$TOP/console/dist" ] || { not_ok "the console is built" "no console/dist"; finish; }
up 64
export BASE_URL="https://$MANAGER_HOST:4119/" USER_NAME=admin PASSWORD SHOTS="$WORK/shots" HIT="$WORK/hit"
PATH=$("$TOP/tools/node-path"):$PATH
printf '#!/bin/sh\nexec curl -s -o /dev/null --max-time 1 http://10.213.0.2:2323/\n' >"$HIT"
chmod +x "$HIT"
(cd "$TOP/console" && ip netns exec "$NS_M" node e2e/network.mjs) >"$WORK/browser.out"
failures=$((failures + $?))
cat "$WORK/browser.out"
finish
