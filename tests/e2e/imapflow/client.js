// Uses an account through imapflow, as a Node program does: folders, letters, flags, moves, what other sessions do meanwhile.
//   node client.js PORT tls|starttls USER PASSWORD
// Needs an empty INBOX. Says "idling" once it waits for a letter that somebody has to send, "done" at the end; any line of
// the library's log at the level of warnings or above, and any answer that is not what it should be, ends it with status 1.
'use strict';
const assert = require('node:assert/strict');
const { ImapFlow } = require('imapflow');

const [port, security, user, pass] = process.argv.slice(2);
const FOLDER = 'Ablage/Größe – 日本 & mehr';
const complaints = [];

function client(options = {}) {
  const complain = (entry) => complaints.push(JSON.stringify(entry, (_, v) => (typeof v === 'bigint' ? `${v}` : v)));
  const quiet = () => {};
  const made = new ImapFlow({
    host: '127.0.0.1', port: Number(port), secure: security === 'tls', doSTARTTLS: security === 'starttls' || undefined,
    auth: { user, pass }, tls: { rejectUnauthorized: false }, qresync: true, disableAutoIdle: true,
    logger: { trace: quiet, debug: quiet, info: quiet, warn: complain, error: complain, fatal: complain }, ...options,
  });
  made.on('error', complain);
  return made;
}

/** The next event of that name whose payload `fits`. */
function told(emitter, name, fits = () => true) {
  return new Promise((resolve) => {
    emitter.on(name, function look(payload) {
      if (!fits(payload)) return;
      emitter.off(name, look);
      resolve(payload);
    });
  });
}

const letter = (number, more = '') =>
  Buffer.from(`From: Jörg <a@far.test>\r\nTo: you@example.test\r\nSubject: =?utf-8?q?n=C3=BCmber_${number}?=\r\n` +
    `Message-ID: <${number}@far.test>\r\nDate: Mon, 23 Nov 2026 12:00:00 +0100\r\nMIME-Version: 1.0\r\n` +
    'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n' +
    `wörds ${number}${more}\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n` +
    'Content-Disposition: attachment; filename="a.bin"\r\n\r\nAAEC/w==\r\n--b--\r\n');

async function folders(imap) {
  const listed = await imap.list({ statusQuery: { messages: true, unseen: true, uidNext: true } });
  const inbox = listed.find((box) => box.path === 'INBOX');
  assert.equal(inbox.status.messages, 0);
  assert.equal(listed.find((box) => box.specialUse === '\\Sent').path, 'Sent');
  assert.equal((await imap.mailboxCreate(FOLDER)).created, true);
  assert.equal((await imap.mailboxCreate(FOLDER)).created, false);
  assert.ok((await imap.list()).some((box) => box.path === FOLDER));
  assert.equal((await imap.mailboxRename(FOLDER, `${FOLDER}2`)).newPath, `${FOLDER}2`);
  await imap.mailboxRename(`${FOLDER}2`, FOLDER);
  await imap.mailboxUnsubscribe(FOLDER);
  assert.ok(!(await imap.list()).find((box) => box.path === FOLDER).subscribed);
  await imap.mailboxSubscribe(FOLDER);
  assert.equal((await imap.list()).find((box) => box.path === FOLDER).subscribed, true);
  assert.ok((await imap.getQuota('INBOX')) !== false);
}

async function letters(imap) {
  const uids = [];
  for (let number = 1; number <= 4; number++) {
    const put = await imap.append('INBOX', letter(number), number === 1 ? ['\\Seen', '$Work'] : [], new Date(1e12));
    uids.push(put.uid);
  }
  const status = await imap.status('INBOX', { messages: true, unseen: true, uidNext: true, highestModseq: true });
  assert.deepEqual([status.messages, status.unseen, status.uidNext], [4, 3, uids[3] + 1]);

  const lock = await imap.getMailboxLock('INBOX');
  try {
    assert.equal(imap.mailbox.exists, 4);
    assert.ok(imap.enabled.has('QRESYNC') && imap.enabled.has('CONDSTORE'), [...imap.enabled].join());
    let seen = 0;
    for await (const message of imap.fetch('1:*', { uid: true, flags: true, envelope: true, bodyStructure: true,
      source: true, size: true, internalDate: true, headers: ['subject'] })) {
      const number = ++seen;
      assert.equal(message.uid, uids[number - 1]);
      assert.equal(message.envelope.subject, `nümber ${number}`);
      assert.equal(message.envelope.messageId, `<${number}@far.test>`);
      assert.equal(message.envelope.from[0].name, 'Jörg');
      assert.equal(message.envelope.from[0].address, 'a@far.test');
      assert.deepEqual(message.bodyStructure.childNodes.map((node) => node.type), ['text/plain', 'application/octet-stream']);
      assert.equal(message.bodyStructure.childNodes[1].dispositionParameters.filename, 'a.bin');
      assert.ok(message.source.equals(letter(number)));
      assert.equal(message.size, letter(number).length);
      assert.equal(message.internalDate.getTime(), 1e12);
      assert.deepEqual([...message.flags].filter((flag) => flag !== '\\Recent').sort(), number === 1 ? ['$Work', '\\Seen'] : []);
    }
    assert.equal(seen, 4);
    assert.deepEqual(await imap.search({ seen: false }), [2, 3, 4]);
    assert.deepEqual(await imap.search({ subject: 'NÜMBER 3' }, { uid: true }), [uids[2]]);
    assert.deepEqual(await imap.search({ or: [{ keyword: '$Work' }, { header: { 'message-id': '4@far' } }] }), [1, 4]);
    const { meta, content } = await imap.download(uids[1], '2', { uid: true });
    assert.equal(meta.filename, 'a.bin');
    const chunks = [];
    for await (const chunk of content) chunks.push(chunk);
    assert.deepEqual([...Buffer.concat(chunks)], [0, 1, 2, 255]);

    const before = imap.mailbox.highestModseq;
    assert.equal(await imap.messageFlagsAdd(uids[1], ['\\Flagged', '$Later'], { uid: true }), true);
    assert.equal(await imap.messageFlagsRemove(uids[0], ['$Work'], { uid: true }), true);
    const changed = [];
    for await (const message of imap.fetch('1:*', { uid: true, flags: true }, { changedSince: before })) {
      changed.push(message.uid);
      assert.ok(message.modseq > before);
    }
    assert.deepEqual(changed.sort((a, b) => a - b), uids.slice(0, 2));

    const moved = await imap.messageMove(uids[1], FOLDER, { uid: true });
    assert.equal(moved.destination, FOLDER);
    assert.ok(moved.uidMap.get(uids[1]) > 0);
    const copied = await imap.messageCopy(uids[2], FOLDER, { uid: true });
    assert.ok(copied.uidMap.get(uids[2]) > moved.uidMap.get(uids[1]));
    assert.equal(await imap.messageDelete(uids[2], { uid: true }), true);
    assert.deepEqual(await imap.search({ all: true }, { uid: true }), [uids[0], uids[3]]);
  } finally {
    lock.release();
  }
  const inner = await imap.getMailboxLock(FOLDER);
  const flags = (await imap.fetchOne('1', { flags: true })).flags;
  assert.ok(flags.has('\\Flagged') && flags.has('$Later'));
  inner.release();
  return uids;
}

/** IDLE: a letter from outside, flags and a removal by another session, the latter told by UID (VANISHED). */
async function idling(imap, uids) {
  const other = client({ qresync: false });
  await other.connect();
  const lock = await imap.getMailboxLock('INBOX');
  const came = told(imap, 'exists', (event) => event.count === 3);
  const idle = imap.idle();
  console.log('idling');
  await came;
  const theirs = await other.getMailboxLock('INBOX');
  const flagged = told(imap, 'flags', (event) => event.uid === uids[3] && event.flags.has('\\Flagged'));
  await other.messageFlagsAdd(uids[3], ['\\Flagged'], { uid: true });
  assert.ok((await flagged).modseq > 0n);
  const gone = told(imap, 'expunge');
  await other.messageDelete(uids[0], { uid: true });
  const event = await gone;
  assert.deepEqual([event.vanished, event.uid], [true, uids[0]]);
  theirs.release();
  await imap.noop();   // ends IDLE
  await idle;
  // Not '*': imapflow counts expunges, but not what VANISHED tells.
  const [found] = await imap.search({ subject: 'idles' }, { uid: true });
  const newest = await imap.fetchOne(found, { envelope: true }, { uid: true });
  assert.equal(newest.envelope.subject, 'for who idles');
  const since = { changedSince: imap.mailbox.highestModseq, uidValidity: imap.mailbox.uidValidity };
  lock.release();

  // QRESYNC in SELECT: what happened while the mailbox was closed.
  await imap.mailboxClose();
  const again = await other.getMailboxLock('INBOX');
  await other.messageDelete(uids[3], { uid: true });
  again.release();
  const missed = told(imap, 'expunge', (event) => event.uid === uids[3]);
  await imap.mailboxOpen('INBOX', since);
  assert.equal((await missed).earlier, true);
  await other.logout();
}

async function main() {
  const imap = client();
  await imap.connect();
  assert.equal(imap.secureConnection, true);
  await folders(imap);
  await idling(imap, await letters(imap));
  assert.equal((await imap.mailboxDelete(FOLDER)).path, FOLDER);
  await imap.logout();
  assert.deepEqual(complaints, []);
  console.log('done');
}

main().catch((error) => {
  console.error(error, complaints.join('\n'));
  process.exit(1);
});
