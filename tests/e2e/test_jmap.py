"""JMAP over HTTP and HTTPS, as programs speak it: the Session object, requests, uploads and downloads (RFC 8620)."""
import base64
import http.client
import json
import ssl
import unittest

from posthouse import Demo, wait_until

CORE, MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"


class Client:
    """One account's, on one connection."""

    def __init__(self, demo, name="alice", tls=False, password="demo"):
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.connection = http.client.HTTPSConnection("127.0.0.1", demo.ports["https"], context=context, timeout=60)
        else:
            self.connection = http.client.HTTPConnection("127.0.0.1", demo.ports["http"], timeout=60)
        address = name if "@" in name else demo.address(name)
        token = base64.b64encode(f"{address}:{password}".encode()).decode()
        self.headers = {"Authorization": f"Basic {token}"} if password is not None else {}

    def ask(self, method, path, body=None, **headers):
        self.connection.request(method, path, body, {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})
        reply = self.connection.getresponse()
        return reply, reply.read()

    def session(self):
        reply, body = self.ask("GET", "/.well-known/jmap")
        assert reply.status == 200, (reply.status, body)
        return json.loads(body)

    def account(self):
        return self.session()["primaryAccounts"][MAIL]

    def calls(self, *calls):
        """The responses' arguments, one for each call."""
        account = self.account()
        asked = [[name, {"accountId": account, **arguments}, str(i)] for i, (name, arguments) in enumerate(calls)]
        reply, body = self.ask("POST", "/jmap/api", json.dumps({"using": [CORE, MAIL], "methodCalls": asked}),
                               Content_Type="application/json")
        assert reply.status == 200, (reply.status, body)
        return [response[1] for response in json.loads(body)["methodResponses"]]

    def call(self, name, **arguments):
        return self.calls((name, arguments))[0]

    def mailbox(self, role):
        return next(box["id"] for box in self.call("Mailbox/get")["list"] if box["role"] == role)

    def close(self):
        self.connection.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.demo = self.enterContext(Demo())

    def client(self, *args, **more):
        client = Client(self.demo, *args, **more)
        self.addCleanup(client.close)
        return client


class Door(Case):
    def test_by_http_and_https(self):
        for tls in (False, True):
            client = self.client(tls=tls)
            session = client.session()
            self.assertEqual(session["username"], self.demo.address("alice"))
            self.assertTrue(session["apiUrl"].startswith("https://" if tls else "http://"), session["apiUrl"])
            self.assertIn(MAIL, session["capabilities"])
            reply, body = client.ask("POST", "/jmap/api", json.dumps(
                {"using": [CORE], "methodCalls": [["Core/echo", {"a": 1}, "x"]]}), Content_Type="application/json")
            self.assertEqual(json.loads(body)["methodResponses"], [["Core/echo", {"a": 1}, "x"]])

    def test_who_does_not_say_who_he_is(self):
        for password in (None, "wrong"):
            reply, _ = self.client(password=password).ask("GET", "/.well-known/jmap")
            self.assertEqual(reply.status, 401)
            self.assertIn("Basic", reply.getheader("WWW-Authenticate"))
        self.assertEqual(self.client().ask("GET", "/nothing")[0].status, 404)

    def test_a_password_that_is_changed_counts_at_once(self):
        client = self.client()
        client.session()
        self.demo.run("account", "password", self.demo.address("alice"), "--password-stdin", stdin="other\n", check=True)
        self.assertEqual(client.ask("GET", "/.well-known/jmap")[0].status, 401)
        self.client(password="other").session()


class Letters(Case):
    def test_the_road_of_a_letter(self):
        client, inbox = self.client(), self.client().mailbox("inbox")
        before = client.call("Email/query", filter={"inMailbox": inbox})
        with self.demo.smtp() as smtp:
            smtp.sendmail("ann@far.test", [self.demo.address("alice")],
                          b"Subject: by jmap\r\nFrom: Ann <ann@far.test>\r\n\r\nHello there.\r\n")
        wait_until(lambda: len(client.call("Email/query", filter={"inMailbox": inbox})["ids"]) > len(before["ids"]), 20,
                   "the letter")
        changes = client.call("Email/queryChanges", filter={"inMailbox": inbox}, sinceQueryState=before["queryState"])
        self.assertEqual([item["index"] for item in changes["added"]], [0])
        letter = changes["added"][0]["id"]
        found = client.call("Email/get", ids=[letter], fetchTextBodyValues=True)["list"][0]
        self.assertEqual(found["subject"], "by jmap")
        self.assertEqual(found["from"], [{"name": "Ann", "email": "ann@far.test"}])
        self.assertEqual(found["bodyValues"][found["textBody"][0]["partId"]]["value"], "Hello there.\n")
        reply, raw = client.ask("GET", f"/jmap/download/{client.account()}/{found['blobId']}/letter.eml")
        self.assertEqual(reply.status, 200)
        self.assertEqual(len(raw), found["size"])
        self.assertIn(b"\r\nHello there.\r\n", raw)
        # IMAP calls it the same (RFC 8474), and sees what is done to it here.
        archive = client.mailbox("archive")
        done = client.call("Email/set", update={letter: {"keywords/$seen": True, "mailboxIds": {archive: True}}})
        self.assertIsNone(done["notUpdated"])
        imap = self.demo.imap("alice")
        self.addCleanup(imap.logout)
        imap.select("Archive")
        answer = imap.uid("FETCH", "1:*", "(EMAILID FLAGS)")[1][0]
        self.assertIn(f"EMAILID ({letter})".encode(), answer)
        self.assertIn(b"\\Seen", answer)

    def test_a_draft_with_an_attachment(self):
        client = self.client()
        drafts, account = client.mailbox("drafts"), client.account()
        octets = bytes(range(256)) * 1000
        reply, body = client.ask("POST", f"/jmap/upload/{account}/", octets, Content_Type="application/x-own")
        self.assertEqual(reply.status, 201, body)
        upload = json.loads(body)
        self.assertEqual((upload["size"], upload["type"]), (len(octets), "application/x-own"))
        made = client.call("Email/set", create={"d": {
            "mailboxIds": {drafts: True}, "keywords": {"$draft": True}, "subject": "Grüße",
            "to": [{"name": "Bob", "email": self.demo.address("bob")}],
            "textBody": [{"partId": "t", "type": "text/plain"}], "bodyValues": {"t": {"value": "see"}},
            "attachments": [{"blobId": upload["blobId"], "type": "application/x-own", "name": "all.bin"}]}})
        self.assertIsNone(made["notCreated"])
        letter = client.call("Email/get", ids=[made["created"]["d"]["id"]])["list"][0]
        part = letter["attachments"][0]
        self.assertEqual((part["name"], part["size"]), ("all.bin", len(octets)))
        path = f"/jmap/download/{account}/{part['blobId']}/all.bin"
        self.assertEqual(client.ask("GET", path)[1], octets)
        reply, some = client.ask("GET", path, Range="bytes=1000-1999")
        self.assertEqual((reply.status, some), (206, octets[1000:2000]))
        self.assertEqual(self.client("bob").ask("GET", path)[0].status, 404)

    def test_an_account_that_is_removed_leaves_nothing(self):
        self.demo.run("account", "add", "erin@example.test", "--password-stdin", stdin="demo\n", check=True)
        erin = self.client("erin@example.test")
        first = erin.account()
        erin.call("Email/query")
        self.demo.run("account", "remove", "erin@example.test", check=True)
        self.assertEqual(erin.ask("GET", "/.well-known/jmap")[0].status, 401)
        self.demo.run("account", "add", "erin@example.test", "--password-stdin", stdin="demo\n", check=True)
        self.assertNotEqual(self.client("erin@example.test").account(), first)

    def test_files_of_others_are_followed(self):
        """carol's letters are in a Maildir, dave's in an mbox."""
        for name in ("carol", "dave"):
            client = self.client(name)
            state = client.call("Email/query")["queryState"]
            self.demo.run("deliver", name, stdin="Subject: in files\n\nx\n", check=True)
            changes = client.call("Email/queryChanges", sinceQueryState=state)
            self.assertEqual(len(changes["added"]), 1, changes)


class Push(Case):
    def listen(self, **who):
        """The events' lines, as they come."""
        client = self.client(**who)
        client.connection.request("GET", "/jmap/events?types=*&closeafter=no&ping=30", headers=client.headers)
        reply = client.connection.getresponse()
        self.assertEqual((reply.status, reply.getheader("Content-Type")), (200, "text/event-stream"))
        return reply

    def test_a_letter_is_told_at_once(self):
        for tls in (False, True):
            events = self.listen(tls=tls)
            self.demo.run("deliver", "alice", stdin="Subject: news\n\nx\n", check=True)
            self.assertEqual(events.readline(), b"event: state\n")
            state = events.readline().decode().removeprefix("id: ").strip()
            data = json.loads(events.readline().decode().removeprefix("data: "))
            self.assertEqual({*data["changed"][self.client().account()].values()}, {state})

    def test_a_stop_need_not_wait(self):
        events = self.listen()
        self.demo.stop()
        self.assertEqual(events.readline(), b"")

    def test_who_is_locked_out_hears_nothing_more(self):
        alice = self.demo.address("alice")
        made = json.loads(self.demo.run("account", "app-password", "add", alice, "phone", "--json", check=True).stdout)
        events = self.listen(password=made["password"])
        self.demo.run("account", "app-password", "remove", alice, "phone", check=True)
        self.demo.run("deliver", "alice", stdin="Subject: secret\n\nx\n", check=True)
        self.assertEqual(events.readline(), b"")


class Restart(unittest.TestCase):
    def test_states_outlast_it(self):
        demo = Demo()
        self.addCleanup(demo.clean)
        demo.start()
        client = Client(demo)
        old = client.call("Email/query")
        client.close()
        demo.kill()
        demo.start()
        self.addCleanup(demo.stop)
        demo.run("deliver", "alice", stdin="Subject: later\n\nx\n", check=True)
        client = Client(demo)
        self.addCleanup(client.close)
        changes = client.call("Email/queryChanges", sinceQueryState=old["queryState"])
        self.assertEqual(len(changes["added"]), 1, changes)


if __name__ == "__main__":
    unittest.main()
