#!/usr/bin/env python3
"""Writes mixed.pcap: packets of which each meets another part of policy.json. Run it after a change, then look at what
`yagura packets` says of each before that becomes the expected answer (check --write)."""
import os, socket, struct

def total(data):
    data += b"\0" * (len(data) % 2)
    n = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    n = (n & 0xFFFF) + (n >> 16)
    return ~((n & 0xFFFF) + (n >> 16)) & 0xFFFF

def ip4(src, dst, proto, body, number=1, fragment=0):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), number, fragment, 64, proto, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack("!H", total(head)) + head[12:] + body

def ip6(src, dst, proto, body):
    return struct.pack("!IHBB", 6 << 28, len(body), proto, 64) + socket.inet_pton(socket.AF_INET6, src) + \
        socket.inet_pton(socket.AF_INET6, dst) + body

def tcp(sport, dport, flags, seq=1, ack=0, data=b""):
    return struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 65535, 0, 0) + data

def udp(sport, dport, data=b"question"):
    return struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
US, THEM, US6, THEM6 = "192.0.2.1", "198.51.100.7", "2001:db8::1", "2001:db8::7"
packets = [
    # a connection to the web server, from beginning to end
    ip4(THEM, US, 6, tcp(4000, 80, SYN, 100)),
    ip4(US, THEM, 6, tcp(80, 4000, SYN | ACK, 500, 101)),
    ip4(THEM, US, 6, tcp(4000, 80, ACK, 101, 501)),
    ip4(THEM, US, 6, tcp(4000, 80, ACK | PSH, 101, 501, b"GET / HTTP/1.0\r\n\r\n")),
    ip4(US, THEM, 6, tcp(80, 4000, ACK | PSH, 501, 119, b"HTTP/1.0 200 OK\r\n\r\n")),
    ip4(THEM, US, 6, tcp(4000, 80, FIN | ACK, 119, 520)),
    # a rule that denies, one that notes, what no rule allows
    ip4(THEM, US, 6, tcp(4001, 22, SYN, 100)),
    ip4(THEM, US, 6, tcp(4001, 22, SYN, 100)),
    ip4(THEM, US, 6, tcp(4002, 8080, SYN, 100)),
    ip4(THEM, US, 6, tcp(4003, 9999, SYN, 100)),
    ip6(THEM6, US6, 6, tcp(4004, 22, SYN, 100)),
    ip6(THEM6, US6, 6, tcp(4004, 80, SYN, 100)),
    # past everything: a scanner that is trusted
    ip4("203.0.113.9", US, 6, tcp(4005, 22, SYN, 100)),
    # state: outside of any connection, UDP that nobody asked for, an answer that was asked for
    ip4(THEM, US, 6, tcp(4006, 80, ACK, 900, 900)),
    ip4(THEM, US, 17, udp(53, 4007)),
    ip4(US, THEM, 17, udp(5000, 53)),
    ip4(THEM, US, 17, udp(53, 5000)),
    ip4(THEM, US, 17, udp(4008, 514)),
    # flags that no stack sends
    ip4(THEM, US, 6, tcp(4009, 80, 0)),
    ip4(THEM, US, 6, tcp(4009, 80, SYN | FIN)),
    ip4(THEM, US, 6, tcp(4009, 80, FIN | PSH | URG)),
    # packets that are no good, a fragment that is too small
    ip4(US, US, 6, tcp(4010, 80, SYN)),
    ip4(THEM, US, 6, tcp(4011, 80, SYN)[:12]),
    ip4(THEM, US, 6, tcp(4012, 80, SYN)[:16], 77, 0x2000),
]
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "mixed.pcap"), "wb") as f:
    f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))  # raw IP
    for i, p in enumerate(packets):
        f.write(struct.pack("<IIII", 1700000000 + i, 1000, len(p), len(p)) + p)
