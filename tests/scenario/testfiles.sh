# ClamAV's test files, in real time and by a scan on demand: what its own scanner finds with the same signatures is found.
. "$TOP/tests/scenario/lib.sh"
SIGNATURES=$TOP/content/antimalware/signatures
TESTFILES=/usr/share/clamav-testfiles
clamscan -i --no-summary -d "$SIGNATURES/eicar.ndb" -d "$SIGNATURES/clamav-test.hdb" "$TESTFILES" 2>/dev/null | sed 's/: .*//' | sort >"$WORK/peer"
N=$(wc -l <"$WORK/peer")
check "the peer finds the test files at all" test "$N" -ge 40
up 256
mkdir "$WORK/fs/rt" "$WORK/fs/demand"

while read -r f; do cp "$f" "$WORK/fs/rt/" 2>/dev/null; done <"$WORK/peer"
refused() { local n=0 f; for f in "$WORK"/fs/rt/*; do cat "$f" >/dev/null 2>&1 && { n=$((n + 1)); echo "readable: $f"; }; done; [ $n = 0 ]; }
check_until "in real time none can be read" 60 refused
told() { detections "$1" | cut -f1 | sort -u | wc -l; }
rt_told() { [ "$(told /rt/)" = "$N" ]; }
check_until "and each has its event" 30 rt_told
refused >"$WORK/left"
echo "# $(told /rt/) of $N told, $(wc -l <"$WORK/left") readable"

base_policy '{"antiMalware":{"state":"off"}}' >/dev/null
readable() { cat "$WORK/fs/rt/clam.exe" >/dev/null 2>&1; }
check_until "without protection they can be read" 20 readable
while read -r f; do cp "$f" "$WORK/fs/demand/"; done <"$WORK/peer"
base_policy '{"antiMalware":{"state":"on"}}' >/dev/null
scan_all() { in_a "$DSA_SCAN" --run "$WORK/a/run" "$WORK/fs/demand" >"$WORK/scan.out" 2>&1; [ $? = 1 ]; }
check_until "a scan on demand finds them" 60 scan_all
check "every one" test "$(grep -c "^$WORK/fs/demand/.*: " "$WORK/scan.out")" = "$N"
finish
