"""What an attacker changes without changing the attack: a row of MUTATIONS each.

A mutation of HTTP takes a request (a cases.Message of its own) and says whether it changed anything. One of carriage
is obeyed by capture.Conversation.
"""

import copy
import re

FORM = b"application/x-www-form-urlencoded"
ALNUM = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def target(request):
    """(method, path, query or None, version)"""
    method, uri, version = request.first.rsplit(b" ", 1)[0].split(b" ", 1) + [request.first.rsplit(b" ", 1)[1]]
    path, mark, query = uri.partition(b"?")
    return method, path, query if mark else None, version


def retarget(request, method, path, query, version):
    request.first = b"%s %s %s" % (method, path + (b"?" + query if query is not None else b""), version)
    return True


def is_form(request):
    return bool(request.body) and (request.header(b"Content-Type") or b"").startswith(FORM)


def reframe(request):
    """Says the body's length anew, unless the case said one on purpose."""
    for i, (name, value) in enumerate(request.headers):
        if name.lower() == b"content-length" and b" %d" % request.length == value:
            request.headers[i] = (name, b" %d" % len(request.body))
    request.length = len(request.body)


def percent(text, every):
    """Each `every`th letter or digit as %HH; what is encoded already stays."""
    out, count, at = bytearray(), 0, 0
    while at < len(text):
        if text[at:at + 1] == b"%":
            out += text[at:at + 3]
            at += 3
            continue
        count += text[at] in ALNUM
        if text[at] in ALNUM and count % every == 0:
            out += b"%%%02x" % text[at]
        else:
            out.append(text[at])
        at += 1
    return bytes(out)


def encode(request):
    method, path, query, version = target(request)
    if query is not None:
        query = percent(query, 3)
    return retarget(request, method, percent(path, 2), query, version)


def prefix(request):
    method, path, query, version = target(request)
    if not path.startswith(b"/"):
        return False
    return retarget(request, method, b"/zz/.././/" + path[1:], query, version)


def turn_round(text):
    return b"&".join(reversed(text.split(b"&")))


def order(request):
    method, path, query, version = target(request)
    changed = query is not None and b"&" in query and retarget(request, method, path, turn_round(query), version)
    if is_form(request) and b"&" in request.body:
        request.body = turn_round(request.body)
        reframe(request)
        changed = True
    return changed


def padding(request):
    method, path, query, version = target(request)
    filler = b"&".join(b"zz%d=%s" % (i, b"y" * 40) for i in range(8)) + b"&"
    changed = query is not None and retarget(request, method, path, filler + query, version)
    if is_form(request):
        request.body = filler + request.body
        changed = True
    elif request.body[:1] in b"{[" and request.body:
        request.body = b" \n" * 150 + request.body
        changed = True
    reframe(request)
    return changed


def headers(request):
    """Other names' case, another order, more of them."""
    request.headers = [(name.swapcase(), b"  " + value.lstrip()) for name, value in reversed(request.headers)]
    request.headers[0:0] = [(b"X-Filler-%d" % i, b" " + b"z" * 60) for i in range(10)]
    return True


def chunked(request):
    if not request.body or request.header(b"Transfer-Encoding") is not None:
        return False
    request.headers = [h for h in request.headers if h[0].lower() != b"content-length"]
    request.headers.append((b"Transfer-Encoding", b" chunked"))
    pieces = [request.body[at:at + 7] for at in range(0, len(request.body), 7)]
    if len(request.body) > 4096:
        pieces = [request.body[at:at + 500] for at in range(0, len(request.body), 500)]
    request.body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return True


def escaped(value):
    return b"".join(bytes([c]) if c in ALNUM + b"-_.~%+" else b"%%%02X" % c for c in value)


def form(request):
    """What URIs reserve, in a form's values, as %HH."""
    if not is_form(request):
        return False

    pairs = [pair.partition(b"=") for pair in request.body.split(b"&")]
    request.body = b"&".join(name + mark + escaped(value) for name, mark, value in pairs)
    reframe(request)
    return True


def letters(request):
    """Some letters and digits of a form, names and values, as %hh."""
    if not is_form(request):
        return False
    request.body = percent(request.body, 3)
    reframe(request)
    return True


# name, what it is of, function (HTTP only)
MUTATIONS = [
    ("plain", ("http", "tcp", "udp"), None),
    ("ipv6", ("http", "tcp", "udp"), None),
    ("again", ("http", "tcp", "udp"), None),
    ("fragments", ("http", "tcp", "udp"), None),
    ("segments", ("http", "tcp"), None),
    ("disorder", ("http", "tcp"), None),
    ("pipelined", ("http",), None),
    ("headers", ("http",), headers),
    ("encode", ("http",), encode),
    ("prefix", ("http",), prefix),
    ("order", ("http",), order),
    ("padding", ("http",), padding),
    ("chunked", ("http",), chunked),
    ("form", ("http",), form),
    ("letters", ("http",), letters),
]


def mutants(case):
    """(name, turns as (is the client's, bytes), how they are carried) of each mutation that applies to the case."""
    for name, kinds, change in MUTATIONS:
        if case.kind not in kinds or name in case.excluded:
            continue
        how = {name}
        if case.kind != "http":
            yield name, case.turns, how
            continue
        messages = copy.deepcopy(case.turns)
        for m in messages:
            m.length = len(m.body)
        if change and not any([change(m) for m in messages if m.is_request]):
            continue
        turns = [(m.is_request, m.bytes()) for m in messages]
        if name == "pipelined":
            ordinary = b"GET /style.css HTTP/1.1\r\nHost: www.example.org\r\nAccept: text/css\r\n\r\n"
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: 4\r\n\r\np {}"
            turns[0:0] = [(True, ordinary), (False, answer)]
        yield name, turns, how
