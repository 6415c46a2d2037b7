"""What Python's email package reads in a message, in the words of message_shape.cpp."""
import codecs
import email
import email.headerregistry
import email.policy
import email.utils
import hashlib

REGISTRY = email.headerregistry.HeaderRegistry()
# Labels that stand for another charset in practice (WHATWG Encoding Standard): the email package leaves them alone.
LABELS = {
    "iso-8859-1": "cp1252", "latin1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949", "shift_jis": "cp932", "big5": "big5hkscs", "iso-8859-9": "cp1254", "us-ascii": "utf-8",
}


def digest(data):
    """Size and sum."""
    return f"{len(data)} {hashlib.sha256(data).hexdigest()[:16]}"


def decode(data, charset):
    """Text of a charset; of one that nobody knows, UTF-8, and windows-1252 where it is none (RFC 7103 section 7.6)."""
    name = LABELS.get(charset.lower(), charset)
    try:
        text = data.decode(name, "utf8_or_1252" if name in ("utf-8", "utf8") else "replace")
    except LookupError:
        text = data.decode("utf-8", "utf8_or_1252")
    return text.replace("\r\n", "\n")


def latin(error):
    byte = error.object[error.start:error.start + 1]
    return byte.decode("cp1252", "ignore") or byte.decode("latin-1"), error.start + 1


def fields(message, name):
    """Raw values of a field; 8-bit text as the text it is, which the package itself would not read."""
    for key, value in message.raw_items():
        if key.lower() == name:
            raw = str(value).encode("utf-8", "surrogateescape")
            yield decode(raw, "utf-8")


def first(message, name):
    return next(fields(message, name), None)


def header(name, value):
    return REGISTRY(name, value.replace("\r", "").replace("\n", "").strip(" \t"))


def addresses(message, name):
    found = []
    for value in fields(message, name):
        for group in header(name, value).groups:
            if group.display_name is not None:
                found.append([group.display_name, None, None])
            for a in group.addresses:
                found.append([group.display_name or "", a.display_name, a.addr_spec.removesuffix("@")])
    return found


def envelope(message):
    subject = first(message, "subject")
    identity = first(message, "message-id")
    return {
        "subject": None if subject is None else str(header("subject", subject)).strip(),
        "from": addresses(message, "from"), "to": addresses(message, "to"), "cc": addresses(message, "cc"),
        "message_id": [] if identity is None else [str(header("message-id", identity)).strip().strip("<>")],
    }


def leaf(part, shape):
    payload = part._payload  # as it came: get_payload() would decode 8-bit text
    if not isinstance(payload, str):
        return
    raw = payload.encode("utf-8", "surrogateescape")
    data = part.get_payload(decode=True) or b""
    shape.update(octets=len(raw), lines=raw.count(b"\n"), bytes=digest(data))
    if shape["type"].startswith("text/"):
        shape["text"] = digest(decode(data, shape["parameters"].get("charset", "us-ascii")).encode())


def parts(part, number, out):
    shape = {"number": number, "type": part.get_content_type(), "parameters": {}, "disposition": "",
             "disposition_parameters": {}}
    kind = first(part, "content-type")
    if kind is not None:
        parsed = header("content-type", kind)
        shape["parameters"] = {k.lower(): str(v) for k, v in parsed.params.items()}
    disposition = first(part, "content-disposition")
    if disposition is not None:
        parsed = header("content-disposition", disposition)
        shape["disposition"] = (parsed.content_disposition or "").lower()
        shape["disposition_parameters"] = {k.lower(): str(v) for k, v in parsed.params.items()}
    encoding = first(part, "content-transfer-encoding")
    shape["encoding"] = "7bit" if encoding is None else header("content-transfer-encoding", encoding).cte
    shape["id"] = (first(part, "content-id") or "").strip()
    shape["description"] = str(header("content-description", first(part, "content-description") or "")).strip()
    out.append(shape)
    children = part.get_payload() if isinstance(part.get_payload(), list) else None
    embedded = shape["type"] in ("message/rfc822", "message/global")
    if children is None:
        return leaf(part, shape)
    if embedded:
        shape["envelope"] = envelope(children[0])
    elif part.get_content_maintype() != "multipart":
        return  # the package takes reports apart, which are no parts of the MIME tree (RFC 3464 section 2.1)
    for i, child in enumerate(children, 1):
        parts(child, f"{number}.{i}" if number else str(i), out)


def shape(data):
    try:
        message = email.message_from_bytes(data, policy=email.policy.compat32)
        found = envelope(message)
        date = first(message, "date")
        tuple_ = None if date is None else email.utils.parsedate_tz(date)
        found["date"] = None if tuple_ is None else email.utils.mktime_tz(tuple_)
        found["parts"] = []
        parts(message, "", found["parts"])
        return found
    except (Exception, RecursionError) as error:  # of the package: what it can't read is its answer
        return {"error": f"{type(error).__name__}: {error}"}


codecs.register_error("utf8_or_1252", latin)
