# The Debian packages: they build, hold what they must, and their programs run from where they are unpacked.
. "$TOP/tests/scenario/lib.sh"
case $BUILD in */release) ;; *) ok "packages are built from the release sources only"; finish ;; esac
check "the packages are built" "$TOP/tools/package"
for p in agent manager; do
	deb=$(find "$TOP/build/packages" -name "yagura-${p}_*.deb")
	check "yagura-$p is a package" dpkg-deb -x "$deb" "$WORK/$p"
	dpkg-deb -e "$deb" "$WORK/$p.control"
	check "yagura-$p names the libraries that it needs" grep -q '^Depends:.*libc6.*libgnutls30' "$WORK/$p.control/control"
	for script in postinst prerm postrm; do
		check "its $script is a shell script" sh -n "$WORK/$p.control/$script"
	done
	check "its unit starts what is in it" test -x "$WORK/$p$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$WORK/$p/usr/lib/systemd/system/yagura-$p.service")"
	users=$(grep -hoE '"yagura-[a-z]+"' "$TOP/src/$p"/procs.c "$TOP/src/$p"/*/worker.c 2>/dev/null | tr -d '"' | sort -u | grep -vx yagura-$p)
	for u in $users; do
		grep -q "^u $u " "$WORK/$p/usr/lib/sysusers.d/yagura-$p.conf" || [ "$u" = "yagura-scan" ] || not_ok "yagura-$p makes the user $u"
	done
done
says() { "$1" --version | grep -q 0.1; }
check "the agent's program says its version" says "$WORK/agent/usr/bin/yagura-agent"
check "the manager's program says its version" says "$WORK/manager/usr/bin/yagura-manager"
check "the manager brings the agent's package" test -f "$WORK"/manager/usr/share/yagura/software/yagura-agent_*.deb
check "and the console" test -f "$WORK/manager/usr/share/yagura/console/index.html"
check "dsa_control is where scripts look for it" test -L "$WORK/agent/opt/ds_agent/dsa_control"
eicar >"$WORK/eicar.com"
"$WORK/agent/usr/bin/yagura" malware --signatures "$WORK/agent/usr/share/yagura/antimalware/signatures" "$WORK/eicar.com" >/dev/null 2>&1
check "the signatures in the package find the test file" test $? = 1
finish
