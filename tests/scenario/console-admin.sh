# Administration in the console: roles, users, API keys, tasks, settings, alerts, the dashboard; every screen with axe.
# seconds: 420
. "$TOP/tests/scenario/lib.sh"
[ -d "$TOP/console/dist" ] || { not_ok "the console is built" "no console/dist"; finish; }
up 64
export BASE_URL="https://$MANAGER_HOST:4119/" USER_NAME=admin PASSWORD SHOTS="$WORK/shots" ALERT="$WORK/alert"
PATH=$("$TOP/tools/node-path"):$PATH
# An alert: an activation with a wrong token is refused.
cat >"$ALERT" <<END
#!/bin/sh
ip netns exec $NS_A '$DSA_CONTROL' --run '$WORK/b/run' -a dsm://$MANAGER_HOST:4120/ "token:00000000-0000-0000-0000-000000000000" --max-dsm-retries 0
exit 0
END
chmod +x "$ALERT"
loop_fs "$WORK/fs2" 16
agent_start b "$WORK/fs2" || { not_ok "a second agent starts" "see b.log"; finish; }
eicar 2>/dev/null >"$WORK/fs/seen.com"
seen() { [ "$(am_count "$WORK/fs/seen.com")" -ge 1 ]; }
check_until "there is an event to be shown" 30 seen
(cd "$TOP/console" && ip netns exec "$NS_M" node e2e/admin.mjs) >"$WORK/browser.out"
failures=$((failures + $?))
cat "$WORK/browser.out"
finish
