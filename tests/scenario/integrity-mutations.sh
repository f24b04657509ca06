# Integrity Monitoring against the truth and against AIDE: hundreds of random changes of every kind on a file system of our
# own; what `yagura files` tells is exactly what was done, and every path that AIDE tells of is told.
. "$TOP/tests/scenario/lib.sh"
loop_fs "$WORK/fs" 96
YAGURA=$(program yagura)
SEED=${INTEGRITY_SEED:-$RANDOM}
echo "# seed $SEED"

cat >"$WORK/rules.xml" <<XML
<IntegrityMonitoring>
  <Rule name="tree" severity="high">
    <FileSet base="$WORK/fs"><exclude key="logs/**"/>
      <attributes><STANDARD/><InodeNumber/><HardLinks/></attributes></FileSet>
    <DirectorySet base="$WORK/fs"><attributes><Permissions/><Owner/><Group/><Acl/><Xattrs/></attributes></DirectorySet>
  </Rule>
  <Rule name="logs" severity="low"><FileSet base="$WORK/fs/logs"><attributes><Growing/><Owner/></attributes></FileSet></Rule>
</IntegrityMonitoring>
XML
cat >"$WORK/aide.conf" <<CONF
database_in=file:$WORK/aide.old
database_out=file:$WORK/aide.new
gzip_dbout=no
report_url=stdout
$WORK/fs/logs/ u+S
$WORK/fs d p+u+g+acl+xattrs
$WORK/fs f p+u+g+s+m+i+n+l+acl+xattrs+sha256
$WORK/fs p+u+g+m+i+n+l+acl+xattrs
CONF

# mutate.py make|change: a tree, or changes of it; prints "CHANGE<tab>PATH" (or "renamed<tab>FROM<tab>TO") for each that a rule asks for.
cat >"$WORK/mutate.py" <<'PY'
import os, random, socket, stat, struct, sys
verb, top, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
rnd = random.Random(seed if verb == "make" else seed + 1)
join = os.path.join
NAMES = ["plain", "with space", "uml\u00e4ut", "dash-", "a.b", "a", "a0", "new\nline", "quote'\"", "star*"]

# An access control list as the kernel takes it: owner, user 7777, group, mask, others.
acl = struct.pack("<I" + "HHI" * 5, 2, 1, 6, 0xffffffff, 2, 4, 7777, 4, 4, 0xffffffff, 16, 4, 0xffffffff, 32, 4, 0xffffffff)

def data():
    return rnd.randbytes(rnd.choice([0, 1, 100, 4095, 4096, 4097, 70000]))

def make():
    dirs = [top]
    for i in range(40):
        d = join(rnd.choice(dirs), f"{rnd.choice(NAMES)}{i}")
        os.mkdir(d)
        dirs.append(d)
    for i in range(900):
        p = join(rnd.choice(dirs), f"{rnd.choice(NAMES)}.{i}")
        kind = rnd.random()
        if kind < 0.85:
            open(p, "wb").write(data())
        elif kind < 0.93:
            os.symlink(rnd.choice(["nowhere", "../x", "/etc/passwd", "."]), p)
        elif kind < 0.96:
            os.mkfifo(p)
        elif kind < 0.98:
            os.mknod(p, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        else:
            s = socket.socket(socket.AF_UNIX)
            os.chdir(os.path.dirname(p)); s.bind(os.path.basename(p)); s.close(); os.chdir("/")
    os.mkdir(join(top, "logs"))
    for i in range(20):
        open(join(top, "logs", f"{i}.log"), "wb").write(b"line\n" * 50)

def change():
    files, dirs, links, others = [], [], [], []
    for d, ds, fs in os.walk(top):
        if d.startswith(join(top, "logs")):
            continue
        links_to_dirs = [x for x in ds if os.path.islink(join(d, x))]
        dirs += [join(d, x) for x in ds if x not in links_to_dirs + ["logs", "lost+found"]]
        for f in fs + links_to_dirs:
            p = join(d, f)
            m = os.lstat(p).st_mode
            (files if stat.S_ISREG(m) else links if stat.S_ISLNK(m) else others).append(p)
    for l in (files, dirs, links, others):
        l.sort()
        rnd.shuffle(l)
    told = []
    say = lambda *a: told.append(a)
    take = lambda l, n: [l.pop() for _ in range(n)]

    for p in take(files, 60): # content, with the same length and the old times
        st = os.lstat(p)
        b = bytearray(open(p, "rb").read())
        if not b:
            b = bytearray(b"x")
        else:
            b[rnd.randrange(len(b))] ^= 1
        open(p, "r+b").write(b)
        os.utime(p, ns=(st.st_atime_ns, st.st_mtime_ns))
        say("updated", p)
    for p in take(files, 30):
        open(p, "ab").write(b"more"); say("updated", p)
    for p in take(files, 30):
        os.chmod(p, os.lstat(p).st_mode & 0o7777 ^ rnd.choice([0o1, 0o20, 0o4000, 0o2000, 0o100])); say("updated", p)
    for p in take(files, 30):
        os.chown(p, rnd.choice([1, 7777]), -1); say("updated", p)
    for p in take(files, 20):
        os.chown(p, -1, rnd.choice([1, 7777])); say("updated", p)
    for p in take(files, 20):
        os.utime(p, ns=(0, rnd.randrange(10 ** 18))); say("updated", p)
    for p in take(files, 20):
        os.setxattr(p, "user.mark", rnd.randbytes(5)); say("updated", p)
    for p in take(files, 20):
        os.setxattr(p, "system.posix_acl_access", acl); say("updated", p)
    for p in take(files, 40):
        os.unlink(p); say("deleted", p)
    for p in take(files, 40):
        q = join(rnd.choice(dirs), f"moved{rnd.randrange(10 ** 9)}")
        os.rename(p, q); say("renamed", p, q)
    for p in take(files, 20): # a new inode with the same content and times
        st = os.lstat(p)
        b = open(p, "rb").read()
        open(p + "~", "wb").write(b)
        os.chmod(p + "~", st.st_mode & 0o7777)
        os.utime(p + "~", ns=(st.st_atime_ns, st.st_mtime_ns))
        os.rename(p + "~", p); say("updated", p)
    for p in take(files, 20):
        q = join(rnd.choice(dirs), f"link{rnd.randrange(10 ** 9)}")
        os.link(p, q); say("updated", p); say("created", q)
    for p in take(files, 10): # another kind of thing
        os.unlink(p); os.symlink("x", p); say("updated", p)
    for p in take(files, 10):
        os.unlink(p); os.mkdir(p); say("deleted", p); say("created", p)
    for p in take(files, 30): # changed and changed back
        b = open(p, "rb").read(); st = os.lstat(p)
        open(p, "ab").write(b"x"); os.truncate(p, len(b))
        os.utime(p, ns=(st.st_atime_ns, st.st_mtime_ns))
    for p in take(files, 30): # only read
        open(p, "rb").read()
    for p in take(links, 15):
        os.unlink(p); os.symlink("elsewhere", p); say("updated", p)
    for p in take(others, 8):
        os.chmod(p, 0o611); say("updated", p)
    for p in take(others, 5):
        os.unlink(p); os.mkfifo(p, 0o640); say("updated", p)
    for i in range(40):
        p = join(rnd.choice(dirs), f"{rnd.choice(NAMES)}.new{i}")
        [lambda: open(p, "wb").write(data()), lambda: os.symlink("x", p), lambda: os.mkfifo(p)][i % 3]()
        say("created", p)
    for d in take(dirs, 6):
        os.chmod(d, 0o711); say("updated", d)
    logs = [join(top, "logs", f"{i}.log") for i in range(20)]
    for p in logs[:8]:
        open(p, "ab").write(b"line\n")
    for p in logs[8:12]:
        os.truncate(p, 10); say("updated", p)
    os.chown(logs[12], 1, -1); say("updated", logs[12])
    return told

# As the program shows what is no plain text.
def safe(p):
    return "".join(f"\\x{ord(c):02X}" if ord(c) < 32 or c == "\\" else c for c in p)

if verb == "make":
    make()
else:
    for t in sorted(change()):
        print("\t".join([t[0]] + [safe(p) for p in t[1:]]))
PY
told() { jq -r 'select(.change) | [.change, (.from // empty), .key] | join("\t")' "$1" | LC_ALL=C sort; }
files() { "$YAGURA" files "$@" --rules "$WORK/rules.xml" --baseline "$WORK/baseline" --json; }
status() { local want=$1 rc=0; shift; "$@" >"$WORK/out" 2>"$WORK/err" || rc=$?; [ $rc = "$want" ] || { echo "status $rc: $(tail -n 1 "$WORK/out") $(cat "$WORK/err")"; return 1; }; }
aide_check() { aide --config="$WORK/aide.conf" --check >"$WORK/aide.txt" 2>&1 || [ $? -lt 8 ]; }

check "a tree is made" python3 "$WORK/mutate.py" make "$WORK/fs" "$SEED"
check "a baseline is made" status 0 files init
check "AIDE's is made" eval 'aide --config="$WORK/aide.conf" --init >"$WORK/aide.log" 2>&1 && mv "$WORK/aide.new" "$WORK/aide.old"'
check "an unchanged tree has no changes" status 0 files check
check "also when all is read" status 0 files check --reread
check "the tree is changed" eval 'python3 "$WORK/mutate.py" change "$WORK/fs" "$SEED" >"$WORK/changes"'
LC_ALL=C sort "$WORK/changes" >"$WORK/true"
check "hundreds of changes were made" test "$(wc -l <"$WORK/true")" -ge 400
check "changes end with 1" status 1 files check
told "$WORK/out" >"$WORK/told"
check "none is missed and none is invented" diff "$WORK/true" "$WORK/told"
cp "$WORK/out" "$WORK/first"
check "the same when all is read" eval 'status 1 files check --reread; told "$WORK/out" | diff "$WORK/true" -'
check "AIDE compares" aide_check
# Every path of AIDE's report is one of ours; its report goes by lines, so names with line ends are left out.
grep -E '^[fdlpscb=<>!|?][^:]*: /' "$WORK/aide.txt" | sed -E 's/^[^:]*: //' | grep -F "$WORK/fs/" | LC_ALL=C sort -u >"$WORK/aide.paths"
jq -r 'select(.change) | .key, (.from // empty)' "$WORK/first" | LC_ALL=C sort -u >"$WORK/our.paths"
check "AIDE finds hundreds" test "$(wc -l <"$WORK/aide.paths")" -ge 300
check "and nothing that is not told" test -z "$(grep -vE '\\' "$WORK/aide.paths" | LC_ALL=C comm -23 - "$WORK/our.paths" | tee "$WORK/aide.more" | head -n 5)"
check "a new baseline is taken over" status 1 files check --update
check "and what was told is the state now" status 0 files check
finish
