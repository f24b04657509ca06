# An agent that reaches its manager through an HTTP proxy with a password only (tinyproxy): activation by the generated
# command, events, a scan on demand. Nothing of it goes another way.
. "$TOP/tests/scenario/lib.sh"
netns_pair
loop_fs "$WORK/fs" 64
# The proxy's own host, between the two; the agent has no way to the manager but through it.
ip netns add "$TAG-p" && NETNS+=("$TAG-p")
ip -n "$NS_A" link del veth0
ip -n "$TAG-p" link add veth0 type veth peer name veth0 netns "$NS_A"
ip -n "$TAG-p" link add veth1 type veth peer name veth1 netns "$NS_M"
ip -n "$TAG-p" addr add 10.214.0.1/24 dev veth0
ip -n "$NS_A" addr add 10.214.0.2/24 dev veth0
ip -n "$TAG-p" addr add 10.213.0.3/24 dev veth1
ip -n "$NS_M" link add lan type bridge
ip -n "$NS_M" addr add 10.213.0.1/24 dev lan
for l in "$TAG-p lo" "$TAG-p veth0" "$TAG-p veth1" "$NS_A veth0" "$NS_M veth1" "$NS_M lan"; do
	# shellcheck disable=SC2086
	set -- $l
	ip -n "$1" link set "$2" up
done
ip -n "$NS_M" link set veth1 master lan
cat >"$WORK/tinyproxy.conf" <<END
Port 3128
Listen 10.214.0.1
Timeout 600
MaxClients 50
LogFile "$WORK/proxy.log"
LogLevel Connect
Allow 10.214.0.2
ConnectPort 4119
ConnectPort 4120
BasicAuth agents s3cret
END
ip netns exec "$TAG-p" tinyproxy -d -c "$WORK/tinyproxy.conf" >"$WORK/tinyproxy.out" 2>&1 &
PIDS+=("$!")

manager_setup && manager_start && sign_in || not_ok "the manager starts"
check "the agent starts" agent_start a "$WORK/fs"
direct() { in_a curl -sk -m 3 -o /dev/null "https://$MANAGER_HOST:4119/"; }
no_direct() { ! direct; }
check "there is no direct way to the manager" no_direct

wrong() { ! dsa_control -x "dsm_proxy://10.214.0.1:3128/" -u "agents:wrong" --max-dsm-retries 0 $(activation_words) >"$WORK/wrong.out" 2>&1; }
check "a wrong password is refused by the proxy" wrong
check "and said" grep -qiE '407|prox' "$WORK/wrong.out"
dsa_control -x "dsm_proxy:/10.214.0.1:3128/" -u "agents:s3cret" >"$WORK/right.out" 2>&1
check "the proxy's address and password are taken" test $? = 0
check "what was set is said in the known words" grep -q 'Add proxy-address:\[dsm_proxy\] with value:\[' "$WORK/right.out"
check "the generated command activates through the proxy" agent_activate behind-a-proxy
check_until "the computer is Managed (Online)" 30 online
base_policy '{"antiMalware":{"state":"on"}}' >/dev/null
check_until "the policy arrives and the file system is protected" 30 denied "$WORK/fs/probe.com"
told() { [ "$(am_count "$WORK/fs/probe.com")" -ge 1 ]; }
check_until "the event arrives" 20 told
through() { grep -q "CONNECT $MANAGER_HOST:4120" "$WORK/proxy.log"; }
check "all through the proxy" through
secret() { grep -rqs 's3cret' "$WORK/a.log" "$WORK/a/run"; }
no_secret() { ! secret; }
check "the password is in no log" no_secret
dsa_query -c GetAgentStatus >"$WORK/query"
check "nor in what the agent shows" test -z "$(grep s3cret "$WORK/query")"
finish
