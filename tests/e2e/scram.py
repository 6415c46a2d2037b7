"""The client of SCRAM-SHA-256 by hand (RFC 5802)."""
import base64
import hashlib
import hmac
import os


def scram(name, password, challenge, binding=None):
    """Runs the exchange over challenge(message) -> the server's message or None; True if the server knows the keys too.
    `binding`: the type of a channel binding and its octets, for -PLUS."""
    header = b"n,," if binding is None else b"p=" + binding[0].encode() + b",,"
    bound = base64.b64encode(header + (b"" if binding is None else binding[1])).decode()
    first = f"n={name},r={base64.b64encode(os.urandom(18)).decode()}"
    answer = challenge(header + first.encode())
    if answer is None:
        return False
    if answer.startswith(b"e="):
        challenge(b"")
        return False
    said = dict(part.split("=", 1) for part in answer.decode().split(","))
    assert int(said["i"]) >= 4096, said
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(said["s"]), int(said["i"]))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    without = f"c={bound},r={said['r']}"
    signed = f"{first},{answer.decode()},{without}".encode()
    signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    final = challenge(f"{without},p={base64.b64encode(proof).decode()}".encode())
    if final is None:
        return False
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
    assert final == b"v=" + base64.b64encode(server), final
    return True
