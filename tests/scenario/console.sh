# The console in a browser: sign in, a detection seen live, every screen in both languages without an axe violation.
. "$TOP/tests/scenario/lib.sh"
[ -d "$TOP/console/dist" ] || { not_ok "the console is built" "no console/dist"; finish; }
up 64
export BASE_URL="https://$MANAGER_HOST:4119/" USER_NAME=admin PASSWORD EXPECT_FILE=seen-live.com SHOTS="$WORK/shots"
eicar >"$WORK/pattern"
export WRITE="nsenter --net=/run/netns/$NS_A cp $WORK/pattern $WORK/fs/seen-live.com"
PATH=$("$TOP/tools/node-path"):$PATH
check "the manager sends a strict content security policy" sh -c "ip netns exec $NS_M curl -skI $BASE_URL | grep -i 'content-security-policy' | grep -q \"default-src 'none'\""
(cd "$TOP/console" && ip netns exec "$NS_M" node e2e/console.mjs) >"$WORK/browser.out"
failures=$((failures + $?))
cat "$WORK/browser.out"
finish
