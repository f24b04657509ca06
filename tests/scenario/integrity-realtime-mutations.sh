# seconds: 600
# Integrity Monitoring in real time against the truth: hundreds of random changes (thousands with SOAK=1) as fast as they can be
# made: through mappings, renaming over, hard links, O_TMPFILE, a bind mount, an overlay as containers have it, changed and
# changed back. Afterwards each path that was touched has its event, and what was told last is how things are.
. "$TOP/tests/scenario/lib.sh"
netns_pair
loop_fs "$WORK/fs" 256
SEED=${INTEGRITY_SEED:-$RANDOM}
OPERATIONS=400
[ -z "${SOAK:-}" ] || OPERATIONS=6000
echo "# seed $SEED"
cd "$WORK/fs" || exit 1
mkdir tree bind low up work merged
mount --bind tree bind && MOUNTS+=("$WORK/fs/bind")

cat >"$WORK/mutate.py" <<'PY'
import ctypes, hashlib, json, mmap, os, random, stat, sys
verb, top, work, seed = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
rnd = random.Random(seed if verb == "make" else seed + 1)
join = os.path.join
libc = ctypes.CDLL(None, use_errno=True)
NAMES = ["plain", "with space", "uml\u00e4ut", "dash-", "a.b", "quote'\"", "star*"]

def data():
    return rnd.randbytes(rnd.choice([0, 1, 100, 4096, 4097, 30000]))

def snap(p):
    """What the rules compare, and which file it is; None: nothing is there."""
    try:
        st = os.lstat(p)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(st.st_mode):
        return ["dir"]
    content = os.readlink(p) if stat.S_ISLNK(st.st_mode) else hashlib.sha256(open(p, "rb").read()).hexdigest()
    return [stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_size, st.st_mtime_ns, content, sorted(os.listxattr(p, follow_symlinks=False)), st.st_ino]

def tree(base):
    return {join(d, x): snap(join(d, x)) for d, ds, fs in os.walk(base) for x in ds + fs}

BASES = [join(top, x) for x in ("tree", "bind", "merged")]

def make():
    for base in (join(top, "tree"), join(top, "low")):
        dirs = [base]
        for i in range(12):
            dirs.append(join(rnd.choice(dirs), f"{rnd.choice(NAMES)}{i}"))
            os.mkdir(dirs[-1])
        for i in range(150):
            open(join(rnd.choice(dirs), f"{rnd.choice(NAMES)}.{i}"), "wb").write(data())

class Run:
    def __init__(self):
        self.written, self.touched = set(), set()

    def list(self, base):
        files, dirs = [], [base]
        for d, ds, fs in os.walk(base):
            dirs += [join(d, x) for x in ds]
            files += [join(d, x) for x in fs]
        return sorted(files), sorted(dirs)

    def note(self, *paths, written=False):
        for p in paths:
            # The same place by its two mounts.
            both = [p] + [p.replace(a, b, 1) for a, b in ((BASES[0] + "/", BASES[1] + "/"), (BASES[1] + "/", BASES[0] + "/")) if p.startswith(a)]
            self.touched.update(both)
            if written:
                self.written.update(both)
                # ... and by its other names.
                st = os.lstat(p)
                if st.st_nlink > 1:
                    for q, ino in self.inodes.items():
                        if ino == (st.st_dev, st.st_ino):
                            self.written.add(q); self.touched.add(q)

    def look(self, base):
        self.inodes = {}
        for b in BASES:
            for d, _, fs in os.walk(b):
                for f in fs:
                    st = os.lstat(join(d, f))
                    if st.st_nlink > 1:
                        self.inodes[join(d, f)] = (st.st_dev, st.st_ino)

    def all_names(self, p):
        """Whoever changes an attribute of one name changes those of the others."""
        st = os.lstat(p)
        self.note(p, *[q for q, ino in self.inodes.items() if ino == (st.st_dev, st.st_ino)])

    def step(self, i):
        base = rnd.choice(BASES)
        files, dirs = self.list(base)
        regular = [p for p in files if not os.path.islink(p)]
        if not regular:
            return
        p, d = rnd.choice(regular), rnd.choice(dirs)
        new = join(d, f"{rnd.choice(NAMES)}.new{i}")
        self.look(base)
        kind = rnd.choice(["write", "append", "mapping", "truncate", "over", "rename", "link", "tmpfile", "mode", "owner", "times", "attribute", "unlink", "create", "symlink", "back", "folder", "move", "remove", "same"])
        if kind == "write":
            open(p, "wb").write(data()); self.note(p, written=True)
        elif kind == "append":
            with open(p, "ab") as f:
                for _ in range(rnd.randrange(1, 20)):
                    f.write(b"line\n"); f.flush()
            self.note(p, written=True)
        elif kind == "mapping":
            if os.path.getsize(p) == 0:
                return
            f = os.open(p, os.O_RDWR)
            m = mmap.mmap(f, 0)
            os.close(f)
            m[rnd.randrange(len(m))] = rnd.randrange(256)
            m[0] = m[0] ^ 1
            m.close()
            self.note(p, written=True)
        elif kind == "truncate":
            os.truncate(p, os.path.getsize(p) // 2 + 1); self.note(p, written=True)
        elif kind == "over":
            temporary = join(os.path.dirname(p), f".tmp{i}")
            open(temporary, "wb").write(data())
            self.note(temporary); self.all_names(p)
            os.rename(temporary, p)
        elif kind == "rename":
            self.all_names(p); self.note(new); os.rename(p, new)
        elif kind == "link":
            self.all_names(p); self.note(new); os.link(p, new)
        elif kind == "tmpfile" and base != BASES[2]:
            f = os.open(d, os.O_TMPFILE | os.O_RDWR, 0o640)
            os.write(f, data() + b"x")
            self.note(new)
            if libc.linkat(-100, f"/proc/self/fd/{f}".encode(), -100, new.encode(), 0x400):
                raise OSError(ctypes.get_errno(), "linkat")
            os.close(f)
        elif kind == "mode":
            self.all_names(p); os.chmod(p, rnd.choice([0o600, 0o644, 0o755, 0o4711]))
        elif kind == "owner":
            self.all_names(p); os.chown(p, rnd.choice([1, 2, 7777]), rnd.choice([1, 7777]))
        elif kind == "times":
            self.all_names(p); os.utime(p, ns=(0, rnd.randrange(10 ** 18)))
        elif kind == "attribute":
            self.all_names(p); os.setxattr(p, "user.mark", rnd.randbytes(4)) if base != BASES[2] else os.chmod(p, 0o640)
        elif kind == "unlink":
            self.all_names(p); os.unlink(p)
        elif kind == "create":
            open(new, "wb").write(data()); self.note(new)
        elif kind == "symlink":
            os.symlink(rnd.choice(["nowhere", "/etc/passwd"]), new); self.note(new)
        elif kind == "back":
            b, st = open(p, "rb").read(), os.lstat(p)
            open(p, "ab").write(b"x")
            os.truncate(p, len(b))
            os.utime(p, ns=(st.st_atime_ns, st.st_mtime_ns))
            self.note(p, written=True)
        elif kind == "same":
            open(p, "rb").read(); open(p, "ab").close() # nothing is changed
            if base == BASES[2]:
                self.note(p) # but it was copied to the upper layer
        elif kind == "folder":
            os.mkdir(new); open(join(new, "inside"), "wb").write(data()); self.note(new, join(new, "inside"))
        elif kind == "move" and d != base and base != BASES[2]:
            to = join(base, f"moved{i}")
            for q in tree(d):
                self.note(q, to + q[len(d):])
            self.note(d, to)
            os.rename(d, to)
        elif kind == "remove" and d != base and rnd.random() < 0.3:
            for q in tree(d):
                self.note(q)
                if not os.path.isdir(q) and not os.path.islink(q):
                    self.all_names(q)
            self.note(d)
            for e, ds, fs in os.walk(d, topdown=False):
                for f in fs:
                    os.unlink(join(e, f))
                for x in ds:
                    q = join(e, x)
                    os.unlink(q) if os.path.islink(q) else os.rmdir(q)
            os.rmdir(d)

def change(n):
    run = Run()
    before = {b: tree(b) for b in BASES}
    for i in range(n):
        run.step(i)
    after = {b: tree(b) for b in BASES}
    flat = lambda t: {p: s for part in t.values() for p, s in part.items()}
    json.dump({"before": flat(before), "after": flat(after), "written": sorted(run.written), "touched": sorted(run.touched)}, open(join(work, "truth"), "w"))

def value(text):
    return int(text, 8) if text else None

def check():
    """The events (a line each on standard input) against the truth; says what is wrong."""
    truth = json.load(open(join(work, "truth")))
    before, after = truth["before"], truth["after"]
    # As the program shows what is no plain text.
    safe = lambda p: "".join(f"\\x{ord(c):02X}" if ord(c) < 32 or c == "\\" else c for c in p)
    told, last = {}, {}
    for line in sys.stdin:
        e = json.loads(line)
        state = dict(told.pop(e["PreviousKey"], {})) if e.get("PreviousKey") else told.get(e["Key"], {})
        state.update(json.loads(e.get("After") or "{}"))
        if e.get("PreviousKey"):
            last[e["PreviousKey"]] = "Deleted"
        told[e["Key"]], last[e["Key"]] = state, e["ChangeString"]
    wrong = []
    files = lambda s: s is not None and s != ["dir"]
    for p in sorted(set(before) | set(after) | set(truth["touched"])):
        b, a, k = before.get(p), after.get(p), safe(p)
        if not files(a) and not files(b) and k in last and last[k] != "Deleted" and a is None:
            wrong.append(f"{k}: told last as {last[k]}, but it is not there")
        needs = (files(b) or files(a)) and (b != a or p in truth["written"])
        if needs and k not in last:
            wrong.append(f"{k}: no event: {b} -> {a}")
        if not needs and k in last and p not in truth["touched"]:
            wrong.append(f"{k}: {last[k]} was told of what nobody touched")
        if k not in last or not files(a):
            if k in last and a is None and last[k] != "Deleted":
                wrong.append(f"{k}: it is gone, told last as {last[k]}")
            continue
        if last[k] == "Deleted":
            wrong.append(f"{k}: it is there, told last as deleted")
            continue
        state = told[k]
        for name, real in (("size", str(a[4])), ("sha256", a[6]), ("permissions", f"{a[1]:04o}")):
            if name in state and not (name == "sha256" and a[0] != stat.S_IFREG) and not state[name].startswith(real):
                wrong.append(f"{k}: {name} was told as {state[name]}, it is {real}")
    wrong += [f"{k}: {last[k]} was told, and there never was such a path" for k in last
              if not any(k == safe(p) for p in (set(before) | set(after) | set(truth["touched"])))]
    print("\n".join(wrong[:20]))
    sys.exit(bool(wrong))

make() if verb == "make" else change(int(sys.argv[5])) if verb == "change" else check()
PY
im_events() { # all of them, page by page
	local last=0 page
	while :; do
		page=$(api POST /events/integritymonitoring/search "{\"maxItems\":5000,\"searchCriteria\":[{\"idValue\":$last,\"idTest\":\"greater-than\"}],\"sortByObjectID\":true}")
		jq -c '.integrityMonitoringEvents[]?' <<<"$page"
		last=$(jq -r '[.integrityMonitoringEvents[]?.ID] | max // empty' <<<"$page")
		[ -n "$last" ] || return 0
	done
}
watching() { dsa_query -c GetAgentStatus | grep -qx 'AgentStatus.modules.integritymonitoring.message: On, Real Time'; }
exact() { im_events >"$WORK/events" && python3 "$WORK/mutate.py" check "$WORK/fs" "$WORK" "$SEED" <"$WORK/events" >"$WORK/wrong"; }

check "a tree is made" python3 "$WORK/mutate.py" make "$WORK/fs" "$WORK" "$SEED"
mount -t overlay overlay -o lowerdir=low,upperdir="$WORK/fs/up",workdir="$WORK/fs/work" merged && MOUNTS+=("$WORK/fs/merged")
cd "$WORK" || exit 1
manager_setup && manager_start && sign_in || not_ok "the manager starts"
check "the agent starts" agent_start a "$WORK/fs"
check "the agent is activated" agent_activate watched
RULE=$(api POST /integritymonitoringrules "{\"name\":\"all\",\"severity\":\"high\",\"template\":\"custom\",\"customXML\":\"<FileSet base='$WORK/fs/tree'/><FileSet base='$WORK/fs/bind'/><FileSet base='$WORK/fs/merged'/>\"}" | jq '.ID // empty')
base_policy "{\"integrityMonitoring\":{\"state\":\"real-time\",\"ruleIDs\":[$RULE]}}" >/dev/null
check_until "real time watches" 60 watching
check "hundreds of changes are made" python3 "$WORK/mutate.py" change "$WORK/fs" "$WORK" "$SEED" "$OPERATIONS"
check_until "each path that was touched has its event, and what was told last is how things are" 120 exact
head -n 20 "$WORK/wrong" | sed 's/^/# /'
told=$(wc -l <"$WORK/events")
echo "# $OPERATIONS changes, $told events"
check "hundreds of events were told" test "$told" -ge $((OPERATIONS / 3))
check "a scan afterwards ends" eval 'JOB=$(api POST "/computers/$(api GET /computers | jq ".computers[0].ID")/integrityscan" "{}" | jq .ID) && until_ok 60 eval "api GET /jobs/\$JOB | jq -e \".state == \\\"done\\\"\""'
check "and finds nothing that was not told" eval 'im_events | tail -n +$((told + 1)) >"$WORK/more"; [ ! -s "$WORK/more" ]'
jq -r '"# " + .ChangeString + " " + .Key + ": " + (.Description // "")' "$WORK/more" | head -n 10
finish
