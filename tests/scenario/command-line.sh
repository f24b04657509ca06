# `yagura malware` on real files: what ClamAV's own scanner finds with the same signatures, clean files of /usr,
# signature files that are wrong.
. "$TOP/tests/scenario/lib.sh"
YAGURA=$(program yagura)
SIGNATURES=$TOP/content/antimalware/signatures
TESTFILES=/usr/share/clamav-testfiles

clamscan -i --no-summary -d "$SIGNATURES/eicar.ndb" -d "$SIGNATURES/clamav-test.hdb" "$TESTFILES" 2>/dev/null | sed 's/: .*//' | sort >"$WORK/peer"
"$YAGURA" malware --signatures "$SIGNATURES" --max-files 1000 --max-levels 20 --max-size 100 --json "$TESTFILES" >"$WORK/found" 2>"$WORK/said"
check "the exit status says that something was found" test $? = 1
jq -r .path "$WORK/found" | sort >"$WORK/ours"
check "the peer finds the test files at all" test "$(wc -l <"$WORK/peer")" -ge 40
check "what clamscan detects is detected" test -z "$(comm -23 "$WORK/peer" "$WORK/ours")"
check "each line of --json is one object with path, name and engine" \
	test "$(jq -c 'select(.path and .name and .engine)' "$WORK/found" | wc -l)" = "$(wc -l <"$WORK/ours")"

find /usr -xdev -type f -size -200k -not -path "$TESTFILES/*" -print0 2>/dev/null | head -z -n "${CLEAN_FILES:-3000}" | xargs -0 "$YAGURA" malware --signatures "$SIGNATURES" >"$WORK/clean" 2>&1
check "clean files of /usr give no detection" test $? != 1
check "they were read" grep -q ' 0 found' "$WORK/clean"

mkdir "$WORK/bad"
cp "$SIGNATURES/eicar.ndb" "$WORK/bad/"
echo 'this is no signature' >"$WORK/bad/broken.ndb"
echo 'rule broken { condition: nothing }' >"$WORK/bad/broken.yar"
eicar >"$WORK/eicar.com"
"$YAGURA" malware --signatures "$WORK/bad" "$WORK/eicar.com" >"$WORK/bad.out" 2>"$WORK/bad.err"
check "the signatures that are right still detect" grep -q Eicar "$WORK/bad.out"
check "a wrong signature file is named" grep -q 'broken.ndb' "$WORK/bad.err"
check "a wrong rule is named with its line" grep -q 'broken.yar line 1' "$WORK/bad.err"
"$YAGURA" malware --signatures "$WORK/nowhere" "$WORK/eicar.com" >/dev/null 2>&1
check "without signatures nothing looks clean" test $? = 2
mkdir "$WORK/zip" && eicar >"$WORK/zip/a.com"
(cd "$WORK" && tar czf 1.tgz zip && tar czf 2.tgz 1.tgz && tar czf 3.tgz 2.tgz)
"$YAGURA" malware --signatures "$SIGNATURES" "$WORK/1.tgz" >/dev/null 2>&1
check "an archive is looked into" test $? = 1
"$YAGURA" malware --signatures "$SIGNATURES" "$WORK/3.tgz" >/dev/null 2>"$WORK/deep"
check "an archive over the limit does not look clean" grep -q 'not scanned completely' "$WORK/deep"
finish
