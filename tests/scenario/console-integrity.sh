# Integrity Monitoring in the console: rules, the inbox of changes, the baseline looked through and compared; every screen with axe.
# seconds: 420
. "$TOP/tests/scenario/lib.sh"
[ -d "$TOP/console/dist" ] || { not_ok "the console is built" "no console/dist"; finish; }
netns_pair
loop_fs "$WORK/fs" 32
mkdir "$WORK/fs/etc"
manager_setup && manager_start && sign_in || { not_ok "the manager starts" "see manager.log"; finish; }
agent_start a "$WORK/fs" && agent_activate watched || { not_ok "the agent is activated" "see activate.out"; finish; }
COMPUTER=$(api GET /computers | jq '.computers[0].ID')
job_ended() { api GET "/jobs/$1" | jq -e '.state == "done"'; }
scan() {
	local job
	job=$(api POST "/computers/$COMPUTER/integrityscan" '{}' | jq '.ID // empty')
	[ -n "$job" ] && until_ok 60 job_ended "$job"
}
# One rule a cause that is decided, and one for what still waits when the screens are looked at.
RULES=()
for n in en ja more; do
	echo one >"$WORK/fs/etc/watched-$n.conf"
	RULES+=("$(api POST /integritymonitoringrules "{\"name\":\"Watched $n\",\"template\":\"file\",\"fileBaseDirectory\":\"$WORK/fs/etc\",\"fileIncludedValues\":[\"watched-$n.conf\"]}" | jq -r .ID)")
done
base_policy "{\"integrityMonitoring\":{\"state\":\"on\",\"ruleIDs\":[$(IFS=,; echo "${RULES[*]}")]}}" >/dev/null
made() { api GET "/computers/$COMPUTER/integritybaselines" | jq -e '.integrityBaselines[0].entities >= 3'; }
check_until "there is a baseline" 60 made
for n in en ja more; do echo two >>"$WORK/fs/etc/watched-$n.conf"; done
check "a scan finds what changed" scan
waits() { api GET /integritychanges | jq -e '.integrityChanges | length >= 3'; }
check_until "and it waits to be decided" 60 waits
export BASE_URL="https://$MANAGER_HOST:4119/" USER_NAME=admin PASSWORD SHOTS="$WORK/shots" FOLDER="$WORK/fs/etc"
PATH=$("$TOP/tools/node-path"):$PATH
(cd "$TOP/console" && ip netns exec "$NS_M" node e2e/integrity.mjs) >"$WORK/browser.out"
failures=$((failures + $?))
cat "$WORK/browser.out"
finish
