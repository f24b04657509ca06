"""Cases of rules: what must hit a rule and what must not (docs/rules.md says how to write one).

    === SID hit|miss [OPTION...]
    what is sent, to the next === or the end of the file

SID is `any` for ordinary use, which must hit nothing. A line that starts with # stands between cases or right below ===. Options:
    tcp      not HTTP: lines that start with > are sent by the client, with < by the server, in turn
    udp      the same, a datagram a line
    port=N   the server's port; 80 for HTTP, otherwise it must be given
    times=N  so many connections of one client
    not=A,B  mutations that would make something else of this case

HTTP is written as it is sent, without Host (unless it matters) and Content-Length, which are added:
a request line, header lines, an empty line, the body. A line <<< begins the answer, >>> another
request of the same connection. Line ends of heads become CR LF, those of bodies stay LF.

\\xHH is a byte, \\xHH{N} N of them, \\r \\n \\t \\\\ as in C; any other backslash is itself.
"""

import os
import re

ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})(?:\{(\d+)\})?|([rnt\\]))")
CONTROL = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}
NAMES = {"tcp", "udp"}
NUMBERS = {"port", "times"}
ORDINARY_ANSWER = "HTTP/1.1 200 OK\nContent-Type: text/plain\n\nok\\n"


class CaseError(Exception):
    pass


def unescape(text):
    out, at = [], 0
    for m in ESCAPE.finditer(text):
        out.append(text[at:m.start()].encode())
        out.append(bytes.fromhex(m[1]) * int(m[2] or 1) if m[1] else CONTROL[m[3]])
        at = m.end()
    out.append(text[at:].encode())
    return b"".join(out)


class Message:
    """One request or answer of HTTP, in parts, so that mutations can change one of them."""

    def __init__(self, text):
        head, _, body = text.partition("\n\n")
        lines = [unescape(line) for line in head.split("\n")]
        self.first = lines[0]
        self.headers = [tuple(line.split(b":", 1)) for line in lines[1:]]
        for header in self.headers:
            if len(header) != 2:
                raise CaseError(f"not a header: {header[0]!r}")
        self.body = unescape(body)
        self.is_request = not self.first.startswith(b"HTTP/")

    def header(self, name):
        for key, value in self.headers:
            if key.strip().lower() == name.lower():
                return value.strip()
        return None

    def finish(self):
        """Adds what every message has."""
        if self.is_request:
            if len(self.first.split(b" ")) == 2:
                self.first += b" HTTP/1.1"
            if self.header(b"Host") is None:
                self.headers.insert(0, (b"Host", b" www.example.org"))
            if self.header(b"User-Agent") is None:
                self.headers.append((b"User-Agent", b" Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"))
        framed = self.header(b"Content-Length") is not None or self.header(b"Transfer-Encoding") is not None
        if not framed and (self.body or not self.is_request):
            self.headers.append((b"Content-Length", b" %d" % len(self.body)))
        return self

    def bytes(self):
        head = b"".join(b"%s:%s\r\n" % h for h in self.headers)
        return self.first + b"\r\n" + head + b"\r\n" + self.body


class Case:
    def __init__(self, where, sid, hit, options, text):
        self.where, self.sid, self.hit = where, sid, hit
        self.kind = "http"
        self.port, self.times, self.excluded = 80, 1, set()
        for option in options:
            name, _, value = option.partition("=")
            if name in NAMES:
                self.kind = name
            elif name in NUMBERS and value.isdigit():
                setattr(self, name, int(value))
            elif name == "not":
                self.excluded = set(value.split(","))
            else:
                raise CaseError(f"{where}: no option {option}")
        try:
            self.turns = self.read_http(text) if self.kind == "http" else self.read_lines(text)
        except CaseError as e:
            raise CaseError(f"{where}: {e}") from None

    @staticmethod
    def read_http(text):
        """Messages, requests and answers in turn."""
        messages = []
        for exchange in re.split(r"^>>>\n", text, flags=re.M):
            request, _, answer = exchange.partition("\n<<<\n")
            messages.append(Message(request.rstrip("\n")).finish())
            messages.append(Message(answer.rstrip("\n") or ORDINARY_ANSWER).finish())
        return messages

    @staticmethod
    def read_lines(text):
        """(is the client's, bytes) in turn."""
        turns = []
        for line in text.split("\n"):
            if not line:
                continue
            if line[0] not in "<>":
                raise CaseError(f"a line starts with > or <: {line}")
            turns.append((line[0] == ">", unescape(line[1:].removeprefix(" "))))
        return turns


def read(path):
    cases, head, lines = [], None, []

    def end():
        if head is not None:
            words = head[1].split()
            words = head[1].split()
            if len(words) < 3 or not re.fullmatch(r"\d+|any", words[1]) or words[2] not in ("hit", "miss"):
                raise CaseError(f"{path}:{head[0]}: expected === SID hit|miss [OPTION...]")
            where = f"{os.path.basename(path)}:{head[0]}"
            sid = 0 if words[1] == "any" else int(words[1])
            cases.append(Case(where, sid, words[2] == "hit", words[3:], "\n".join(lines).strip("\n")))

    for number, line in enumerate(open(path, encoding="utf-8").read().split("\n"), 1):
        if line.startswith("=== "):
            end()
            head, lines = (number, line), []
        elif line.startswith("#") and not "".join(lines):
            continue
        elif head is not None:
            lines.append(line)
        elif line:
            raise CaseError(f"{path}:{number}: nothing stands before the first ===")
    end()
    return cases
