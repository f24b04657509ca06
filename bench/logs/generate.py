#!/usr/bin/env python3
"""Writes a rule set and a corpus for bench/logs.sh:  generate.py DIR LINES

DIR/decoders, DIR/rules: 330 decoders and about 1,300 rules, by the counts of OSSEC 4.3 (three in four rules hang on an
if_sid, half have a pattern on the text, one in five an id, one in ten counts, one in four is of level 0).
DIR/corpus: lines of fifteen applications, about 140 bytes each, 44 % of which alert."""
import os
import random
import sys

R = random.Random(4711)
WORDS = """session user failed login access denied invalid password client connection closed timeout request error unable lookup reply
server handler module certificate handshake queue worker deliver mailbox relay policy reject greylist transfer upload download
directory permission socket listen bind restart reload config parse syntax limit exceeded quota overflow segment fault memory
device attach detach mount volume replica primary election snapshot checkpoint rollback deadlock index corrupt table query token
signature expired revoked unknown peer tunnel route neighbour lease renew offer release scan probe flood blocked dropped""".split()

# name, decoder kind (program or prematch), decoder children, rules below the application's root, lines with weights and whether they alert
APPLICATIONS = [
    ("sshd", [("^Failed \\S+ for ", "^(\\S+) from (\\S+) port (\\d+)", "user, srcip, srcport"), ("^Accepted \\S+ for ", "^(\\S+) from (\\S+) port (\\d+)", "user, srcip, srcport"),
              ("^Invalid user ", "^(\\S+) from (\\S+)", "user, srcip"), ("^Disconnected from ", "(\\S+) port (\\d+)", "srcip, srcport")],
     [(5, "match", "^Failed|^error: PAM: Authentication"), (3, "match", "^Accepted"), (5, "match", "^Invalid user"), (0, "match", "^Disconnected from"), (2, "match", "Bad protocol version identification")],
     [(6, "Failed password for {u} from {i} port {n} ssh2: attempt {n} of 6 was refused by the server and logged"), (3, "Accepted publickey for {u} from {i} port {n} ssh2: RSA SHA256:{h}"),
      (3, "Invalid user {u} from {i} port {n}, no such account is known to the system here"), (12, "Disconnected from {i} port {n} [preauth] after {n} bytes sent and {n} bytes received")]),
    ("sudo", [("^ ?\\S+ : ", "", "")], [(3, "match", "COMMAND="), (5, "match", "incorrect password attempts")],
     [(6, "{u} : TTY=pts/{d} ; PWD=/home/{u}/work/{w} ; USER=root ; COMMAND=/usr/bin/systemctl restart {w}.service"), (1, "{u} : 3 incorrect password attempts ; TTY=pts/{d} ; PWD=/home/{u} ; USER=root ; COMMAND=/bin/bash")]),
    ("cron", [], [(3, "regex", "^\\(\\w+\\) BEGIN EDIT")], [(9, "({u}) CMD (/usr/local/sbin/{w}-{w} --quiet --state /var/lib/{w}/{n} >/dev/null 2>&1 || true)"), (2, "({u}) BEGIN EDIT ({u}) of the table that runs {w} every {d} minutes for the {w} group")]),
    ("kernel", [], [(8, "match", "segfault at|Out of memory"), (3, "match", "promiscuous mode")],
     [(5, "[{n}.{n}] audit: type=1400 apparmor=\"STATUS\" operation=\"profile_load\" profile=\"unconfined\" name=\"{w}\" pid={n}"),
      (3, "[{n}.{n}] {w}[{n}]: segfault at {h} ip {h} sp {h} error 4 in lib{w}.so.{d}[{h}+{n}]"), (8, "[{n}.{n}] eth{d}: link is up at 1000 Mbps, full duplex, flow control rx/tx, {w} queue {n}")]),
    ("postfix/smtpd", [("^NOQUEUE: reject: ", "RCPT from (\\S+)[(\\S+)]: (\\d+) ", "system_name, srcip, id"), ("^connect from ", "^(\\S+)[(\\S+)]", "system_name, srcip")],
     [(6, "id", "^554$|^550$"), (5, "id", "^450$|^451$"), (0, "match", "^connect from")],
     [(6, "NOQUEUE: reject: RCPT from mail{d}.{w}.example[{i}]: 554 5.7.1 <{u}@{w}.example>: Relay access denied; proto=ESMTP"), (8, "connect from mail{d}.{w}.example[{i}] after {n} earlier connections within the last {n} seconds"),
      (2, "NOQUEUE: reject: RCPT from mail{d}.{w}.example[{i}]: 450 4.7.1 <{u}@{w}.example>: greylisted, try again in {n}")]),
    ("dovecot", [("^imap-login: ", "user=\\p(\\S+)\\p, \\.+ rip=(\\S+),", "user, srcip")], [(5, "match", "auth failed|Authentication failure"), (3, "match", "Login: ")],
     [(4, "imap-login: Disconnected (auth failed, {d} attempts): user=<{u}>, method=PLAIN, rip={i}, lip=10.0.0.{d}, TLS, session={h}"), (4, "imap-login: Login: user=<{u}>, method=PLAIN, rip={i}, lip=10.0.0.{d}, mpid={n}, TLS, session=<{h}>"),
      (6, "imap({u}): Logged out in={n} out={n} deleted=0 expunged={d} trashed={d} hdr_count={n} hdr_bytes={n}")]),
    ("named", [("^client ", "(\\S+)#(\\d+)", "srcip, srcport")], [(5, "match", "query (cache)|denied"), (2, "match", "unexpected RCODE")],
     [(4, "client @0x{h} {i}#{n} ({w}.example): query (cache) '{w}.example/A/IN' denied (allow-query-cache did not match)"), (8, "zone {w}.example/IN: refresh: retry limit for primary {i}#53 is not reached yet (source 0.0.0.0#{n})")]),
    ("mysqld", [], [(5, "match", "Access denied for user"), (0, "match", "[Note]")],
     [(4, "{n} [Warning] Access denied for user '{u}'@'{i}' (using password: YES) while it wanted database {w}"), (8, "{n} [Note] Aborted connection {n} to db: '{w}' user: '{u}' host: '{i}' (Got timeout reading packets)")]),
    ("vsftpd", [("LOGIN", "Client \\p(\\d+.\\d+.\\d+.\\d+)", "srcip")], [(5, "match", "FAIL LOGIN"), (3, "match", "OK LOGIN")],
     [(3, "[pid {n}] [{u}] FAIL LOGIN: Client \"{i}\", the third of the kind within the window of {n} seconds of {w}"), (3, "[pid {n}] [{u}] OK LOGIN: Client \"{i}\", anon password \"{w}@{w}.example\" for the folder {w}"), (5, "[pid {n}] [{u}] OK DOWNLOAD: Client \"{i}\", \"/pub/{w}/{w}-{n}.tar.gz\", {n} bytes, {n}.{d}Kbyte/sec")]),
    ("proftpd", [("no such user|Login failed", "(\\d+.\\d+.\\d+.\\d+)", "srcip")], [(5, "match", "no such user|Login failed")],
     [(3, "files{d}.{w}.example ({i}[{i}]) - USER {u}: no such user found from {i} [{i}] to ::ffff:10.0.0.{d}:21"), (6, "files{d}.{w}.example ({i}[{i}]) - FTP session closed after {n} seconds and {n} files in {w}")]),
    ("smbd", [], [(5, "match", "NT_STATUS_WRONG_PASSWORD|NT_STATUS_NO_SUCH_USER")],
     [(3, "Auth: [SMB2,(null)] user [{w}]\\[{u}] status [NT_STATUS_WRONG_PASSWORD] workstation [{w}] remote host [ipv4:{i}:{n}]"), (6, "{w}{d} ({i}) closed connection to service {w} after {n} operations, {n} bytes read and {n} bytes written")]),
    ("systemd", [], [(3, "match", "Failed to start|entered failed state"), (0, "match", "^Started|^Starting")],
     [(2, "Failed to start {w}-{w}.service - the daemon that keeps the {w} of the {w} in order, see systemctl status."), (7, "Started {w}-{w}@{n}.service - the daemon that keeps the {w} of the {w} in order for {n} seconds more.")]),
]
WEB = [(8, '{i} - {u} [29/Nov/2026:10:{t}:{t} +0000] "GET /{w}/{w}.html HTTP/1.1" 200 {n} "https://{w}.example/" "Mozilla/5.0 (X11; {w})"'),
       (7, '{i} - - [29/Nov/2026:10:{t}:{t} +0000] "GET /{w}/{w}.php?{w}={n} HTTP/1.1" 404 {n} "-" "Mozilla/5.0 (compatible; {w}/{d}.{d})"'),
       (3, '{i} - - [29/Nov/2026:10:{t}:{t} +0000] "POST /{w}/login HTTP/1.1" 500 {n} "-" "curl/7.{d}.{d} of the {w} that asks the {w}"')]
NGINX = [(3, '2026/11/29 10:{t}:{t} [error] {n}#{n}: *{n} open() "/srv/www/{w}/{w}.png" failed (2: No such file or directory), client: {i}, server: {w}'),
         (4, '2026/11/29 10:{t}:{t} [notice] {n}#{n}: signal process started for the worker {n} of the group {w}, which serves {w} and {w}')]
SQUID = [(5, '1764410{d}{d}{d}.{d}{d}{d}    {n} {i} TCP_MISS/200 {n} GET http://{w}.example/{w}/{w}/{w}-{n}.html {u} DIRECT/{i} text/html {w} {w} {w}')]


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def phrase(n):
    return " ".join(R.choice(WORDS) for _ in range(n))


def application(name, children, rules, base, decoders, out):
    short = name.replace("/", "-")
    decoders.append(f'<decoder name="{short}"><program_name>^{name}$</program_name></decoder>')
    for i, (prematch, regex, order) in enumerate(children):
        more = f'<regex offset="after_prematch">{regex}</regex><order>{order}</order>' if regex else ""
        decoders.append(f'<decoder name="{short}-{i}"><parent>{short}</parent><prematch>{prematch}</prematch>{more}</decoder>')
    out.append(f'<group name="syslog,{short},">\n<rule id="{base}" level="0" noalert="1"><decoded_as>{short}</decoded_as><description>{short} messages</description></rule>')
    for i, (level, element, pattern) in enumerate(rules):
        out.append(f'<rule id="{base + 1 + i}" level="{level}"><if_sid>{base}</if_sid><{element}>{pattern}</{element}><description>{short}: {pattern[:20].strip("^")}</description><group>{short}_{i},</group></rule>')
    first = next((base + 1 + i for i, r in enumerate(rules) if r[0] >= 5), None)
    if first:
        out.append(f'<rule id="{base + 40}" level="10" frequency="6" timeframe="120" ignore="60"><if_matched_sid>{first}</if_matched_sid><same_source_ip /><description>{short}: many failures from one address</description></rule>')
    for i in range(4):
        out.append(f'<rule id="{base + 50 + i}" level="{R.choice([0, 3, 5, 8])}"><if_sid>{base}</if_sid><match>{phrase(2)}|{phrase(3)}</match><description>{short} {i}</description></rule>')
    out.append("</group>")


def filler(number, decoders, out):
    """An application that the corpus does not have: most of any real rule set."""
    name, base = f"daemon{number}", 20000 + number * 50
    if number % 3:
        decoders.append(f'<decoder name="{name}"><program_name>^{name}</program_name></decoder>')
    else:
        decoders.append(f'<decoder name="{name}"><prematch>^{phrase(1)} {phrase(1)}{number}: </prematch></decoder>')
    for i in range(2):
        decoders.append(f'<decoder name="{name}-{i}"><parent>{name}</parent><prematch>{phrase(2)} </prematch><regex offset="after_prematch">^(\\S+) from (\\S+)</regex><order>user, srcip</order></decoder>')
    out.append(f'<group name="{name},">\n<rule id="{base}" level="0" noalert="1"><decoded_as>{name}</decoded_as><description>{name}</description></rule>')
    for i in range(1, 12):
        kind = R.random()
        level = 0 if R.random() < .2 else R.choice([2, 3, 5, 5, 7, 8, 10])
        parent = base if i < 4 or R.random() < .6 else base + R.randrange(1, i)
        if kind < .12:
            out.append(f'<rule id="{base + i}" level="10" frequency="{R.choice([4, 6, 8])}" timeframe="{R.choice([120, 240])}"><if_matched_sid>{parent}</if_matched_sid>{"<same_source_ip />" if R.random() < .7 else ""}<description>{name} {i}</description></rule>')
            continue
        if kind < .32:
            element = f"<id>^{R.randrange(100, 999)}|^{R.randrange(100, 999)}$</id>"
        elif kind < .38:
            element = f"<status>{R.choice(['deny', 'drop', '^4', '^5'])}</status>"
        elif kind < .5:
            element = f"<regex>{R.choice(WORDS)} \\S+ {phrase(2)} \\d+|{phrase(2)} \\(\\w+\\)</regex>"
        elif kind < .6:
            element = f"<pcre2>(?:{phrase(1)}|{phrase(1)}) {phrase(2)}[^;]*; {R.choice(WORDS)}</pcre2>"
        else:
            element = "<match>" + "|".join(phrase(R.randrange(2, 4)) for _ in range(R.randrange(1, 4))) + "</match>"
        out.append(f'<rule id="{base + i}" level="{level}"><if_sid>{parent}</if_sid>{element}<description>{name} {i}: {phrase(4)}</description></rule>')
    out.append("</group>")


def rule_set(folder):
    decoders, rules = [], []
    for i, (name, children, own, _) in enumerate(APPLICATIONS):
        application(name, children, own, 5000 + i * 100, decoders, rules)
    decoders.append('<decoder name="web"><type>web-log</type><prematch>^\\d+.\\d+.\\d+.\\d+ \\S+ \\S+ [</prematch><regex>^(\\S+) \\S+ \\S+ [\\.+] "(\\w+) (\\S+) HTTP\\S+ (\\d+) </regex><order>srcip, action, url, id</order></decoder>')
    decoders.append('<decoder name="nginx-error"><prematch>^\\d\\d\\d\\d/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d [</prematch></decoder>\n<decoder name="nginx-client"><parent>nginx-error</parent><prematch>, client: </prematch><regex offset="after_prematch">^(\\S+),</regex><order>srcip</order></decoder>')
    decoders.append('<decoder name="squid"><type>squid</type><prematch>^\\d+ \\d+.\\d+.\\d+.\\d+ \\w+/\\d+ </prematch><regex>^\\d+ (\\S+) (\\w+)/(\\d+) \\d+ \\w+ (\\S+) </regex><order>srcip, action, id, url</order></decoder>')
    rules.append('<group name="web,"><rule id="31100" level="0"><category>web-log</category><description>web</description></rule>'
                 '<rule id="31108" level="0"><if_sid>31100</if_sid><id>^2|^3</id><description>fine</description></rule><rule id="31101" level="5"><if_sid>31100</if_sid><id>^4</id><description>client error</description><group>web_4xx,</group></rule>'
                 '<rule id="31120" level="6"><if_sid>31100</if_sid><id>^50</id><description>server error</description></rule><rule id="31103" level="7"><if_sid>31100,31108</if_sid><url>select%20|union%20|%3Cscript|../..</url><description>attack</description></rule>'
                 '<rule id="31151" level="10" frequency="10" timeframe="120"><if_matched_sid>31101</if_matched_sid><same_source_ip /><description>many client errors</description></rule></group>'
                 '<group name="nginx,"><rule id="31300" level="0" noalert="1"><decoded_as>nginx-error</decoded_as><description>nginx</description></rule><rule id="31301" level="3"><if_sid>31300</if_sid><match>[error]</match><description>nginx error</description></rule></group>'
                 '<group name="squid,"><rule id="35000" level="0"><category>squid</category><description>squid</description></rule></group>')
    for i in range(101):
        filler(i, decoders, rules)
    rules.append('<var name="BAD_WORDS">core_dumped|failure|attack| bad |illegal |denied|refused|unauthorized|fatal|failed|Segmentation Fault|Corrupted</var>'
                 '<group name="syslog,errors,"><rule id="1002" level="2"><match>$BAD_WORDS</match><description>Unknown problem somewhere in the system.</description></rule></group>')
    os.makedirs(f"{folder}/decoders", exist_ok=True)
    os.makedirs(f"{folder}/rules", exist_ok=True)
    write(f"{folder}/decoders/decoders.xml", "\n".join(decoders))
    write(f"{folder}/rules/rules.xml", "\n".join(rules))


def corpus(folder, lines):
    sources = []
    for name, _, _, templates in APPLICATIONS:
        sources += [(weight, f"Nov 29 10:{{t}}:{{t}} server{{d}} {name}[{{n}}]: {text}") for weight, text in templates]
    sources += WEB + NGINX + SQUID
    weights = [w for w, _ in sources]
    users = ["root", "admin", "alice", "bob", "carol", "backup", "www-data", "postgres"]
    addresses = [f"{R.randrange(11, 220)}.{R.randrange(256)}.{R.randrange(256)}.{R.randrange(1, 255)}" for _ in range(4000)]
    pieces = {"u": lambda: R.choice(users), "i": lambda: R.choice(addresses), "n": lambda: str(R.randrange(1000, 99999)), "d": lambda: str(R.randrange(10)),
              "t": lambda: f"{R.randrange(60):02}", "w": lambda: R.choice(WORDS), "h": lambda: f"{R.getrandbits(48):012x}"}
    split = []
    for _, text in sources:
        parts = []
        for i, part in enumerate(text.replace("{", "\0{").replace("}", "}\0").split("\0")):
            parts.append(pieces[part[1]] if part.startswith("{") else part)
        split.append(parts)
    with open(f"{folder}/corpus", "w") as f:
        for _ in range(lines // 10000):
            f.write("".join("".join(p if isinstance(p, str) else p() for p in parts) + "\n" for parts in R.choices(split, weights, k=10000)))


if __name__ == "__main__":
    rule_set(sys.argv[1])
    corpus(sys.argv[1], int(sys.argv[2]))
