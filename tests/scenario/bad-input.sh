# Strangers and accidents: a clear answer, no crash, nothing lost.
. "$TOP/tests/scenario/lib.sh"
netns_pair
loop_fs "$WORK/fs" 64
manager_setup && manager_start && sign_in || { not_ok "the manager starts" no; finish; }
U=https://$MANAGER_HOST
status() { in_m curl -sk -o "$WORK/body" -w '%{http_code}' "$@"; }
check "a wrong password is refused" test "$(status -d '{"userName":"admin","password":"no"}' $U:4119/api/sessions)" = 401
check "with a sentence" grep -q '"message":"The user name or password is incorrect."' "$WORK/body"
check "a request without key or session is refused" test "$(status $U:4119/api/computers)" = 401
check "with the words that clients look for" grep -qx '{"message":"Invalid API Key"}' "$WORK/body"
check "a session without its rID header is refused" test "$(status -b "$WORK/cookies" $U:4119/api/computers)" = 401
check "malformed JSON is 400 with its place" test "$(status -b "$WORK/cookies" -H "rID: $RID" -d '{"a":' $U:4119/api/computers)" = 400
check "and says where" grep -q 'line 1' "$WORK/body"
head -c 70000000 /dev/zero >"$WORK/huge"
code=$(status -b "$WORK/cookies" -H "rID: $RID" --data-binary @"$WORK/huge" $U:4119/api/computers)
check "an oversized body is refused" test "$code" = 413 -o "$code" = 000
check "an unknown path is 404" test "$(status -b "$WORK/cookies" -H "rID: $RID" $U:4119/api/nothing)" = 404
check "an agent's call without a certificate is refused" test "$(status -d '{}' $U:4120/agent/heartbeat)" = 403
check "so is an activation with a wrong token" test "$(status -d '{"csr":"x","nonce":"00000000000000000000000000000000","time":1,"hostName":"h","token":"no"}' $U:4120/agent/activate)" = 400
check "in the vendor's words" grep -q 'activation was not successful' "$WORK/body"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=8F0E2C3A-0000-4000-8000-000000000000 -keyout "$WORK/k.pem" -out "$WORK/c.pem" 2>/dev/null
code=$(status --cert "$WORK/c.pem" --key "$WORK/k.pem" -d '{}' $U:4120/agent/heartbeat)
check "a certificate of another authority is refused" test "$code" = 403 -o "$code" = 000

agent_start a "$WORK/fs" || not_ok "the agent starts" no
dsa_control -a "dsm://$MANAGER_HOST:4120/" "tenantID:none" "token:wrong" --max-dsm-retries 0 >"$WORK/wrong.out" 2>&1
check "dsa_control fails with a wrong token" test $? != 0
check "and shows the status line" grep -q 'HTTP Status: 400' "$WORK/wrong.out"
check "the right command works afterwards" agent_activate after
check_until "the computer is Managed (Online)" 20 online
base_policy '{"antiMalware":{"state":"on"}}' >/dev/null
check_until "and protected" 30 denied "$WORK/fs/p.com"

# One bit of the policy on disk: at the next start the last good one is not this one.
policy=$(find "$WORK/a/lib" -name 'policy*' -type f | head -n 1)
kill -TERM "$AGENT_PID"; wait "$AGENT_PID" 2>/dev/null
kill -TERM "$MANAGER_PID"; wait "$MANAGER_PID" 2>/dev/null
agent_start a "$WORK/fs"
check_until "the signed policy protects while the manager is away" 30 denied "$WORK/fs/away.com"
kill -TERM "$AGENT_PID"; wait "$AGENT_PID" 2>/dev/null
printf '\x01' | dd of="$policy" bs=1 seek=60 conv=notrunc 2>/dev/null
agent_start a "$WORK/fs"
check_until "a policy that was tampered with is refused aloud" 20 grep -qiE 'policy.*(refused|signature|not)' "$WORK/a.log"
manager_start
check_until "and replaced when the manager is back" 40 denied "$WORK/fs/back.com"
caught_up() { am_events | grep -q away.com; }
check_until "the events of the time between arrive" 30 caught_up
finish
