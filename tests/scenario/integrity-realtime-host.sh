# Integrity Monitoring in real time of what is no path: users, groups, packages, services, ports and processes. The agent's
# view of /etc and of dpkg's list is made up here, in its mount namespace.
. "$TOP/tests/scenario/lib.sh"
netns_pair
loop_fs "$WORK/fs" 16
mkdir -p "$WORK/dpkg"
cp -a /etc "$WORK/etc"
mkdir -p "$WORK/etc/systemd/system"
printf 'Package: yg-first\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n' >"$WORK/dpkg/status"
cp "$(command -v sleep)" "$WORK/$TAG"
im_events() { api GET "/events/integritymonitoring?maxItems=5000" | jq '.integrityMonitoringEvents // []'; }
# seen CHANGE TYPE KEY [FILTER]: an event tells of it.
seen() { im_events | jq -e --arg c "$1" --arg t "$2" --arg k "$3" "[.[] | select(.ChangeString == \$c and .EntityType == \$t and .Key == \$k) | select(${4:-true})] | length > 0"; }
watching() { dsa_query -c GetAgentStatus | grep -qx 'AgentStatus.modules.integritymonitoring.message: On, Real Time'; }
# replace FILE: what comes in takes its place, as useradd and dpkg do it.
replace() { cat >"$1.new" && chmod --reference="$1" "$1.new" && mv "$1.new" "$1"; }

manager_setup && manager_start && sign_in || not_ok "the manager starts"
# The agent, with that view of its host.
cat >"$WORK/agent.sh" <<SH
#!/bin/sh
mkdir -p /var/lib/dpkg && mount --bind "$WORK/etc" /etc && mount --bind "$WORK/dpkg" /var/lib/dpkg && exec "$AGENT" "\$@"
SH
chmod +x "$WORK/agent.sh"
AGENT=$WORK/agent.sh
check "the agent starts" agent_start a "$WORK/fs"
check "the agent is activated" agent_activate watched
RULE=$(api POST /integritymonitoringrules "{\"name\":\"host\",\"severity\":\"high\",\"template\":\"custom\",\"customXML\":\"<UserSet/><GroupSet/><InstalledSoftwareSet/><ServiceSet/><PortSet/><ProcessSet><include key='$TAG'/></ProcessSet>\"}" | jq '.ID // empty')
base_policy "{\"integrityMonitoring\":{\"state\":\"real-time\",\"ruleIDs\":[$RULE]}}" >/dev/null
check_until "real time watches" 60 watching

echo "$TAG:x:64999:64999::/nonexistent:/usr/sbin/nologin" | cat "$WORK/etc/passwd" - | replace "$WORK/etc/passwd"
check_until "a new user is told" 30 seen Created User "$TAG" .RealTime
sed "s|^\($TAG:.*\):/usr/sbin/nologin|\1:/bin/sh|" "$WORK/etc/passwd" | replace "$WORK/etc/passwd"
check_until "a user who got a shell is told" 30 seen Updated User "$TAG" '.Description | test("shell: /usr/sbin/nologin -> /bin/sh")'
echo "$TAG:x:64999:root" >>"$WORK/etc/group"
check_until "a new group is told, also of a file that was written in place" 30 seen Created Group "$TAG"
printf '\nPackage: yg-second\nStatus: install ok installed\nVersion: 2\nArchitecture: all\n' | cat "$WORK/dpkg/status" - | replace "$WORK/dpkg/status"
check_until "a new package is told" 30 seen Created InstalledSoftware yg-second
sed 's/^Version: 1$/Version: 1.1/' "$WORK/dpkg/status" | replace "$WORK/dpkg/status"
check_until "a package of another version is told" 30 seen Updated InstalledSoftware yg-first '.Description | test("version: 1 -> 1.1")'
printf '[Service]\nExecStart=/bin/true\n' >"$WORK/etc/systemd/system/$TAG.service"
check_until "a new service is told" 30 seen Created Service "$TAG.service"
mkdir "$WORK/etc/systemd/system/$TAG.service.d"
printf '[Service]\nExecStart=/bin/false\n' >"$WORK/etc/systemd/system/$TAG.service.d/more.conf"
check_until "what is dropped in beside it is told" 30 seen Updated Service "$TAG.service" '.Description | test("/bin/true -> /bin/true; /bin/false")'

"$WORK/$TAG" 600 &
process=$!
PIDS+=("$process")
check_until "a process that began is told" 30 seen Created Process "$TAG:$process" .RealTime
kill "$process"
check_until "one that ended too" 30 seen Deleted Process "$TAG:$process"
ip netns exec "$NS_A" python3 -c 'import socket, time
s = socket.create_server(("10.213.0.2", 5555))
time.sleep(600)' &
listener=$!
PIDS+=("$listener")
check_until "a port that somebody listens on is told" 30 seen Created Port TCP/10.213.0.2/5555 '.After | test("python3")'
kill "$listener"
check_until "one that nobody listens on any more too" 30 seen Deleted Port TCP/10.213.0.2/5555
rm "$WORK/etc/systemd/system/$TAG.service"
check_until "a service that is gone is told" 30 seen Deleted Service "$TAG.service"
finish
