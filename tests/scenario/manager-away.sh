# The manager is gone while malicious files are written and the agent's processes are killed; then the spool is too
# small for what happens; then the disk is full. Afterwards every detection is in the store once, or counted as lost.
. "$TOP/tests/scenario/lib.sh"
mkdir -p "$WORK/a"
loop_fs "$WORK/a/lib" 24
up 128
api POST /policies/1/settings/platformSettingSpoolMaxMbytes '{"value":"1"}' >/dev/null
spool_bound() { [ "$(api GET /policies/1/settings/platformSettingSpoolMaxMbytes | jq -r .value)" = 1 ]; }
check "the policy bounds the spool" spool_bound
sleep 2
: >"$WORK/killed"

write_many() { local i; for ((i = 0; i < $2; i++)); do eicar >"$WORK/fs/$1-$i.com" 2>/dev/null; done; }
manager_again() { manager_start && until_ok 30 sign_in && until_ok 60 online; }
told() { detections "/$1-" >"$WORK/$1.tsv"; cut -f1 "$WORK/$1.tsv" | sort -u | wc -l; }
all_told() { [ "$(told "$1")" -ge "$2" ]; }

FILES=300
end "$MANAGER_PID"
write_many away $FILES &
writer=$!
for row in files scan tree spool comms files spool scan; do
	sleep 0.3
	kill_child "$AGENT_PID" "$row"
done
wait $writer
check "the agent's processes were killed while the manager was away" test "$(wc -l <"$WORK/killed")" -ge 6
check "the manager is back and the agent online" manager_again
check_until "every file is told" 60 all_told away $FILES
check "none twice for the same version" test -z "$(cut -f1,4,5 "$WORK/away.tsv" | sort | uniq -d)"

# Some 700 bytes an event: this is more than a spool of 1 MB takes.
FILES=2200
end "$MANAGER_PID"
write_many full $FILES
sleep 2
check "the manager is back again" manager_again
lost() { api GET '/events/system?maxItems=5000' | jq '[.systemEvents[] | select(.kind == "events-lost") | .Count] | add // 0'; }
whole() { [ $(($(told full) + $(lost))) -ge $FILES ]; }
check_until "what is not told is counted as lost" 60 whole
echo "# $(told full) told and $(lost) counted as lost, of $FILES"
# What was found twice may be counted as lost twice, so that the sum is reached before the last ones have arrived.
newest() { told full >/dev/null; grep -q "/full-$((FILES - 1)).com" "$WORK/full.tsv"; }
check_until "and the newest are told" 60 newest
check "the spool was too small indeed" test "$(told full)" -lt $FILES

FILES=200
before=$(lost)
end "$MANAGER_PID"
dd if=/dev/zero of="$WORK/a/lib/filler" bs=64k 2>/dev/null
check "the disk is full" test "$(df --output=avail -k "$WORK/a/lib" | tail -n 1)" -lt 64
write_many disk $FILES
held() { ! grep -q EICAR "$WORK/fs/disk-7.com" 2>/dev/null; }
check "protection goes on with a full disk" held
sleep 2
rm -f "$WORK/a/lib/filler"
check "the manager is back once more" manager_again
disk_whole() { [ $(($(told disk) + $(lost) - before)) -ge $FILES ]; }
check_until "with room again every detection is told, or counted as lost" 60 disk_whole
echo "# $(told disk) told and $(($(lost) - before)) counted as lost, of $FILES"
finish
