"""IMAP answers as Python values: lists, bytes for strings, int for numbers, None for NIL, str for other atoms."""
import base64
import re

ATOM = re.compile(rb'[^\s()"{]+')


def read_value(text, at):
    """The value at `at` and where it ends."""
    c = text[at:at + 1]
    if c == b"(":
        out, at = [], at + 1
        while text[at:at + 1] != b")":
            if text[at:at + 1] == b" ":
                at += 1
                continue
            value, at = read_value(text, at)
            out.append(value)
        return out, at + 1
    if c == b'"':
        out, at = bytearray(), at + 1
        while text[at:at + 1] != b'"':
            at += text[at:at + 1] == b"\\"
            out += text[at:at + 1]
            at += 1
        return bytes(out), at + 1
    if c == b"{":
        size, begin = int(text[at + 1:text.index(b"}", at)]), text.index(b"\n", at) + 1
        return text[begin:begin + size], begin + size
    atom = ATOM.match(text, at)
    if atom is None:
        raise ValueError(f"no IMAP value: {text[at:at + 40]!r}")
    word = atom.group()
    return None if word == b"NIL" else int(word) if word.isdigit() else word.decode("latin-1"), atom.end()


def read_all(text):
    value, end = read_value(text, 0)
    if text[end:].strip():
        raise ValueError(f"text behind an IMAP value: {text[end:][:40]!r}")
    return value


ENVELOPE = ("date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id")


WORD = re.compile(r"=\?utf-8\?b\?([A-Za-z0-9+/=]*)\?=(?:[ \t]+(?==\?utf-8\?b\?))?", re.IGNORECASE)


def readable(value):
    """A string without what says nothing: how 8-bit text is sent (raw by Dovecot, as encoded words by us), which blanks
    stand between words, and the names that Dovecot has for an address's missing half."""
    if isinstance(value, list):
        return [readable(v) for v in value]
    if not isinstance(value, bytes):
        return value
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    joined = WORD.sub(lambda m: base64.b64decode(m.group(1) + "==").decode("utf-8", "replace"), text)
    plain = " ".join(joined.split())
    return "" if plain in ("MISSING_MAILBOX", "MISSING_DOMAIN") else plain


def lower(value):
    return value.lower() if isinstance(value, bytes) else value


def parameters(value):
    """Names without case; their order means nothing (RFC 2045 section 5.1), and neither does the charset that is the
    default (section 5.2): Dovecot adds it to all text."""
    pairs = zip(value[::2], value[1::2]) if value else ()
    found = sorted((lower(n), readable(lower(v) if lower(n) == b"charset" else v)) for n, v in pairs)
    return [p for p in found if p != (b"charset", "us-ascii")]


def extension(fields, values):
    """What follows in BODYSTRUCTURE: of a part MD5, disposition, language, location."""
    out = dict(zip(fields, values))
    if out.get("disposition"):
        kind, of_it = out["disposition"]
        out["disposition"], out["disposition-parameters"] = lower(kind), parameters(of_it)
    if isinstance(out.get("language"), bytes):  # one alone or a list of one: the grammar has both
        out["language"] = [out["language"]]
    if "parameters" in out:
        out["parameters"] = parameters(out["parameters"])
    return out


def envelope(value):
    if not isinstance(value, list) or len(value) != len(ENVELOPE):
        raise ValueError(f"no envelope: {value!r}")
    return dict(zip(ENVELOPE, map(readable, value)))


def structure(value, number=""):
    """The parts of BODY or BODYSTRUCTURE: (number, fields) in order; names of types and encodings without case."""
    if isinstance(value[0], list):
        children = [v for v in value if isinstance(v, list)]
        count = next(i for i, v in enumerate(value) if not isinstance(v, list))
        del children[count:]
        fields = {"type": b"multipart", "subtype": lower(value[count])}
        fields |= extension(("parameters", "disposition", "language", "location"), value[count + 1:])
        yield number or "root", fields
        for i, child in enumerate(children, 1):
            yield from structure(child, f"{number}.{i}" if number else str(i))
        return
    names = ("type", "subtype", "parameters", "id", "description", "encoding", "octets")
    fields = dict(zip(names, value)) | {"parameters": parameters(value[2])}
    for name in ("type", "subtype", "encoding"):
        fields[name] = lower(fields[name])
    fields["id"], fields["description"] = readable(fields["id"]), readable(fields["description"])
    rest, inner = value[7:], None
    if fields["type"] == b"message" and rest and isinstance(rest[0], list):
        fields["envelope"], inner, fields["lines"] = envelope(rest[0]), rest[1], rest[2]
        rest = rest[3:]
    elif fields["type"] == b"text":
        fields["lines"], rest = rest[0], rest[1:]
    fields |= extension(("md5", "disposition", "language", "location"), rest)
    yield number or "1", fields
    if inner is not None:
        yield from structure(inner, f"{number or '1'}.m")
