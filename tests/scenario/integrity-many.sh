# Integrity Monitoring of many files: the baseline is built in bounded memory and holds each file in at most 200 bytes; a check of
# what nobody touched reads none of them. INTEGRITY_FILES: how many (make soak: 5,000,000).
# seconds: 900
. "$TOP/tests/scenario/lib.sh"
YAGURA=$(program yagura)
N=${INTEGRITY_FILES:-$([ -n "${SOAK:-}" ] && echo 5000000 || echo 100000)}
# Inodes and directories of that many files, and nothing in them.
truncate -s $((N / 2000 + 512))M "$WORK/fs.img"
mkfs.ext4 -q -F -I 256 -N $((N + N / 200 + 1000)) "$WORK/fs.img" && mkdir -p "$WORK/fs" && mount -o loop "$WORK/fs.img" "$WORK/fs" || not_ok "a file system"
MOUNTS+=("$WORK/fs")
python3 - "$WORK/fs" "$N" <<'PY'
import os, sys
top, n = sys.argv[1], int(sys.argv[2])
for i in range(n):
    folder = f"{top}/{i // 500:05d}"
    if i % 500 == 0:
        os.mkdir(folder)
    os.close(os.open(f"{folder}/file-{i:07d}.dat", os.O_CREAT | os.O_WRONLY, 0o644))
PY
printf '<FileSet base="%s"/>' "$WORK/fs" >"$WORK/rules.xml"
# measured VERB...: `yagura files`, and the most anonymous memory that it had, in KiB. Freed memory is not held back for the sanitizer.
measured() {
	ASAN_OPTIONS=quarantine_size_mb=1:detect_leaks=0 "$YAGURA" files "$@" --rules "$WORK/rules.xml" --baseline "$WORK/baseline" --json >"$WORK/out" 2>"$WORK/errors" &
	local pid=$! now most=0
	while now=$(awk '/^RssAnon/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
		[ "$now" -gt "$most" ] && most=$now
		sleep 0.05
	done
	wait "$pid"
	STATUS=$?
	MOST=$most
}
member() { jq -s --arg m "$1" '[.[] | select(.summary)][0][$m]' "$WORK/out"; }
measured init
check "a baseline of $N files is made" test "$STATUS" = 0 -a "$(member entities)" -ge "$N"
echo "# $MOST KiB, $(stat -c %s "$WORK/baseline") bytes"
check "in at most 200 MB" test "$MOST" -gt 0 -a "$MOST" -le 204800
check "that takes at most 200 bytes a file" test "$(stat -c %s "$WORK/baseline")" -le $((N * 200))
sleep 0.1 # the grain of the file system's clock
measured check --update
measured check
check "a check finds no change" test "$STATUS" = 0
check "and reads no file" test "$(member filesRead)" = 0
check "in at most 200 MB" test "$MOST" -le 204800
echo more >>"$WORK/fs/00000/file-0000007.dat"
measured check
check "one change among them is found" test "$STATUS" = 1 -a "$(member changes)" = 1
finish
