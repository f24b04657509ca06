"""Carriage that an attacker chooses: cuts, order, copies, fragments, and packets that the receiver will not take.

Whatever is chosen, a receiver puts the same bytes together, so the same alerts are due.
"""

import gzip
import struct

import capture
from capture import ACK, FIN, PSH, RST, SYN, TCP

STAMP = 70000
WINDOW = 24 << 10  # bytes on their way at most: below what an engine keeps behind a hole


LITTER = ("checksum", "no-ack", "syn", "unsent", "window", "reset", "fin", "stamp")



class Conversation(capture.Conversation):
    """One whose segments are carried as a random generator says."""

    def __init__(self, out, client, server_port, client_port, dice):
        super().__init__(out, client, server_port, client_port)
        self.dice = dice
        self.largest = dice.choice((1, 3, 8, 17, 64, 64, 536, capture.MSS))
        self.shuffles = dice.random() < 0.6
        self.repeats = dice.choice((0, 0, 0.1, 0.4))
        self.overlaps = dice.choice((0, 0, 0.3, 0.8))
        self.fragments = dice.choice((0, 0, 0, 0.3, 1))
        self.chaff = dice.choice((0, 0.1, 0.5))
        self.stamps = dice.random() < 0.5

    # ---- packets ----

    def tcp(self, from_client, flags, data=b"", sequence=None):
        at = self.sequence[0 if from_client else 1] if sequence is None else sequence
        self.segment(from_client, flags, data, at)

    def segment(self, from_client, flags, data, sequence, ack=None, damage=None, stamp=STAMP):
        other = 1 if from_client else 0
        options = struct.pack("!BBH", 2, 4, capture.MSS) if flags & SYN else b""
        options += struct.pack("!BBBBII", 1, 1, 8, 10, stamp, STAMP) if self.stamps else b""
        addresses, ports = self.ends(from_client)
        ack = self.sequence[other] if ack is None else ack
        head = struct.pack("!HHIIBBHHH", *ports, sequence & 0xFFFFFFFF, ack & 0xFFFFFFFF if flags & ACK else 0,
                           (20 + len(options)) // 4 << 4, flags, 65535, 0, 0) + options
        body = self.summed(addresses, TCP, head + data, 16)
        if damage == "checksum":
            body = body[:16] + bytes((body[16] ^ 0x5A, body[17])) + body[18:]
        self.carry(addresses, TCP, body, from_client)

    def summed(self, addresses, protocol, segment, at):
        source, target = addresses
        if source.version == 4:
            pseudo = source.packed + target.packed + struct.pack("!BBH", 0, protocol, len(segment))
        else:
            pseudo = source.packed + target.packed + struct.pack("!IHBB", len(segment), 0, 0, protocol)
        return segment[:at] + struct.pack("!H", capture.checksum(pseudo + segment) or 0xFFFF) + segment[at + 2:]

    def carry(self, addresses, protocol, payload, from_client):
        """One datagram, whole or in fragments, in any order and some of them twice."""
        source, target = addresses
        out, dice = self.capture, self.dice
        out.ids = (out.ids + 1) & 0xFFFF
        pieces = [(0, payload)]
        if len(payload) > 40 and dice.random() < self.fragments:
            # One that cuts the header of TCP is refused by every engine.
            step = 8 * dice.randint(5, max(5, min(32, len(payload) // 16)))
            pieces = [(at, payload[at:at + step]) for at in range(0, len(payload), step)]
        several = len(pieces) > 1
        if several and self.shuffles:
            dice.shuffle(pieces)
        if several and dice.random() < self.repeats:
            again = dice.choice(pieces[:-1] or pieces)
            pieces.insert(pieces.index(again) + 1, again)
        for at, piece in pieces:
            more = at + len(piece) < len(payload)
            ttl = dice.choice((1, 2, 64, 255))
            if source.version == 4:
                head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(piece), out.ids, at // 8 | (0x2000 if more else 0),
                                   ttl, protocol, 0, source.packed, target.packed)
                head = head[:10] + struct.pack("!H", capture.checksum(head)) + head[12:]
            else:
                follows, extension = protocol, b""
                if several:
                    extension, follows = struct.pack("!BBHI", protocol, 0, at | more, out.ids), 44
                head = struct.pack("!IHBB16s16s", 6 << 28, len(extension) + len(piece), follows, ttl,
                                   source.packed, target.packed) + extension
            out.frame(from_client, source.version == 6, head + piece)

    # ---- what no receiver takes ----

    def litter(self, from_client, sequence, length):
        """A segment in the place of one that is to come, with other bytes, that a Linux receiver drops."""
        other = 1 if from_client else 0
        lie = bytes(self.dice.choice(b"abcdefgh xyz<>'%") for _ in range(length))
        kind = self.dice.choice(LITTER)
        if kind == "checksum":
            self.segment(from_client, PSH | ACK, lie, sequence, damage="checksum")
        elif kind == "no-ack":
            self.segment(from_client, PSH, lie, sequence)
        elif kind == "syn":
            self.segment(from_client, SYN | PSH | ACK, lie, sequence - 1)
        elif kind == "unsent":
            self.segment(from_client, PSH | ACK, lie, sequence, ack=self.sequence[other] + 90000)
        elif kind == "window":
            self.segment(from_client, PSH | ACK, lie, sequence + (1 << 20))
        elif kind == "reset":
            self.segment(from_client, RST, b"", sequence + 4000 + self.dice.randint(1, 9))
        elif kind == "stamp" and self.stamps:
            self.segment(from_client, PSH | ACK, lie, sequence, stamp=STAMP - 1000)
        elif kind == "fin":
            self.segment(from_client, FIN | ACK, lie, sequence + (1 << 20))

    # ---- the conversation ----

    def cut(self, data):
        """(offset, bytes) of pieces; some begin in the one before."""
        pieces, at = [], 0
        # A long conversation in tiny pieces would only make the capture large.
        largest = self.largest if len(data) <= 3000 else max(self.largest, 300)
        while at < len(data):
            size = self.dice.randint(1, largest)
            back = self.dice.randint(0, min(at, 40)) if self.dice.random() < self.overlaps else 0
            pieces.append((at - back, data[at - back:at + size]))
            at += size
        return pieces

    def say(self, from_client, data):
        for begin in range(0, len(data), WINDOW):
            self.say_window(from_client, data[begin:begin + WINDOW])
            self.tcp(not from_client, ACK)

    def say_window(self, from_client, data):
        mine = 0 if from_client else 1
        dice, start = self.dice, self.sequence[mine]
        pieces = self.cut(data)
        order = list(range(len(pieces)))
        if self.shuffles:
            span = dice.choice((2, 5, len(order)))
            for at in range(0, len(order), span):
                part = order[at:at + span]
                dice.shuffle(part)
                order[at:at + span] = part
        for number, i in enumerate(order):
            at, piece = pieces[i]
            if dice.random() < self.chaff:
                self.litter(from_client, start + at, len(piece))
            self.segment(from_client, PSH | ACK, piece, start + at)
            if dice.random() < self.repeats:
                at, piece = pieces[dice.choice(order[:number + 1])]
                self.segment(from_client, PSH | ACK, piece, start + at)
        self.sequence[mine] += len(data)

    def datagram(self, from_client, data):
        addresses, ports = self.ends(from_client)
        head = struct.pack("!HHHH", *ports, 8 + len(data), 0)
        self.carry(addresses, capture.UDP, self.summed(addresses, capture.UDP, head + data, 6), from_client)


# ---- HTTP: what a server understands all the same ----

def chunk(dice, body):
    out, at = b"", 0
    while at < len(body):
        size = dice.randint(1, dice.choice((3, 64, 2000)))
        piece = body[at:at + size]
        extension = dice.choice((b"", b"", b";x=y"))
        out += b"%s%x%s\r\n%s\r\n" % (b"0" * dice.choice((0, 0, 3)), len(piece), extension, piece)
        at += size
    return out + b"0\r\n\r\n"


def fold(dice, message):
    """Blanks around values."""
    message.headers = [(name, dice.choice((b" ", b"\t", b"   ")) + value.strip() + dice.choice((b"", b" ", b"\t")))
                       for name, value in message.headers]


def without(message, *names):
    message.headers = [h for h in message.headers if h[0].strip().lower() not in names]


def answer(dice, message):
    """An answer's body compressed, in chunks, or to the end of the connection."""
    if not message.body or message.header(b"Transfer-Encoding") or message.header(b"Content-Encoding"):
        return
    if message.header(b"Content-Length") != b"%d" % len(message.body):
        return
    if dice.random() < 0.5:
        message.body = gzip.compress(message.body, mtime=0)
        message.headers.append((b"Content-Encoding", b" gzip"))
    without(message, b"content-length")
    if dice.random() < 0.5:
        message.body = chunk(dice, message.body)
        message.headers.append((b"Transfer-Encoding", b" chunked"))
    else:
        message.headers.append((b"Content-Length", b" %d" % len(message.body)))
