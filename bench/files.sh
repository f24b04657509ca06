#!/bin/bash
# bench/files.sh: `yagura files` beside Debian's AIDE on the same trees, with the same hash and attributes, warm cache, in
# turn within each round: a baseline, a full check that reads everything, an ordinary check of an unchanged tree, and the
# memory of each. Medians, printed as ratios with their goals; it never fails for being slow.
#   FILES_TREES="/usr /etc", FILES_ROUNDS=3
set -eu
cd "$(dirname "$0")/.."
TOP=$PWD
tools/install-deps build bench
PATH=$(tools/node-path):$PATH tools/build release
YAGURA=$TOP/build/release/src/cli/yagura
read -ra trees <<<"${FILES_TREES:-/usr /etc}"
WORK=$(mktemp -d "${TMPDIR:-/tmp}/yagura-bench-files.XXXXXX")
trap 'rm -rf "$WORK"' EXIT

# Type, times, permissions, owner, group, size, blocks, inode, links, link target, ACL, attributes, flags, SHA-256.
{
	printf 'database_in=file:%s/aide.old\ndatabase_out=file:%s/aide.new\ngzip_dbout=no\nreport_url=file:%s/aide.report\n' "$WORK" "$WORK" "$WORK"
	printf 'num_workers=%s\n' "$(nproc)"
	for tree in "${trees[@]}"; do printf '%s ftype+p+u+g+s+b+m+c+i+n+l+acl+xattrs+e2fsattrs+sha256\n' "$tree"; done
} >"$WORK/aide.conf"
{
	attributes='<attributes><STANDARD/><StatusChanged/><InodeNumber/><HardLinks/><BlocksAllocated/></attributes>'
	echo '<IntegrityMonitoring><Rule name="bench">'
	for tree in "${trees[@]}"; do
		printf '<FileSet base="%s">%s</FileSet><DirectorySet base="%s">%s</DirectorySet>\n' "$tree" "$attributes" "$tree" "$attributes"
	done
	echo '</Rule></IntegrityMonitoring>'
} >"$WORK/rules.xml"

# measure NAME PROGRAM ...: a line "NAME seconds processor-seconds KiB" of anonymous memory at its highest: mapped files are
# the cache's.
cat >"$WORK/measure.py" <<'PY'
import resource, subprocess, sys, time
def anonymous(pid):
    try:
        with open(f"/proc/{pid}/status") as f:
            return next((int(l.split()[1]) for l in f if l.startswith("RssAnon")), 0)
    except OSError:
        return 0
name, most = sys.argv[1], 0
start = time.monotonic()
child = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while child.poll() is None:
    most = max(most, anonymous(child.pid))
    time.sleep(0.005)
took = time.monotonic() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{name} {took:.3f} {used.ru_utime + used.ru_stime:.3f} {most}", flush=True)
PY
measure() { python3 "$WORK/measure.py" "$@" | tee -a "$WORK/numbers" >&2; }

echo "# $(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg), $(find "${trees[@]}" -xdev | wc -l) files in ${trees[*]}"
find "${trees[@]}" -xdev -type f -exec cat {} + >/dev/null 2>&1 || true
for _ in $(seq "${FILES_ROUNDS:-3}"); do
	rm -f "$WORK/aide.new"
	measure aide-baseline aide --config "$WORK/aide.conf" --init
	measure ours-baseline "$YAGURA" files init --rules "$WORK/rules.xml" --baseline "$WORK/baseline"
	mv "$WORK/aide.new" "$WORK/aide.old"
	measure aide-check aide --config "$WORK/aide.conf" --check
	measure ours-reread "$YAGURA" files check --reread --rules "$WORK/rules.xml" --baseline "$WORK/baseline"
	measure ours-check "$YAGURA" files check --rules "$WORK/rules.xml" --baseline "$WORK/baseline"
done
entries=$("$YAGURA" files check --rules "$WORK/rules.xml" --baseline "$WORK/baseline" --json | sed -n 's/.*"entities": *\([0-9]*\).*/\1/p' | tail -n 1)
size=$(stat -c %s "$WORK/baseline")

# median NAME COLUMN
median() { awk -v n="$1" -v c="$2" '$1 == n { print $c }' "$WORK/numbers" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
row() { # WHAT OURS THEIRS GOAL (ours / theirs is at most 1/GOAL)
	awk -v what="$1" -v a="$2" -v b="$3" -v goal="$4" 'BEGIN {
		printf "%-52s 1/%-8.1f at most 1/%-4s %s   (%s / %s)\n", what, b / a, goal, (b / a >= goal) ? "met" : "MISSED", a, b }'
}
row "baseline, seconds, to AIDE's" "$(median ours-baseline 2)" "$(median aide-baseline 2)" 3
row "full check that reads everything, to AIDE's" "$(median ours-reread 2)" "$(median aide-check 2)" 5
row "ordinary check of an unchanged tree, to AIDE's" "$(median ours-check 2)" "$(median aide-check 2)" 50
row "memory of a baseline, KiB, to AIDE's" "$(median ours-baseline 4)" "$(median aide-baseline 4)" 4
row "memory of a check, KiB, to AIDE's" "$(median ours-reread 4)" "$(median aide-check 4)" 4
awk -v n="$entries" -v s="$size" 'BEGIN { v = s / n; printf "%-52s %-10.1f at most 200    %s\n", "bytes of the baseline a file", v, (v <= 200) ? "met" : "MISSED" }'
