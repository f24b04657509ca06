# What a cache of verdicts and a stuck sensor could leave open.
. "$TOP/tests/scenario/lib.sh"
netns_pair
loop_fs "$WORK/fs" 64
manager_setup && manager_start && sign_in || not_ok "the manager starts"
check "the agent starts" agent_start a "$WORK/fs"
check "the agent is activated" agent_activate holes
check_until "the computer is Managed (Online)" 20 online
base_policy '{"antiMalware":{"state":"on"}}' >/dev/null
check_until "the file system is protected" 30 denied "$WORK/fs/probe.com"

f=$WORK/fs/mapped
eicar | tr 'A-Z' 'a-z' >"$f"
for _ in 1 2 3; do cat "$f" >/dev/null; sleep 0.2; done
check "a clean file can be read" cat "$f"
new=$(eicar)
NEW=$new python3 - "$f" <<'END'
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
m = mmap.mmap(fd, 0)
os.close(fd)
m[:] = os.environ["NEW"].encode()
m.flush()
m.close()
END
refused() { ! cat "$f" >/dev/null 2>&1; }
check_until "what was written through a mapping is refused" 10 refused

# Programs that are gone before anybody looks at them.
eicar >"$WORK/source"
for i in 1 2 3 4 5 6 7 8; do cp "$WORK/source" "$WORK/fs/copied-$i" 2>/dev/null; done
named() { [ "$(am_events | jq -r '[.antiMalwareEvents[] | select(.InfectedFilePath | test("/copied-")) | .ProcessName // empty | select(endswith("cp"))] | length')" -ge 8 ]; }
check_until "each event names the program that wrote the file" 20 named

# Scan workers that end while they are asked, the one that is lent to the sensor among them.
scan=$(children "$AGENT_PID" scan | head -n 1)
workers() { local z; for z in $(pgrep -P "$scan"); do pgrep -P "$z"; done; }
all_work() { [ "$(workers | wc -l)" -ge $(($(nproc) + 2)) ]; }
check_until "every worker is there" 20 all_work
for i in 1 2 3 4 5 6; do
	echo "clean $i" >"$WORK/fs/clean-$i"
	eicar >"$WORK/fs/killed-$i"
	for w in $(workers); do kill -KILL "$w" 2>/dev/null; done &
	cat "$WORK/fs/clean-$i" >"$WORK/clean-$i"
	wait $!
	check "a clean file is read while the workers are killed, $i" grep -q "clean $i" "$WORK/clean-$i"
	killed_refused() { ! cat "$WORK/fs/killed-$i" >/dev/null 2>&1; }
	check_until "a harmful one is refused all the same, $i" 20 killed_refused
done
check_until "every worker is there again" 20 all_work

files=$(children "$AGENT_PID" files | head -n 1)
check "the files process is known" test -n "$files"
[ -n "$files" ] && kill -STOP "$files"
echo fresh >"$WORK/new" && timeout -s KILL 40 cp "$WORK/new" "$WORK/fs/new" && timeout -s KILL 40 cat "$WORK/fs/new" >"$WORK/read"
check "with a stopped sensor an open ends all the same" grep -q fresh "$WORK/read"
again() { local p; p=$(children "$AGENT_PID" files | head -n 1); [ -n "$p" ] && [ "$p" != "$files" ]; }
check_until "another sensor takes its place" 20 again
check_until "and protects" 20 denied "$WORK/fs/probe2.com"
finish
