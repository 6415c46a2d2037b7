"""Makes odd and hostile messages: the same ones for the same seed. Each kind is one generator of messages."""
import base64
import quopri
import random
import urllib.parse

WORDS = "lunch meeting report invoice Jürgen 日本 Привет naïve offer hello world".split()
TEXTS = ["short\n", "two\nlines\n", "", "\n", "no end of line", "Ünïcödé text\n", "-- \nsignature\n", "--not-a-boundary\ntext\n",
         "From here\n.dot\n..dots\n", "a" * 1200 + "\n"]


def pick(i, choices):
    """The same choice for the same number, so that a row of the table can name it."""
    return choices[i % len(choices)]


def header(fields):
    return "".join(f"{name}: {value}\n" for name, value in fields)


def envelope(rng):
    return header([("From", "Joe <joe@example.org>"), ("To", "ann@example.net"),
                   ("Date", "Mon, 23 Nov 2026 21:14:13 +0100"), ("Subject", rng.choice(["one", "two", "three"])),
                   ("Message-ID", f"<{rng.randrange(10**9)}@example.org>"), ("MIME-Version", "1.0")])


def text_part(rng, text=None):
    return f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{rng.choice(TEXTS) if text is None else text}"


def multipart(rng, boundary, parts, kind="mixed", end=True):
    lines = f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n' + rng.choice(["", "preamble\n"])
    for part in parts:
        lines += f"--{boundary}\n{part}\n"
    return lines + (f"--{boundary}--\n" + rng.choice(["", "epilogue\n"]) if end else "")


def nesting(rng, i):
    message = text_part(rng)
    for level in range(rng.randrange(1, 30)):
        message = multipart(rng, f"level{level}", [message] * rng.choice([1, 1, 1, 2]) if level < 8 else [message])
    return envelope(rng) + message


def prefixes(rng, i):
    names = ["b", "bb", "bb-", "b-", "b--", "bbb"]
    rng.shuffle(names)
    message = text_part(rng)
    for name in names[:rng.randrange(2, 5)]:
        message = multipart(rng, name, [text_part(rng), message, text_part(rng)])
    return envelope(rng) + message


def missing_ends(rng, i):
    inner = multipart(rng, "inner", [text_part(rng), text_part(rng)], end=rng.random() < 0.3)
    outer = multipart(rng, "outer", [text_part(rng), inner, text_part(rng)], end=rng.random() < 0.5)
    message = envelope(rng) + outer
    return message[:len(message) - rng.choice([0, 0, 1, 3, 30])]


def line_ends(rng, i):
    message = envelope(rng) + multipart(rng, "x", [text_part(rng), multipart(rng, "y", [text_part(rng)] * 2), text_part(rng)])
    return "".join(rng.choice(["\r\n", "\n"]) if c == "\n" else c for c in message)


def headers_8bit(rng, i):
    subject = " ".join(rng.sample(WORDS, 3))
    value = subject.encode(rng.choice(["utf-8", "cp1252"]), "replace")
    name = rng.choice(["Jürgen", "Zoë Ñandú", "日本"]).encode(rng.choice(["utf-8", "cp1252"]), "replace")
    return (b"Subject: " + value + b"\nFrom: " + rng.choice([name, b'"' + name + b'"']) + b" <j@example.org>\n"
            b"To: x@example.org (" + name + b")\n\nbody\n")


def folded(rng, i):
    def fold(text):
        return "".join(rng.choice(["\n ", "\n\t", "\n  "]) if c == " " and rng.random() < 0.6 else c for c in text)
    return header([("Subject", fold("a folded subject of many words")), ("From", fold('"Joe Q. Public" <joe@example.org>')),
                   ("To", fold("ann@example.net, Bob <bob@example.org> , team: c@example.org, d@example.org;")),
                   ("Date", fold("Mon, 23 Nov 2026 21:14:13 +0100")), ("Message-ID", fold(" <a.b@example.org>")),
                   ("References", fold("<a@x> <b@x> <c@x>")),
                   ("Content-Type", fold('text/plain; charset=utf-8; format=flowed; name="some name.txt"'))]) + "\nbody\n"


def parameters_2231(rng, i):
    text = rng.choice(["naïve file.txt", "日本語.pdf", "plain.txt", "a b;c.txt"])
    charset = rng.choice(["utf-8", "UTF-8"])
    coded = urllib.parse.quote(text, safe="")
    cut = rng.randrange(1, len(coded))
    pieces = [f"filename*0*={charset}''{coded[:cut]}", f"filename*1*={coded[cut:]}"]
    value = rng.choice([f"filename*={charset}'en'{coded}", "; ".join(pieces), ";\n ".join(reversed(pieces)),
                        f"filename=\"fallback.txt\"; filename*={charset}''{coded}",
                        'filename*0="long "; filename*1="name"; filename*2=.txt', f"FileName*0*={charset}''{coded}"])
    return (envelope(rng) + multipart(rng, "p", [text_part(rng), f"Content-Type: application/octet-stream\n"
            f"Content-Disposition: attachment; {value}\n\ndata\n"]))


def encoded_words(rng, i):
    text = " ".join(rng.sample(WORDS, 4))
    charset = rng.choice(["utf-8", "UTF-8"])
    data = text.encode(charset)
    def word(piece):
        if rng.random() < 0.5:
            return f"=?{charset}?B?{base64.b64encode(piece).decode()}?="
        return f"=?{charset}?q?" + "".join(chr(c) if chr(c).isalnum() and c < 128 else f"={c:02X}" for c in piece) + "?="
    kind = rng.randrange(5)
    if kind == 0:  # cut anywhere, inside characters too
        cut = rng.randrange(1, len(data))
        value = word(data[:cut]) + rng.choice([" ", "\n ", "  "]) + word(data[cut:])
    elif kind == 1:
        value = "plain " + word(data) + " plain"
    elif kind == 2:
        value = "=?iso-8859-1?q?caf=E9?= =?koi8-r?B?8NLJ18XU?= =?gb2312?B?xOO6ww==?= =?iso-2022-jp?B?GyRCRnxLXBsoQg==?="
    elif kind == 3:
        value = rng.choice(["=?utf-8?q?open", "=?utf-8?x?odd?=", "=?utf-8?q??=", "=?utf-8*en?q?lang?=", "a=?utf-8?q?b?=c", "=?=?=?="])
    else:
        value = word(data[:10]) + word(data[10:])
    return header([("Subject", value), ("From", f"{word('Jürgen'.encode())} <j@example.org>")]) + "\nbody\n"


def addresses(rng, i):
    choices = ["joe@example.org", "Joe <joe@example.org>", '"Joe, Q." <joe@example.org>', "joe@example.org (Joe Public)",
               "Joe (the boss) <joe@example.org>", "team: a@example.org, B <b@example.org>;", "empty:;", "<joe@example.org>",
               '"joe public"@example.org', "joe@[127.0.0.1]", "Joe Q. Public <joe@example.org>", "<@a,@b:joe@example.org>",
               "joe . public @ example . org", '"a\\"b" <joe@example.org>', "joe+tag@example.org",
               '"=?utf-8?q?J=C3=BCrgen?=" <j@example.org>', "=?utf-8?q?J=C3=BCrgen?= Klein <j@example.org>"]
    return header([(name, ", ".join(rng.sample(choices, rng.randrange(1, 5)))) for name in ("From", "To", "Cc")]) + "\nbody\n"


def broken_addresses(rng, i):
    choices = ["joe", "joe@", "@example.org", "<>", "Joe <joe@example.org", "Joe joe@example.org>", '"Joe <joe@example.org>',
               "Joe (open <joe@example.org>", "a@b@c", "joe@example.org <joe@example.org>", "a@example.org b@example.org",
               "a@example.org; b@example.org", "undisclosed-recipients", "team: a@example.org", ",,,", "Joe [home] <joe@example.org>",
               "joe@example..org", "<<joe@example.org>>", "Joe, Public <joe@example.org>"]
    return header([("From", pick(i, choices)), ("To", pick(i + 5, choices[:6])), ("Cc", pick(i, choices[-3:]))]) + "\nbody\n"


def dates(rng, i):
    zone = rng.choice(["+0000", "-0330", "GMT", "UT", "EST", "PDT", "Z", "+0100 (CET)", "-0000", "A", "(comment) +0200"])
    value = rng.choice(["Mon, 23 Nov 2026 21:14:13", "23 Nov 2026 21:14:13", "Mon, 23 Nov 26 21:14", "Mon, 3 Nov 99 1:02:03",
                        "Mon , 23 Nov 2026 21 : 14 : 13", "Monday, 23-Nov-26 21:14:13", "Tue, 23 Nov 2026 21:14:13",
                        "Mon, 23 Nov 126 21:14:13", "Fri, 29 Feb 2024 23:59:60", "Mon (day), 23 (d) Nov (m) 2026 21:14:13"])
    return header([("Date", f"{value} {zone}"), ("Subject", "date")]) + "\nbody\n"


def broken_dates(rng, i):
    value = pick(i, ["", "now", "Mon, 23 Nov 2026", "Mon, 32 Nov 2026 21:14:13 +0000", "Mon, 23 Nov 2026 25:14:13 +0000",
                        "2026-11-23T21:14:13Z", "Mon Nov 23 21:14:13 2026", "23/11/2026 21:14", "Mon, 23 Nov 2026 21:14:13 +9999",
                        "Mon, 23 Nov 2026 21:14:13", "Thu, 1 Jan 1970 00:00:00 +0000", "Mon, 23 Nov 2026 9:14:13 PM +0000"])
    return header([("Date", value), ("Subject", "date")]) + "\nbody\n"


def empty_parts(rng, i):
    parts = [rng.choice(["", "\n", "Content-Type: text/html\n", "Content-Type: text/html\n\n", text_part(rng, ""),
                         "\nonly a body", "Content-Type: multipart/mixed; boundary=none\n\n"]) for _ in range(rng.randrange(1, 5))]
    message = multipart(rng, "e", parts)
    return envelope(rng) + (message.replace("\n--e", "--e", 1) if rng.random() < 0.2 else message)


def embedded(rng, i):
    inner = envelope(rng) + rng.choice([text_part(rng), multipart(rng, "in", [text_part(rng)] * 2)])
    kind = rng.randrange(4)
    if kind == 0:
        part = "Content-Type: message/rfc822\n\n" + inner
    elif kind == 1:
        part = "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n" + inner
    elif kind == 2:
        part = multipart(rng, "dg", ["\n" + inner, "Content-Type: text/plain\n\nx\n"], kind="digest")
    else:
        part = "Content-Type: message/rfc822\n\nSubject: a\nContent-Type: message/rfc822\n\n" + inner
    return envelope(rng) + multipart(rng, "em", [text_part(rng), part, text_part(rng)])


def embedded_coded(rng, i):
    inner = (envelope(rng) + text_part(rng)).encode()
    if rng.random() < 0.5:
        part = "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(inner).decode()
    else:
        part = ("Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n" + quopri.encodestring(inner).decode())
    return envelope(rng) + multipart(rng, "em", [text_part(rng), part])


def transfer(rng, i):
    data = bytes(rng.randrange(256) for _ in range(rng.randrange(0, 200)))
    coded = base64.encodebytes(data).decode()
    kind = rng.randrange(6)
    if kind == 0:
        body = coded
    elif kind == 1:
        body = coded.replace("\n", rng.choice(["", " \n", "\n\n", "\r\n"]))
    elif kind == 2:
        body = quopri.encodestring(data).decode()
        return envelope(rng) + f"Content-Type: application/x\nContent-Transfer-Encoding: quoted-printable\n\n{body}"
    elif kind == 3:
        return envelope(rng) + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nsoft =\nbreak=20  \nlast  \nna=C3=AFve =3D end"
    elif kind == 4:
        return envelope(rng) + "Content-Type: application/x\nContent-Transfer-Encoding: QUOTED-Printable (comment)\n\n=41=42=0D=0A=43\n"
    else:
        body = base64.b64encode(data).decode()
    return envelope(rng) + f"Content-Type: application/x\nContent-Transfer-Encoding: {rng.choice(['base64', 'BASE64', ' base64 '])}\n\n{body}"


def broken_transfer(rng, i):
    value, body = pick(i, [("base64", "QUJD*REVG\n"), ("base64", "QUJD=REVG\n"), ("base64", "QUI=QUI=\n"), ("base64", "QUJDR\n"),
                              ("base64", "QUJDRE\n"), ("base64", "QUJDREU\n"), ("base64", "QUJD\n--\nfooter text\n"),
                              ("quoted-printable", "=\n=4\n=ZZ=41\n"), ("quoted-printable", "a=3dd=3Dd\n=C3"), ("quoted-printable", "end="),
                              ("x-uuencode", "begin 644 x\n#0V%T\n`\nend\n"), ("odd", "text\n"), ("8-bit", "text\n"), ('"base64"', "QUJD\n")])
    return envelope(rng) + f"Content-Type: application/x\nContent-Transfer-Encoding: {value}\n\n{body}"


def charsets(rng, i):
    charset, label, text = pick(i, [
        ("cp1252", "iso-8859-1", "smart “quotes” – €\n"), ("cp1252", "windows-1252", "€ 5\n"), ("utf-8", "us-ascii", "naïve\n"),
        ("cp1252", "us-ascii", "naïve café\n"), ("utf-8", "unknown-8bit", "naïve\n"), ("gbk", "gb2312", "镕基 你好\n"), ("koi8-r", "koi8-r", "Привет\n"),
        ("iso2022_jp", "iso-2022-jp", "日本語 text\n"), ("cp932", "shift_jis", "①日本\n"), ("euc_kr", "ks_c_5601-1987", "안녕\n"),
        ("cp949", "euc-kr", "똠방각하\n"), ("big5", "big5", "中文\n"), ("utf-16", "utf-16", "wide\n"), ("utf-8", "utf8", "naïve\n"),
        ("utf-8", "x-nobody-knows", "naïve\n"), ("iso8859_2", "iso-8859-2", "Łódź\n"), ("cp1251", "windows-1251", "Привет\n"),
        ("iso8859_15", "iso-8859-15", "€\n"), ("utf-7", "utf-7", "Hi Mom ☺\n"), ("utf-8", '"utf-8"', "naïve\n"), ("cp1252", "utf-8", "naïve\n")])
    data = base64.encodebytes(text.encode(charset)).decode()
    return envelope(rng) + f"Content-Type: text/plain; charset={label}\nContent-Transfer-Encoding: base64\n\n{data}"


def broken_headers(rng, i):
    lines = envelope(rng).splitlines(True)
    odd = pick(i, ["no colon in this line\n", "X-Blank : value\n", ": no name\n", "Subject\n", "X-Ünï: value\n", "\tfolded\n",
                      "X-Empty:\n", "X-Long: " + "a" * 5000 + "\n", "Content-Type text/plain\n"])
    lines.insert(rng.randrange(0, len(lines)), odd)
    return "".join(lines) + rng.choice(["\nbody\n", "", "\n", "\n\nbody"])


def starts(rng, i):
    return pick(i, ["From joe@example.org Mon Nov 23 21:14:13 2026\n" + envelope(rng) + "\nbody\n", "\n" + envelope(rng) + "\nbody\n",
                       "\n", "", "just a body\nwithout header\n", "Subject: only a header", "Subject: only a header\n", "\n\n\n",
                       ">From joe Mon Nov 23 21:14:13 2026\n" + envelope(rng) + "\nbody\n"])


def boundaries(rng, i):
    boundary = rng.choice(["simple", "=_a b", "a'()+_,-./:=?z", "x" * 70, "gc0p4Jq0M2Yt08jU534c0p", "trailing "])
    message = multipart(rng, boundary, [text_part(rng), text_part(rng, f"text\n --{boundary}\n--{boundary}x\n{boundary}\n"), text_part(rng)])
    return envelope(rng) + message.replace(f"--{boundary}\n", f"--{boundary}{rng.choice(['', ' ', chr(9)])}\n")


def identities(rng, i):
    choices = ["<a@b>", "<a.b+c@example.org>", "<\"quoted\"@example.org>", "<no-at-sign>", "a@b", "<a@[1.2.3.4]>", "< a@b >",
               "<a@b> (comment)", "(comment) <a@b>", "<a b@c>", "<>", "", "<a@b", "a@b>", "phrase <a@b>", "<ünï@example.org>"]
    return header([("Message-ID", pick(i, choices)), ("In-Reply-To", pick(i, choices)),
                   ("References", rng.choice([" ", "", ",", "\n "]).join(rng.sample(choices[:6], 3)))]) + "\nbody\n"


def types(rng, i):
    value = pick(i, ["text", "text/", "/plain", "text/plain;", "TEXT/PLAIN; CHARSET=UTF-8", "text/plain charset=utf-8", "text/html; charset",
                        "text/html; charset=", 'text/html; charset="utf-8', "text/html; charset=utf-8; charset=us-ascii", "text / html", "text/html (comment); charset=utf-8 (c)",
                        "text/html;charset=utf-8;;;x=y", "application/x; name=a b.txt", "multipart/mixed", "multipart/mixed; boundary=", "text/plain; name=\"a\\\"b\\\\c\"",
                        "text/plain; charset='utf-8'", "text/html, text/plain", "message/partial; id=x", "image/png; name==?utf-8?q?n=C3=A4me?=", 'image/png; name="=?utf-8?q?n=C3=A4me?="', ""])
    return envelope(rng) + f"Content-Type: {value}\n\nbody\n"


def shapes(rng, i):
    """The kinds of entities that have rules of their own (RFC 2046 sections 5.1 and 5.2, RFC 1847, 2387, 6522, 9051)."""
    letter = envelope(rng) + text_part(rng)
    html = "Content-Type: text/html; charset=utf-8\nContent-Language: en, de\nContent-Location: http://x/y\n\n<p>html</p>\n"
    image = ("Content-Type: image/png; name=a.png\nContent-ID: <a@x>\nContent-Description: a picture\nContent-MD5: Q2hlY2s=\n"
             "Content-Disposition: inline; filename=a.png; size=3\nContent-Transfer-Encoding: base64\n\nYWJj\n")
    message = f"Content-Type: message/rfc822\nContent-Disposition: attachment\n\n{letter}"
    status = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@b\nAction: failed\n"
    return envelope(rng) + pick(i, [
        multipart(rng, "d", [f"\n{letter}"] * 3, "digest"),
        multipart(rng, "d", [f"\n{letter}", text_part(rng), f"Content-Description: one\n\n{letter}", message], "digest"),
        multipart(rng, "m", [text_part(rng), multipart(rng, "d", ["\n" + envelope(rng) + multipart(rng, "a", [text_part(rng), html],
                                                                                                   "alternative")], "digest")]),
        multipart(rng, "r", [text_part(rng), status, message], "report; report-type=delivery-status"),
        multipart(rng, "r", [text_part(rng), status.replace("delivery-status", "disposition-notification"),
                             "Content-Type: text/rfc822-headers\n\n" + envelope(rng)], "report; report-type=disposition-notification"),
        multipart(rng, "a", [text_part(rng), multipart(rng, "r", [html, image], "related; type=\"text/html\"; start=\"<a@x>\"")], "alternative"),
        multipart(rng, "s", [text_part(rng), "Content-Type: application/pgp-signature; name=s.asc\n\n-----BEGIN-----\n"],
                  "signed; micalg=pgp-sha256; protocol=\"application/pgp-signature\""),
        "Content-Type: message/partial; id=\"abc@x\"; number=2; total=3\n\nthe middle of a message\n",
        "Content-Type: message/external-body; access-type=local-file; name=\"/x\"\n\nContent-Type: image/gif\nContent-ID: <p@x>\n\nphantom\n",
        multipart(rng, "m", [message, f"Content-Type: message/rfc822\n\n{envelope(rng)}{message}", image]),
        message,
        multipart(rng, "p", [text_part(rng), html, image], "parallel"),
        multipart(rng, "e", ["Content-Type: application/pgp-encrypted\n\nVersion: 1\n", "Content-Type: application/octet-stream\n\nx\n"], "encrypted"),
        multipart(rng, "f", ["Content-Disposition: form-data; name=a\n\nx\n"], "form-data"),
        f"Content-Type: message/global\nContent-Transfer-Encoding: 8bit\n\n{letter}",
        f"Content-Type: message/http\n\n{letter}"])


KINDS = [nesting, prefixes, missing_ends, line_ends, headers_8bit, folded, parameters_2231, encoded_words, addresses, broken_addresses,
         dates, broken_dates, empty_parts, embedded, embedded_coded, transfer, broken_transfer, charsets, broken_headers, starts,
         boundaries, identities, types, shapes]


def generate(seed, count):
    """(name, bytes) of `count` messages of every kind."""
    for kind in KINDS:
        rng = random.Random(f"{seed} {kind.__name__}")
        for i in range(count):
            message = kind(rng, i)
            yield f"{kind.__name__}-{i:02}", message if isinstance(message, bytes) else message.encode()
