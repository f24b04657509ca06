# dsa_scan: what it prints and its exit statuses, with and without a policy.
. "$TOP/tests/scenario/lib.sh"
netns_pair
loop_fs "$WORK/fs" 64
scan() { in_a "$DSA_SCAN" --run "$WORK/a/run" "$@" >"$WORK/scan.out" 2>&1; }
ends() {
	local want=$1 rc=0
	shift
	scan "$@" || rc=$?
	[ $rc = "$want" ] || { echo "exit status $rc: $(cat "$WORK/scan.out")"; return 1; }
}
mkdir "$WORK/fs/clean" "$WORK/fs/bad"
echo hello >"$WORK/fs/clean/a"
eicar >"$WORK/fs/bad/eicar.com"

check "without an agent it is an error" ends 2 "$WORK/fs/clean"
manager_setup && manager_start && sign_in || not_ok "the manager starts"
check "the agent starts" agent_start a "$WORK/fs"
check "the agent is activated" agent_activate scanner
check_until "the computer is Managed (Online)" 20 online
check "without protection nothing is called clean" test "$(scan "$WORK/fs/clean"; echo $?)" -ge 2
base_policy '{"antiMalware":{"state":"on"}}' >/dev/null
check_until "a clean folder ends with 0" 30 ends 0 "$WORK/fs/clean"
check "a path that is not there is an error" ends 2 "$WORK/fs/nothing"
check "malware ends with 1" ends 1 --log "$WORK/scan.log" "$WORK/fs/bad"
check "the file and the malware are named" grep -q "^$WORK/fs/bad/eicar.com: ." "$WORK/scan.out"
check "the log names it too" grep -q "eicar.com: ." "$WORK/scan.log"

# Verdicts that are kept.
mkdir "$WORK/fs/kept"
for i in 1 2 3 4 5; do eicar | tr 'A-Z' 'a-z' >"$WORK/fs/kept/$i"; done
sleep 0.1
unchanged() { scan "$WORK/fs/kept" && grep -q "5 judged, .*, $1 unchanged since" "$WORK/scan.out"; }
all_read() { scan "$WORK/fs/kept" && grep -q '5 judged' "$WORK/scan.out" && ! grep -q unchanged "$WORK/scan.out"; }
check "a first scan reads every file" all_read
check "a second scan reads none that did not change" unchanged 5
echo more >>"$WORK/fs/kept/1"
sleep 0.1
check "a file that was written is read again" unchanged 4
check "and kept again" unchanged 5
# A writer that has mapped the file may change it at any time without a new change time.
python3 - "$WORK/fs/kept/2" "$WORK" <<'END' &
import mmap, os, sys, time
path, work = sys.argv[1:]
fd = os.open(path, os.O_RDWR)
m = mmap.mmap(fd, 0)
os.close(fd)
m[0:1] = b"y"
open(work + "/mapped", "w").close()
while not os.path.exists(work + "/write"):
    time.sleep(0.05)
new = b'X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-' + b'STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'
m[:] = new[:len(m)]
open(work + "/written", "w").close()
while not os.path.exists(work + "/end"):
    time.sleep(0.05)
END
PIDS+=("$!")
until_ok 10 test -e "$WORK/mapped"
sleep 0.2
check "a file that is mapped for writing is read" unchanged 4
check "each time" unchanged 4
touch "$WORK/write"
until_ok 10 test -e "$WORK/written"
check "what was written through the mapping is found" ends 1 "$WORK/fs/kept"
touch "$WORK/end"
rm "$WORK/fs/kept/2"

kill "$AGENT_PID"
until_ok 20 eval "! kill -0 $AGENT_PID"
check "the agent starts again" agent_start a "$WORK/fs"
again() { scan "$WORK/fs/kept" && grep -q '4 judged, .*, 4 unchanged since' "$WORK/scan.out"; }
check_until "after a restart nothing is read that did not change" 30 again
kill "$AGENT_PID"
until_ok 20 eval "! kill -0 $AGENT_PID"
truncate -s 100 "$WORK/a/lib/tree/judged"
check "the agent starts with a torn table" agent_start a "$WORK/fs"
anew() { scan "$WORK/fs/kept" && grep -q '4 judged' "$WORK/scan.out" && ! grep -q unchanged "$WORK/scan.out"; }
check_until "which counts for nothing" 30 anew
finish
