# alone
# Without --protect an agent watches the local file systems of its host and of every other mount namespace. Its host is
# made up here: a PID and mount namespace whose root is an overlay of its own, so that nothing of the real host is marked.
. "$TOP/tests/scenario/lib.sh"
netns_pair
loop_fs "$WORK/disk" 256
mkdir -p "$WORK/disk/upper" "$WORK/disk/work" "$WORK/disk/root" "$WORK/a" "$WORK/box"
manager_setup && manager_start && sign_in || not_ok "the manager starts"

# Becomes the made-up host's first process: the agent in it, and boxes on request.
cat >"$WORK/host.sh" <<'END'
set -eu
root=$WORK/disk/root
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/disk/upper,workdir=$WORK/disk/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --make-rprivate "$root/dev"
mount -t tmpfs -o size=64m state "$root$WORK/a"
mkdir -p "$root/old"
cd "$root"
pivot_root . old
umount -l /old
exec "$AGENT" --etc "$WORK/a/etc" --lib "$WORK/a/lib" --run "$WORK/a/run" --signatures "$TOP/content/antimalware/signatures"
END
export AGENT
ip netns exec "$NS_A" unshare -m -p -f --kill-child bash "$WORK/host.sh" >>"$WORK/a.log" 2>&1 &
PIDS+=("$!")
outer=$!
guard() { pgrep -P "$outer" | head -n 1; }
until_ok 30 test -n "$(guard)"
HOST=$(guard)
inside() { nsenter -t "$HOST" -m -p -n --wd=/ "$@"; }
check_until "the agent starts in a host of its own" 30 inside test -S "$WORK/a/run/control.sock"
only_ours() { ! inside cat /proc/self/mountinfo | awk '{print $5, $0}' | grep -vE '^/(proc|dev)| - (overlay|tmpfs) ' | grep -q .; }
only_ours || { not_ok "that host has only the overlay and its own tmpfs"; finish; }
activate() {
	# shellcheck disable=SC2046
	inside "$DSA_CONTROL" --run "$WORK/a/run" $(activation_words) displayname:spaces
}
check "the agent is activated" activate
base_policy '{"antiMalware":{"state":"on"}}' >/dev/null

in_denied() { # COMMAND...: writes the test string to a file in there and cannot read it back
	eicar | "$@" sh -c 'cat >"$0" 2>/dev/null; [ -e "$0" ] && ! cat "$0" 2>/dev/null | grep -q EICAR' "$FILE"
}
FILE=/probe.com
check_until "its root is protected" 30 in_denied inside
# A container of the simplest kind: a mount namespace with a file system that nobody else sees.
inside unshare -m --propagation private sh -c "mount -t tmpfs -o size=8m hidden /mnt && exec sleep 600" &
PIDS+=("$!")
box() { inside pgrep -x sleep | head -n 1; }
until_ok 10 test -n "$(box)"
BOX=$(box)
in_box() { inside nsenter -t "$BOX" -m --wd=/ "$@"; }
check_until "the other namespace has its own file system" 10 in_box mountpoint -q /mnt
unseen() { ! inside mountpoint -q /mnt; }
check "which the host does not see" unseen
FILE=/mnt/evil.com
check_until "a file system of another namespace is protected" 30 in_denied in_box
told() { [ "$(am_count /mnt/evil.com)" -ge 1 ]; }
check_until "and the event says where" 20 told

# It is quarantined out of the container and restored into it.
api POST /antimalwareconfigurations/1 '{"customRemediationActionsEnabled":true,"scanActionForVirus":"quarantine"}' >/dev/null
taken() {
	eicar | in_box sh -c 'rm -f /mnt/taken.com; cat >/mnt/taken.com' 2>/dev/null
	sleep 0.5
	! in_box test -e /mnt/taken.com
}
check_until "a file of the container is quarantined" 30 taken
# A writer that was too fast leaves several: the first is restored.
kept() { api GET /identifiedfiles | jq -r '[.identifiedFiles[] | select(.path == "/mnt/taken.com" and .state == "quarantined")][0].ID // empty'; }
until_ok 10 test -n "$(kept)"
KEPT=$(kept)
check_until "and the list has it" 10 test -n "$KEPT"
api POST "/identifiedfiles/$KEPT/restore" '{}' >"$WORK/restore.json"
restored() { in_box sh -c 'grep -q EICAR /mnt/taken.com'; }
check_until "it is restored into the container" 20 restored

# Only what the policy names.
inside mkdir -p /srv/only
inside mount -t tmpfs -o size=8m only /srv/only
api POST /policies/1/settings/antiMalwareSettingRealTimeMounts '{"value":"/srv/only"}' >/dev/null
FILE=/mnt/free.com
in_free() { eicar | in_box sh -c 'cat >"$0"; cat "$0" | grep -q EICAR' "$FILE"; }
check_until "file systems that the policy does not name are left alone" 30 in_free
FILE=/srv/only/probe.com
check_until "and the named one is protected" 30 in_denied inside
finish
