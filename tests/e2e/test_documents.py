"""Attached documents are found by FUZZY searches: PDF and what offices write, by the programs of the system in a sandbox."""
import base64
import imaplib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import unittest
import urllib.request
import zipfile

from imap_mailbox import ImapMailbox
from posthouse import Demo, run, tls_context, wait_until
from test_serve import Serve


def pdf(text):
    """A PDF of one page with one line, by hand (ISO 32000-1 section 7.5)."""
    stream = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>",
               b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
               b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
               b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % at for at in places)
    return out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)


def archive(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
        for name, text in files.items():
            written.writestr(name, text)
    return out.getvalue()


def docx(text):
    half = len(text) // 2    # in two runs, as a spelling checker parts words
    return archive({"[Content_Types].xml": "<Types/>", "word/styles.xml": "<w:styles><w:t>nowhere</w:t></w:styles>",
                    "word/document.xml": '<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="x"><w:body><w:p>'
                    f"<w:r><w:t>{text[:half]}</w:t></w:r><w:r><w:t>{text[half:]}</w:t></w:r></w:p></w:body></w:document>"})


def xlsx(text):
    return archive({"xl/sharedStrings.xml": f'<?xml version="1.0"?><sst><si><t>{text}</t></si></sst>',
                    "xl/worksheets/sheet1.xml": '<?xml version="1.0"?><worksheet><c t="s"><v>0</v></c></worksheet>'})


def odt(text):
    return archive({"mimetype": "application/vnd.oasis.opendocument.text",
                    "content.xml": '<?xml version="1.0"?><office:document-content xmlns:office="o" xmlns:text="t"><office:body>'
                    f"<office:text><text:p>{text}</text:p></office:text></office:body></office:document-content>"})


WORD = "vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCUMENTS = [("pdf", "pdftotext", pdf("Quarterly saxophone figures")), (WORD, "bsdtar", docx("harpsichord contract")),
             (SHEET, "bsdtar", xlsx("bassoon budget")), ("vnd.oasis.opendocument.text", "bsdtar", odt("trombone minutes")),
             ("pdf", "", b"%PDF-1.4 that is none"), (WORD, "", b"PK\x03\x04 no archive")]
KEYS = ["saxophones", "harpsichord", "basoon", "trombone"]


def letter(n, subtype, document):
    return (f"From: ann@far.test\r\nSubject: number {n}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
            f"--b\r\n\r\nsee attached\r\n--b\r\nContent-Type: application/{subtype}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            ).encode() + base64.encodebytes(document).replace(b"\n", b"\r\n") + b"--b--\r\n"


def indexed(demo):
    answer = json.loads(demo.run("search", "status", "--json", demo.address("alice"), check=True).stdout)
    return answer["indexed"]


def metric(demo, result):
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.ports['metrics']}/metrics", timeout=10) as answer:
        found = re.search(r'posthouse_search_documents_total\{result="%s"\} (\d+)' % result, answer.read().decode())
    return int(found[1]) if found else 0


class Documents(unittest.TestCase):
    def test_programs_of_the_system(self):
        missing = {program for _, program, _ in DOCUMENTS if program and not shutil.which(program)}
        if missing:
            self.skipTest(f"not installed: {missing}")
        with Demo("--set", 'search.rate="0B"') as demo:
            box = ImapMailbox(demo, "alice", "Documents", create=True)
            box.append(*(letter(n, subtype, document) for n, (subtype, _, document) in enumerate(DOCUMENTS)))
            wait_until(lambda: indexed(demo) >= len(DOCUMENTS), 60, "the index")
            for n, key in enumerate(KEYS, 1):
                self.assertEqual(box.search(f"FUZZY TEXT {key}"), [n], key)
                self.assertEqual(box.search(f"FUZZY BODY {key}"), [n], key)
                self.assertEqual(box.search(f"BODY {key[:6]}"), [])    # exact searches are of text alone
            self.assertEqual(box.search("FUZZY BODY nowhere"), [])
            # The damaged ones are letters as others.
            self.assertEqual(box.search("FUZZY BODY attached"), list(range(1, len(DOCUMENTS) + 1)))
            self.assertEqual(metric(demo, "text"), len(KEYS))
            self.assertEqual(metric(demo, "failed"), 2)

    def serve_with(self, program, letters, check):
        """A demo whose PDF extractor is that program in Python."""
        with Demo("--set", 'search.rate="0B"') as demo:
            demo.own_directory = False
        script = pathlib.Path(demo.directory) / "extractor"
        script.write_text("#!/usr/bin/python3 -IS\nimport os, sys\n" + program)
        script.chmod(0o755)
        try:
            with Demo("--set", 'search.rate="0B"', "--set", f'search.extractors=["pdf={script}"]',
                      directory=demo.directory) as again:
                box = ImapMailbox(again, "alice", "Documents", create=True)
                box.append(*letters)
                wait_until(lambda: indexed(again) >= len(letters), 60, "the index")
                check(again, box)
        finally:
            shutil.rmtree(demo.directory, ignore_errors=True)

    def test_another_program(self):
        def check(demo, box):
            self.assertEqual(box.search("FUZZY BODY backwards"), [1])
            self.assertEqual(box.search("FUZZY BODY refused"), [1])
            self.assertEqual(box.search("FUZZY BODY worked"), [])
        self.serve_with("def attempt(what):\n"
                        "  try: what(); print('worked')\n"
                        "  except OSError: print('refused')\n"
                        "attempt(lambda: os.listdir(os.path.dirname(__file__)))\n"
                        "attempt(lambda: open('/etc/passwd'))\n"
                        "attempt(os.fork)\n"
                        "print(sys.stdin.read()[::-1])\n", [letter(0, "pdf", b"sdrawkcab")], check)

    def test_one_that_crashes(self):
        def check(demo, box):
            self.assertEqual(box.search("FUZZY BODY attached"), [1, 2])
            self.assertEqual(box.search("FUZZY BODY good"), [2])
            self.assertEqual(metric(demo, "failed"), 1)
            with open(os.path.join(demo.directory, "posthouse.log"), encoding="utf-8", errors="replace") as log:
                self.assertIn("search.document_not_read", log.read())
        self.serve_with("text = sys.stdin.read()\nif 'bad' in text: os.abort()\nprint(text)",
                        [letter(0, "pdf", b"bad"), letter(1, "pdf", b"good")], check)

    def test_of_a_confined_server(self):
        """As `posthouse serve` runs it: the worker starts nothing, and the next worker has another process for that."""
        with Serve('[search]\nrate = "0B"\nextractors = ["pdf=cat"]\n') as server:
            if "sandbox.no_landlock" in server.own_log():
                self.assertIn("search.extractors_off", server.own_log())
                return
            for n, word in enumerate(("quagmire", "saxophone")):
                run("deliver", "--config", server.config, "me", stdin=letter(n, "pdf", word.encode()), check=True)
                client = imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=tls_context(), timeout=30)
                client.login("me@serve.test", "secret")
                client.select("INBOX")
                wait_until(lambda: client.search(None, "FUZZY BODY", word)[1][0] == b"%d" % (n + 1), 60, f"{word} to be found")
                self.assertEqual(client.search(None, "BODY", word)[1][0], b"")
                client.shutdown()
                worker = server.worker()
                if n == 0:
                    os.kill(worker, signal.SIGKILL)
                    server.wait_for_log("server.ready", 2)


if __name__ == "__main__":
    unittest.main()
