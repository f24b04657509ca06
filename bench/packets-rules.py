#!/usr/bin/env python3
"""Writes rules for bench/packets.sh: packets-rules.py [--count N] [--per-packet] [--answers]
They look at every port, and use keywords about as often as public rules that protect servers do: 58 % speak of HTTP, 35 % of
TCP streams, the rest of other protocols; 60 % of those of HTTP have a pcre behind their contents. The same number gives the same rules.
  --per-packet  one in twenty looks at each packet of each connection (tcp-pkt), so that no connection is ever judged to its end
  --answers     one in five looks at what a server answers"""
import argparse
import random

p = argparse.ArgumentParser()
p.add_argument("--count", type=int, default=1000)
p.add_argument("--per-packet", action="store_true")
p.add_argument("--answers", action="store_true")
args = p.parse_args()
r = random.Random(20240229)
SYLLABLES = "ka ro mi ten sho gu la ver din pol ex tra con fi no ser bal ut qui xo zer wy".split()
EXTENSIONS = ["php", "jsp", "do", "action", "cgi", "aspx", "asp", "html"]


def word(least, most):
    out = ""
    while len(out) < r.randint(least, most):
        out += r.choice(SYLLABLES)
    return out


def path():
    return "/" + "/".join(word(3, 8) for _ in range(r.randint(1, 3))) + "." + r.choice(EXTENSIONS)


def http():
    """Options of a rule over requests."""
    kind = r.random()
    if kind < 0.70:
        out = f'http.method; content:"{r.choice(["GET", "POST"])}"; ' if r.random() < 0.4 else ""
        out += f'http.uri; content:"{path()}"; nocase; '
        name = word(4, 9)
        if r.random() < 0.6:
            out += f'content:"{name}="; nocase; distance:0; pcre:"/{name}=[^&]*(?:union\\s+select|\\.\\.\\/|<script|;\\s*(?:cat|id|wget)\\b)/i"; '
        return out
    if kind < 0.85:
        name = word(5, 10)
        return f'http.request_body; content:"{name}"; nocase; content:"{word(4, 8)}"; distance:0; within:200; pcre:"/{name}.{{0,80}}(?:exec|system|eval)\\x28/i"; '
    if kind < 0.93:
        return f'http.user_agent; content:"{word(6, 12)}/"; '
    return f'http.header; content:"X-{word(5, 9).capitalize()}|3a 20|{word(3, 6)}"; nocase; '


def raw():
    """Options of a rule over raw data."""
    first = "".join(f"{r.randrange(256):02x} " for _ in range(r.randint(3, 8))).strip()
    if r.random() < 0.5:
        return f'content:"|{first}|"; content:"{word(4, 10)}"; distance:{r.randint(0, 8)}; within:{r.randint(20, 100)}; '
    return f'content:"{word(6, 14)}|{first}|"; '


def answer():
    if r.random() < 0.5:
        return "http", f'http.response_body; content:"{word(8, 16)}"; nocase; content:"{word(4, 8)}"; distance:0; '
    return "tcp", raw()


for i in range(args.count):
    proto, flow, options = "http", "established,to_server", ""
    kind = i % 100
    if args.answers and i % 5 == 2:
        flow = "established,to_client"
        proto, options = answer()
    elif args.per_packet and i % 20 == 7:
        proto, options = "tcp-pkt", raw()
    elif kind < 58:
        options = http()
    elif kind < 93:
        proto, options = "tcp", raw()
    elif kind < 96:
        proto, flow, options = "udp", "", raw()
    elif kind < 98:
        proto, flow, options = "dns", "", f'dns.query; content:"{word(6, 12)}."; nocase; '
    else:
        proto, options = "tls", f'tls.sni; content:"{word(6, 12)}."; '
    flow = f"flow:{flow}; " if flow else ""
    print(f'alert {proto} any any -> any any (msg:"bench {i}"; {flow}{options}sid:{9000000 + i}; rev:1;)')
# What must be found, whoever looks: in a request, and in a body.
print('alert http any any -> any any (msg:"canary in a URI"; flow:established,to_server; http.uri; content:"/canary-in-the-mine"; sid:9900001; rev:1;)')
print('alert http any any -> any any (msg:"canary in a body"; flow:established,to_server; http.request_body; content:"canary-in-the-body"; sid:9900002; rev:1;)')
