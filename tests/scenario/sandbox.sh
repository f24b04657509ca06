# From inside the processes that read strangers' bytes, as one who has taken them over: what they must not have is
# refused by the kernel.
. "$TOP/tests/scenario/lib.sh"
INSIDE=$(find "$BUILD/tests" -name inside -type f -perm -u+x | head -n 1)
up 64
AM_FILE=$WORK/fs/kept
echo kept >"$AM_FILE"

# try GUARD ROW CALL [TEXT]: what came of it.
try() { "$INSIDE" "$(children "$1" "$2" | head -n 1)" "$3" "${4:-}" 2>&1; }
may() { local r; r=$(try "$@"); [ "${r%% *}" = ok ] || { echo "$2 $3: $r"; return 1; }; }
# A process that the filter ends has not got it either.
may_not() { local r; r=$(try "$@"); case $r in refused\ E[PARNI]*|refused\ ENOENT|"ended by signal 31") ;; *) echo "$2 $3 ${4:-}: $r"; return 1 ;; esac; }

workers() { children "$1" "$2" | head -n 1; }
: >"$WORK/said"
refuses() { # GUARD ROW: each line of standard input is a call and its text
	local guard=$1 row=$2 call text n=0
	may "$guard" "$row" getpid >>"$WORK/said" || { not_ok "the way into $row works" "$(tail -n 1 "$WORK/said")"; return; }
	while read -r call text; do
		until_ok 20 test -n "$(workers "$guard" "$row")"
		if ! may_not "$guard" "$row" "$call" "$text" >>"$WORK/said"; then not_ok "$row is refused $call $text" "$(tail -n 1 "$WORK/said")"; fi
		n=$((n + 1))
	done
	ok "$row: $n things that it must not do were tried from inside"
}
refuses "$AGENT_PID" scan <<END
read-file /etc/passwd
read-file /proc/1/environ
read-file $AM_FILE
make-file $WORK/from-scan
socket-inet
socket-unix
exec /bin/sh
trace-parent $AGENT_PID
kill $AGENT_PID
mount /
unshare
become-root
bpf
fanotify
END
refuses "$AGENT_PID" comms <<END
read-file /etc/shadow
read-file $WORK/m/lib/yagura.db
read-file $AM_FILE
make-file $WORK/from-comms
make-folder $WORK/a/lib/spool/x
socket-packet
exec /bin/sh
trace-parent $AGENT_PID
kill $AGENT_PID
mount /
unshare
become-root
bpf
fanotify
END
check "comms may open a socket" may "$AGENT_PID" comms socket-inet
refuses "$AGENT_PID" files <<END
write-file $AM_FILE
make-file $WORK/fs/from-files
socket-inet
socket-unix
exec /bin/sh
kill $AGENT_PID
mount /
become-root
bpf
END
refuses "$AGENT_PID" spool <<END
read-file /etc/passwd
socket-inet
exec /bin/sh
kill $AGENT_PID
become-root
END
refuses "$MANAGER_PID" front <<END
read-file $WORK/m/lib/yagura.db
read-file /etc/shadow
make-file $WORK/from-front
exec /bin/sh
trace-parent $MANAGER_PID
kill $MANAGER_PID
become-root
bpf
END
refuses "$MANAGER_PID" core <<END
read-file /etc/shadow
make-file $WORK/from-core
socket-inet
exec /bin/sh
kill $MANAGER_PID
become-root
END
refuses "$MANAGER_PID" ca <<END
read-file $WORK/m/lib/yagura.db
read-file /etc/passwd
socket-inet
socket-unix
exec /bin/sh
kill $MANAGER_PID
become-root
END
check "nothing was made outside" test -z "$(find "$WORK" "$WORK/fs" -maxdepth 1 -name 'from-*')"
check "the agent and the manager still run" eval 'kill -0 $AGENT_PID && kill -0 $MANAGER_PID'
check_until "and protect" 30 denied "$WORK/fs/after.com"
finish
