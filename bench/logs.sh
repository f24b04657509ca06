#!/bin/bash
# Log Inspection over a corpus, side by side with a bare loop (split, pre-decode, one literal scan, JSON out) and with the
# evaluation of the same patterns line by line by PCRE2, on one core, in turn within each round; medians and ratios.
#   bench/logs.sh [DECODERS RULES]    another rule set than the generated one; BENCH_LINES=1000000, BENCH_ROUNDS=5
set -eu
TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=$TOP/build/release
WORK=$BUILD/bench-logs
LINES=${BENCH_LINES:-1000000}
mkdir -p "$WORK"
rm -rf "$WORK/numbers" "$WORK/table"
mkdir "$WORK/numbers"
. "$TOP/bench/lib.sh"
ninja -C "$BUILD" src/cli/yagura >/dev/null
gcc -O2 -D_GNU_SOURCE $(pkg-config --cflags libhs) -o "$WORK/logs" "$TOP/bench/logs.c" -lhs -lpcre2-8
[ -s "$WORK/corpus" ] && [ "$(wc -l <"$WORK/corpus")" = "$LINES" ] && [ ! "$TOP/bench/logs/generate.py" -nt "$WORK/corpus" ] ||
	python3 "$TOP/bench/logs/generate.py" "$WORK" "$LINES"
DECODERS=${1:-$WORK/decoders}
RULES=${2:-$WORK/rules}
# What the rules look for, as texts and as expressions.
python3 - "$RULES" "$WORK" <<'PY'
import glob, os, re, sys
texts, patterns = set(), []
for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.xml"))):
    for kind, body in re.findall(r"<(match|regex|pcre2)\b[^>]*>(.*?)</\1>", open(path, errors="replace").read(), re.S):
        if kind == "match":
            words = [w for w in body.split("|")]
            texts |= {w.strip("^$") for w in words if len(w.strip("^$")) > 2}
            patterns.append("|".join(("^" if w.startswith("^") else "") + re.escape(w.strip("^$")) for w in words))
        elif kind == "pcre2":
            patterns.append(body)
        else:
            body = body.replace("\\S", "[^ ]").replace("\\.", ".").replace("\\w", "[\\w@-]").replace("\\p", "[[:punct:]]")
            patterns.append(body)
open(sys.argv[2] + "/texts", "w").write("".join(t + "\n" for t in sorted(texts)))
open(sys.argv[2] + "/patterns", "w").write("".join(p + "\n" for p in patterns if "\n" not in p))
PY
head -n 20000 "$WORK/corpus" >"$WORK/some"
# Processor time, so that a busy machine changes little.
# cpu FILE COMMAND...: seconds of it, with FILE as input; its output goes nowhere.
cpu() {
	local input=$1
	shift
	taskset -c 0 /usr/bin/env time -f '%U %S %M' -o "$WORK/used" "$@" <"$input" >/dev/null 2>"$WORK/said"
	awk '{ print $1 + $2 }' "$WORK/used"
}
ours() { cpu "$1" "$BUILD/src/cli/yagura" logs --decoders "$DECODERS" --rules "$RULES"; }
bare() { cpu "$1" "$WORK/logs" bare "$WORK/texts"; }
pcre2() { cpu "$1" "$WORK/logs" pcre2 "$WORK/patterns"; }
: >"$WORK/nothing"
for ((i = 0; i < ROUNDS; i++)); do
	# Loading the rule set is subtracted: it happens once.
	for who in bare pcre2 ours; do
		corpus=$WORK/corpus n=$LINES
		[ $who = pcre2 ] && corpus=$WORK/some n=20000
		note "load.$who" "$($who "$WORK/nothing")"
		note "$who" "$(awk -v n="$n" -v all="$($who "$corpus")" -v load="$(tail -n 1 "$WORK/numbers/load.$who")" 'BEGIN { printf "%.0f", n / (all - load) }')"
	done
	note memory "$(awk '{ print $3 / 1024 }' "$WORK/used")"
done
"$BUILD/src/cli/yagura" logs --decoders "$DECODERS" --rules "$RULES" <"$WORK/some" >"$WORK/answers" 2>/dev/null
say "$LINES lines of $(($(stat -c %s "$WORK/corpus") / LINES)) bytes, $(awk '!/"rule":null/ && !/"level":0/ { n++ } END { printf "%.0f %%", 100 * n / NR }' "$WORK/answers") of them alert; $(cat "$RULES"/*.xml | grep -o '<rule ' | wc -l) rules, $(cat "$DECODERS"/*.xml | grep -o '<decoder ' | wc -l) decoders; loading takes $(median load.ours) s"
say "lines a second: Log Inspection $(median ours) ($(spread ours)), bare loop $(median bare) ($(spread bare)), PCRE2 line by line $(median pcre2)"
row "log inspection, lines a second to the bare loop's" "$(ratio "$(median ours)" "$(median bare)")" least 0.45
row "    to PCRE2 line by line" "$(ratio "$(median ours)" "$(median pcre2)")" least 10
row "    memory, MB" "$(median memory)" most 35
cat "$WORK/table"
