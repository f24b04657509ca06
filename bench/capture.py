#!/usr/bin/env python3
"""Writes a capture of HTTP to standard output: capture.py CONNECTIONS. Each has three requests with paths, cookies and parameters of
its own, one of them a form, and answers of 1 to 20 kB in whole segments. Checksums are left out, as a network card would write them."""
import random
import struct
import sys

r = random.Random(8)
out = sys.stdout.buffer
out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
ETHERNET = bytes.fromhex("020000000001020000000002") + b"\x08\x00"
WORDS = [f"{a}{b}" for a in "cat blog user shop item page list find show edit".split() for b in "s er ing ed ion y le al".split()]
TEXT = (" ".join(r.choice(WORDS) for _ in range(8000))).encode()
time = 1700000000.0


def packet(a, b, ap, bp, seq, ack, flags, data=b""):
    global time
    time += 0.00005
    tcp = struct.pack(">HHIIBBHHH", ap, bp, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4, flags, 65535, 0, 0) + data
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, a, b)
    n = len(ETHERNET) + len(ip) + len(tcp)
    out.write(struct.pack("<IIII", int(time), int(time % 1 * 1e6), n, n) + ETHERNET + ip + tcp)


def message(client, server, cp, seq, ack, data, to_server):
    for at in range(0, len(data), 1460):
        piece = data[at : at + 1460]
        if to_server:
            packet(client, server, cp, 80, seq, ack, 0x18, piece)
        else:
            packet(server, client, 80, cp, ack, seq, 0x18, piece)
        if to_server:
            seq += len(piece)
        else:
            ack += len(piece)
    if not to_server:
        packet(client, server, cp, 80, seq, ack, 0x10)
    return seq, ack


for i in range(int(sys.argv[1])):
    client, server, cp = 0x0A000000 + i // 50000 * 256 + 2, 0x0A630001, 10000 + i % 50000
    seq, ack = r.randrange(1 << 31), r.randrange(1 << 31)
    packet(client, server, cp, 80, seq, 0, 0x02)
    packet(server, client, 80, cp, ack, seq + 1, 0x12)
    seq, ack = seq + 1, ack + 1
    packet(client, server, cp, 80, seq, ack, 0x10)
    for n in range(3):
        path = "/".join(r.choice(WORDS) for _ in range(r.randint(1, 4))) + "?" + "&".join(f"{r.choice(WORDS)}={r.randrange(1 << 30):x}" for _ in range(r.randint(1, 5)))
        body = b""
        if n == 1:
            body = "&".join(f"{r.choice(WORDS)}={r.choice(WORDS)}+{r.choice(WORDS)}" for _ in range(r.randint(5, 60))).encode()
        head = f"{'POST' if body else 'GET'} /{path} HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/115.0\r\nAccept: text/html,application/xhtml+xml,*/*;q=0.8\r\nCookie: session={r.randrange(1 << 60):x}\r\n"
        if body:
            head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        seq, ack = message(client, server, cp, seq, ack, head.encode() + b"\r\n" + body, True)
        start = r.randrange(20000)
        answer = TEXT[start : start + r.randint(1000, 20000)]
        head = f"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: {len(answer)}\r\n\r\n".encode()
        seq, ack = message(client, server, cp, seq, ack, head + answer, False)
    packet(client, server, cp, 80, seq, ack, 0x11)
    packet(server, client, 80, cp, ack, seq + 1, 0x11)
    packet(client, server, cp, 80, seq + 1, ack + 1, 0x10)
