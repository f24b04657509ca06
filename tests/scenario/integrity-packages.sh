# Integrity Monitoring: an upgrade of many packages (50; SOAK=1: 200), into a root of its own, is one group and no flood; what was changed beside it, or
# is not what the package holds, is told by itself.
. "$TOP/tests/scenario/lib.sh"
YAGURA=$(program yagura)
ROOT=$WORK/root
N=${INTEGRITY_PACKAGES:-$([ -n "${SOAK:-}" ] && echo 200 || echo 50)}
mkdir -p "$ROOT"/var/lib/dpkg/{info,updates,triggers} "$ROOT/var/log" "$WORK/debs"
: >"$ROOT/var/lib/dpkg/status"
: >"$ROOT/var/lib/dpkg/available"

# build VERSION: the packages, with a program, a library behind a link, a setting and a page each.
build() {
	local i dir
	for i in $(seq "$N"); do
		dir=$WORK/build/p$i
		rm -rf "$dir"
		mkdir -p "$dir"/DEBIAN "$dir"/usr/{bin,lib/p"$i",share/doc/p"$i"} "$dir/etc/p$i"
		echo "program $i $1" >"$dir/usr/bin/p$i"
		chmod 755 "$dir/usr/bin/p$i"
		echo "library $i $1" >"$dir/usr/lib/p$i/lib.so.1.$1"
		ln -s "lib.so.1.$1" "$dir/usr/lib/p$i/lib.so.1"
		echo "setting $1" >"$dir/etc/p$i/p.conf"
		echo "page $1" >"$dir/usr/share/doc/p$i/readme"
		printf 'Package: p%s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: for a test\n' "$i" "$1" >"$dir/DEBIAN/control"
		echo "/etc/p$i/p.conf" >"$dir/DEBIAN/conffiles"
		(cd "$dir" && find usr -type f -exec md5sum {} + >DEBIAN/md5sums)
		dpkg-deb --root-owner-group -Znone -b "$dir" "$WORK/debs/p${i}_$1.deb" >/dev/null || return 1
	done
}
installed() { dpkg --root="$ROOT" --log="$ROOT/var/log/dpkg.log" --force-unsafe-io --force-bad-path -i "$WORK"/debs/*_"$1".deb >"$WORK/dpkg.$1" 2>&1; }
files() { "$YAGURA" files "$@" --rules "$WORK/rules.xml" --baseline "$WORK/baseline" --packages "$ROOT" --json >"$WORK/out" 2>"$WORK/errors"; }
groups() { jq -s '[.[] | select(.cause)]' "$WORK/out"; }
alone() { jq -s '[.[] | select(.change)]' "$WORK/out"; }
summary() { jq -s '.[] | select(.summary)' "$WORK/out"; }

cat >"$WORK/rules.xml" <<XML
<IntegrityMonitoring><Rule name="system" severity="high">
  <FileSet base="$ROOT"/><DirectorySet base="$ROOT"><attributes><Permissions/><Owner/><LastModified/></attributes></DirectorySet>
</Rule></IntegrityMonitoring>
XML
check "$N packages are built" build 1
check "and installed" installed 1
files init
check "a baseline is made" test "$(summary | jq '.entities')" -gt $((N * 5))
check "the new versions are built" build 2
check "and installed over the old ones" installed 2

files check
check "the upgrade is one group" jq -e 'length == 1 and .[0].cause == "package"' <<<"$(groups)"
check "that counts every file" jq -e --argjson n "$N" '.[0].changes >= 4 * $n and (.[0].text | test("[0-9]+ packages"))' <<<"$(groups)"
check "and names packages with both versions" jq -e '.[0].text | test("p[0-9]+:all 1 -> 2")' <<<"$(groups)"
check "with what the old versions had and the new ones have not" jq -e --argjson n "$N" '.[0].deleted == $n' <<<"$(groups)"
check "and nothing is told beside it" test "$(alone | jq length)" = 0

# An intruder in the same minutes.
echo backdoor >>"$ROOT/usr/bin/p1"
chmod u+s "$ROOT/usr/bin/p2"
echo new >"$ROOT/usr/bin/not-of-a-package"
ln -sfn /tmp/elsewhere "$ROOT/usr/lib/p3/lib.so.1"
rm "$ROOT/usr/bin/p4"
echo PermitRootLogin >>"$ROOT/etc/p5/p.conf"
files check
for what in "usr/bin/p1 updated" "usr/bin/p2 updated" "usr/bin/not-of-a-package created" "usr/lib/p3/lib.so.1 updated" "usr/bin/p4 deleted" "etc/p5/p.conf updated"; do
	check "told by itself: ${what#* } ${what% *}" jq -e --arg k "$ROOT/${what% *}" 'any(.[]; .key == $k)' <<<"$(alone)"
done
check "and nothing else more" test "$(alone | jq length)" = 6
check "the rest is still one group" test "$(groups | jq length)" = 1
finish
