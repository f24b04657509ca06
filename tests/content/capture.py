"""Captures (pcap, Ethernet) of conversations: TCP with handshake and close, UDP, over IPv4 and IPv6, in fragments."""

import ipaddress
import struct

ETHER_CLIENT, ETHER_SERVER = b"\x02\x00\x00\x00\x00\x01", b"\x02\x00\x00\x00\x00\x02"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, UDP = 6, 17
MSS = 1400
SERVER4, SERVER6 = ipaddress.ip_address("192.0.2.1"), ipaddress.ip_address("2001:db8::1")


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Capture:
    def __init__(self, out):
        self.out, self.time, self.ids = out, 1_700_000_000_000_000, 0
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))

    def frame(self, to_server, is_v6, packet):
        self.time += 50
        ends = (ETHER_SERVER, ETHER_CLIENT) if to_server else (ETHER_CLIENT, ETHER_SERVER)
        data = ends[0] + ends[1] + (b"\x86\xdd" if is_v6 else b"\x08\x00") + packet
        self.out.write(struct.pack("<IIII", self.time // 1_000_000, self.time % 1_000_000, len(data), len(data)) + data)

    def packet(self, source, target, protocol, payload, to_server, fragment=0):
        """fragment: bytes a piece, a multiple of 8; 0: whole."""
        self.ids = (self.ids + 1) & 0xFFFF
        pieces = [(0, payload)]
        if fragment and len(payload) > fragment:
            pieces = [(at, payload[at:at + fragment]) for at in range(0, len(payload), fragment)]
        for at, piece in pieces:
            more = at + len(piece) < len(payload)
            if source.version == 4:
                head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(piece), self.ids, at // 8 | (0x2000 if more else 0),
                                   64, protocol, 0, source.packed, target.packed)
                head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
            else:
                follows, extension = protocol, b""
                if len(pieces) > 1:
                    extension = struct.pack("!BBHI", protocol, 0, at | more, self.ids)
                    follows = 44
                head = struct.pack("!IHBB16s16s", 6 << 28, len(extension) + len(piece), follows, 64,
                                   source.packed, target.packed) + extension
            self.frame(to_server, source.version == 6, head + piece)


class Conversation:
    """What a client and a server say to each other; `how` is the set of mutations of carriage."""

    def __init__(self, capture, client, server_port, client_port, how=()):
        self.capture, self.client, self.how = capture, client, how
        self.server = SERVER6 if client.version == 6 else SERVER4
        self.ports = (client_port, server_port)
        self.sequence = [1000, 2000]  # the next byte of the client, of the server

    def ends(self, from_client):
        addresses = (self.client, self.server) if from_client else (self.server, self.client)
        ports = self.ports if from_client else self.ports[::-1]
        return addresses, ports

    def sum_and_send(self, from_client, protocol, segment, sum_at, fragment=0):
        (source, target), _ = self.ends(from_client)
        if source.version == 4:
            pseudo = source.packed + target.packed + struct.pack("!BBH", 0, protocol, len(segment))
        else:
            pseudo = source.packed + target.packed + struct.pack("!IHBB", len(segment), 0, 0, protocol)
        value = checksum(pseudo + segment) or 0xFFFF
        segment = segment[:sum_at] + struct.pack("!H", value) + segment[sum_at + 2:]
        self.capture.packet(source, target, protocol, segment, from_client, fragment)

    def tcp(self, from_client, flags, data=b"", sequence=None):
        mine, other = (0, 1) if from_client else (1, 0)
        _, ports = self.ends(from_client)
        options = struct.pack("!BBH", 2, 4, MSS) if flags & SYN else b""
        at = self.sequence[mine] if sequence is None else sequence
        segment = struct.pack("!HHIIBBHHH", *ports, at & 0xFFFFFFFF, self.sequence[other] & 0xFFFFFFFF if flags & ACK else 0,
                              (20 + len(options)) // 4 << 4, flags, 65535, 0, 0) + options + data
        fragment = 64 if "fragments" in self.how and data else 0
        self.sum_and_send(from_client, TCP, segment, 16, fragment)

    def open(self):
        self.tcp(True, SYN)
        self.sequence[0] += 1
        self.tcp(False, SYN | ACK)
        self.sequence[1] += 1
        self.tcp(True, ACK)

    def say(self, from_client, data):
        mine = 0 if from_client else 1
        pieces = list(self.pieces(data))
        if "disorder" in self.how:
            for i in range(0, len(pieces) - 1, 2):
                pieces[i], pieces[i + 1] = pieces[i + 1], pieces[i]
        start = self.sequence[mine]
        for at, piece in pieces:
            self.tcp(from_client, PSH | ACK, piece, start + at)
            if "again" in self.how:
                self.tcp(from_client, PSH | ACK, piece, start + at)
        self.sequence[mine] += len(data)
        self.tcp(not from_client, ACK)

    def pieces(self, data):
        step, at = MSS, 0
        sizes = (1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31) if "segments" in self.how else (32,) if "disorder" in self.how else (step,)
        number = 0
        while at < len(data):
            # Long conversations in tiny pieces only make the capture large.
            size = sizes[number % len(sizes)] if at < 4096 else step
            yield at, data[at:at + size]
            at, number = at + size, number + 1

    def close(self):
        self.tcp(True, FIN | ACK)
        self.sequence[0] += 1
        self.tcp(False, FIN | ACK)
        self.sequence[1] += 1
        self.tcp(True, ACK)

    def datagram(self, from_client, data):
        _, ports = self.ends(from_client)
        for _ in range(2 if "again" in self.how else 1):
            self.sum_and_send(from_client, UDP, struct.pack("!HHHH", *ports, 8 + len(data), 0) + data, 6,
                              24 if "fragments" in self.how else 0)
