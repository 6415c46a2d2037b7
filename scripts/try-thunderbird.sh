#!/usr/bin/env bash
# Opens the mailboxes of a demo of its own in a real Thunderbird on an invisible screen, and takes a picture of it.
#
#     scripts/try-thunderbird.sh [PICTURE.png]
#
# Needs build/release/posthouse, and as root the packages thunderbird, xvfb, imagemagick, xdotool, dbus-x11 (it says
# so). Not a part of the tests: somebody has to look at the picture. Everything lives in a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."
picture=$(realpath -m "${1:-thunderbird.png}")
for program in thunderbird Xvfb import xdotool dbus-run-session; do
  command -v "$program" >/dev/null || { echo "missing: $program (apt install thunderbird xvfb imagemagick xdotool dbus-x11)" >&2; exit 1; }
done

folder=$(mktemp -d /tmp/posthouse-thunderbird-XXXXXX)
started=()
finish() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

step() { echo "thunderbird: $*"; }

base=21000
step "starts a demo on ports from $base on"
build/release/posthouse demo --dir "$folder/mail" --base-port "$base" >"$folder/demo.log" 2>&1 &
started+=($!)
for _ in $(seq 300); do
  if python3 - "$base" <<'PY' 2>/dev/null; then break; fi
import imaplib, sys
imaplib.IMAP4("127.0.0.1", int(sys.argv[1]) + 143).login("alice@example.test", "demo")
PY
  sleep 0.1
done

step "fills alice's mailboxes"
python3 - "$base" <<'PY'
import imaplib, smtplib, sys
from email.message import EmailMessage
base = int(sys.argv[1])
imap = imaplib.IMAP4("127.0.0.1", base + 143)
imap.login("alice@example.test", "demo")
for name in ("Projects", "Projects/Lighthouse", "&AMQ-rger"):
    imap.create(name)
    imap.subscribe(name)
for n in range(12):
    letter = EmailMessage()
    letter["From"] = ("Zo\u00eb of the coast <zoe@far.test>", "Bob <bob@example.test>")[n % 2]
    letter["To"] = "alice@example.test"
    letter["Subject"] = ("Caf\u00e9 at nine", "Re: Caf\u00e9 at nine", "The report, with a picture", "\u65e5\u672c\u8a9e")[n % 4] + f" ({n})"
    letter["Message-ID"] = f"<{n}@far.test>"
    if n % 4 == 1:
        letter["In-Reply-To"] = f"<{n - 1}@far.test>"
    letter.set_content(f"Letter {n}.\n\nGreetings from the coast.\n")
    if n % 4 == 2:
        letter.add_alternative(f"<h1>Letter {n}</h1><p>in <b>HTML</b></p>", subtype="html")
        letter.add_attachment(b"\x89PNG" + bytes(200), maintype="image", subtype="png", filename="r\u00e9sum\u00e9.png")
    imap.append("INBOX", ("", "\\Seen", "\\Flagged", "\\Seen $Important")[n % 4], None, letter.as_bytes())
imap.append("Projects/Lighthouse", "", None, b"Subject: the plan\r\n\r\nIt stands.\r\n")
PY

step "makes a profile that knows the account and its password"
profile="$folder/profile"
mkdir -p "$profile"
cat >"$profile/user.js" <<JS
user_pref("mail.account.account1.identities", "id1");
user_pref("mail.account.account1.server", "server1");
user_pref("mail.accountmanager.accounts", "account1");
user_pref("mail.accountmanager.defaultaccount", "account1");
user_pref("mail.identity.id1.fullName", "Alice");
user_pref("mail.identity.id1.useremail", "alice@example.test");
user_pref("mail.identity.id1.smtpServer", "smtp1");
user_pref("mail.identity.id1.valid", true);
user_pref("mail.server.server1.type", "imap");
user_pref("mail.server.server1.hostname", "127.0.0.1");
user_pref("mail.server.server1.port", $((base + 143)));
user_pref("mail.server.server1.userName", "alice@example.test");
user_pref("mail.server.server1.name", "alice@example.test");
user_pref("mail.server.server1.socketType", 0);
user_pref("mail.server.server1.authMethod", 3);
user_pref("mail.server.server1.login_at_startup", true);
user_pref("mail.server.server1.check_new_mail", true);
user_pref("mail.smtpservers", "smtp1");
user_pref("mail.smtpserver.smtp1.hostname", "127.0.0.1");
user_pref("mail.smtpserver.smtp1.port", $((base + 587)));
user_pref("mail.smtpserver.smtp1.username", "alice@example.test");
user_pref("mail.smtpserver.smtp1.try_ssl", 0);
user_pref("mail.smtpserver.smtp1.authMethod", 3);
user_pref("mail.spotlight.firstRunDone", true);
user_pref("mail.shell.checkDefaultClient", false);
user_pref("mail.rights.version", 1);
user_pref("mailnews.start_page.enabled", false);
user_pref("mail.provider.suppress_dialog_on_startup", true);
user_pref("mail.warn_on_send_accel_key", false);
user_pref("mail.identity.id1.compose_html", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("datareporting.policy.firstRunURL", "");
user_pref("app.update.enabled", false);
user_pref("app.donation.eoy.version.viewed", 999);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
user_pref("browser.dom.window.dump.enabled", true);
JS
# The password goes where Thunderbird keeps its own: a script for administrators may do that. It belongs beside the program, so
# the program gets a place of its own.
installed=$(dirname "$(find -L /usr/lib/thunderbird* -maxdepth 1 -name application.ini | head -1)")
cp -aL "$installed" "$folder/thunderbird" 2>/dev/null || true   # some of its links lead nowhere
cat >"$folder/thunderbird/defaults/pref/autoconfig.js" <<'JS'
pref("general.config.filename", "demo.cfg");
pref("general.config.obscure_value", 0);
pref("general.config.sandbox_enabled", false);
JS
cat >"$folder/thunderbird/demo.cfg" <<'JS'
// The first line is not read.
try {
  for (const place of ["imap://127.0.0.1", "smtp://127.0.0.1"]) {
    const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
    login.init(place, null, place, "alice@example.test", "demo", "", "");
    Services.logins.addLoginAsync(login);
  }
} catch (e) {
  dump("demo.cfg: " + e + "\n");
}
JS

step "starts Thunderbird on an invisible screen"
display=:$((90 + RANDOM % 400))
Xvfb "$display" -screen 0 1400x900x24 >/dev/null 2>&1 &
started+=($!)
export DISPLAY=$display HOME="$folder/home" MOZ_CRASHREPORTER_DISABLE=1 MOZ_DISABLE_AUTO_SAFE_MODE=1
mkdir -p "$HOME"
for _ in $(seq 100); do xdotool getdisplaygeometry >/dev/null 2>&1 && break; sleep 0.1; done
dbus-run-session -- "$folder/thunderbird/thunderbird" --no-remote --profile "$profile" >"$folder/thunderbird.log" 2>&1 &
started+=($!)

# Its own copies of the mailboxes tell when it has them.
mail="$profile/ImapMail/127.0.0.1"
for _ in $(seq "${SECONDS_TO_WAIT:-120}"); do
  if [ -f "$mail/INBOX.msf" ] && grep -q "the coast" "$mail/INBOX.msf" 2>/dev/null; then break; fi
  sleep 1
done
step "opens a letter"
window=$(xdotool search --onlyvisible --name "Mozilla Thunderbird" | tail -1 || true)
sleep 3
xdotool mousemove 450 200 click 1
sleep 4
import -window root "$picture"

step "writes one to bob and sends it"
xdotool key ctrl+n
for _ in $(seq 50); do
  compose=$(xdotool search --onlyvisible --name "Write:" | tail -1 || true)
  [ -z "$compose" ] || break
  sleep 0.2
done
if [ -n "$compose" ]; then
  xdotool windowfocus "$compose" || true
  sleep 2
  xdotool type --delay 20 "bob@example.test"
  xdotool key Return
  sleep 1
  xdotool key alt+s   # the subject
  sleep 0.5
  xdotool type --delay 20 "From Thunderbird"
  xdotool key Tab
  sleep 0.5
  xdotool type --delay 20 "Hello Bob"
  import -window root "${picture%.png}-written.png"
  xdotool key ctrl+Return
fi
sent=no
for _ in $(seq 30); do
  if python3 - "$base" <<'PY'; then sent=yes; break; fi
import imaplib, sys
def found(who, mailbox):
    imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]) + 143)
    imap.login(who, "demo")
    imap.select(mailbox, readonly=True)
    return imap.search(None, "SUBJECT", '"From Thunderbird"')[1][0] != b""
sys.exit(not (found("bob@example.test", "INBOX") and found("alice@example.test", "Sent")))
PY
  sleep 0.5
done
ls "$mail" >"$folder/list" 2>/dev/null || true
step "has seen: $(tr '\n' ' ' <"$folder/list")"
grep -q INBOX.msf "$folder/list" || { echo "thunderbird: it never opened the inbox; see $picture" >&2; exit 1; }
[ "$sent" = yes ] || { import -window root "$picture"; echo "thunderbird: the letter is not there and in Sent; see $picture" >&2; exit 1; }
step "bob has the letter, and alice has it in Sent; look at $picture and ${picture%.png}-written.png"
