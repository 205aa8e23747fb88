#!/usr/bin/env python3
"""One chat completion over wire 2, whole or streamed, written from the published documents. Needs `cryptography` (Debian:
python3-cryptography) and nothing else. Where that package has no ML-KEM, only gateways with
--request-key-classic can be asked, without post-quantum protection: --classic."""
import argparse, base64, hashlib, hmac, http.client, itertools, json, os, struct, sys, time, urllib.error, urllib.request, uuid
from email.utils import formatdate
from urllib.parse import urlsplit
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.exceptions import InvalidSignature, InvalidTag

PATH = "/.well-known/ohttp-gateway"
HYBRID, X25519, HKDF_SHA256, AES_256_GCM = 0x647A, 0x0020, 1, 2
KEY_BYTES = {HYBRID: 1184 + 32, X25519: 32}
CHUNK = 16384
MOST = CHUNK + 16

# Integers of RFC 9000 (section 16)

def varint(value):
    size = 1 if value < 64 else 2 if value < 2**14 else 4 if value < 2**30 else 8
    return (value | (size.bit_length() - 1) << (8 * size - 2)).to_bytes(size, "big")

def take_varint(data, at):
    size = 1 << (data[at] >> 6)
    return int.from_bytes(data[at:at + size], "big") & ((1 << (8 * size - 2)) - 1), at + size

# HKDF (RFC 5869) to at most 32 bytes, and HPKE's labels (RFC 9180, section 4)

def extract(salt, secret):
    return hmac.digest(salt, secret, "sha256")

def expand(key, info, length):
    return hmac.digest(key, info + b"\1", "sha256")[:length]

def labeled_extract(suite, salt, label, secret):
    return extract(salt, b"HPKE-v1" + suite + label + secret)

def labeled_expand(suite, key, label, info, length):
    return expand(key, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info, length)

def key_schedule(kem, shared_secret, info):
    """Base mode (RFC 9180, section 5.1): key, base nonce, and a function that exports secrets."""
    suite = b"HPKE" + struct.pack(">HHH", kem, HKDF_SHA256, AES_256_GCM)
    context = b"\0" + labeled_extract(suite, b"", b"psk_id_hash", b"")
    context += labeled_extract(suite, b"", b"info_hash", info)
    secret = labeled_extract(suite, shared_secret, b"secret", b"")
    exporter = labeled_expand(suite, secret, b"exp", context, 32)
    return (labeled_expand(suite, secret, b"key", context, 32),
            labeled_expand(suite, secret, b"base_nonce", context, 12),
            lambda label, length: labeled_expand(suite, exporter, b"sec", label, length))

def encapsulate(kem, public_key):
    """Returns the shared secret and its encapsulation."""
    ephemeral, recipient = X25519PrivateKey.generate(), public_key[-32:]
    agreed, point = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient)), raw(ephemeral)
    if kem == X25519:
        suite = b"KEM" + struct.pack(">H", kem)
        key = labeled_extract(suite, b"", b"eae_prk", agreed)
        return labeled_expand(suite, key, b"shared_secret", point + recipient, 32), point
    try:
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
    except ImportError:
        sys.exit("this version of cryptography has no ML-KEM; only --classic works")
    lattice, ciphertext = MLKEM768PublicKey.from_public_bytes(public_key[:1184]).encapsulate()
    return hashlib.sha3_256(lattice + agreed + point + recipient + b"\\.//^\\").digest(), ciphertext + point

def raw(private_key):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    return private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

# Chunks (draft-ietf-ohai-chunked-ohttp-08)

def nonce_at(base, sequence):
    return (int.from_bytes(base, "big") ^ sequence).to_bytes(12, "big")

def seal_chunks(key, base, chunks):
    sealed = b""
    for sequence, chunk in enumerate(chunks):
        final = sequence == len(chunks) - 1
        data = AESGCM(key).encrypt(nonce_at(base, sequence), chunk, b"final" if final else b"")
        sealed += (b"\0" if final else varint(len(data))) + data
    return sealed

def open_chunks(key, base, file):
    """Yields the plaintext of each chunk as it arrives; a message without its final chunk was cut off."""
    for sequence in itertools.count():
        first = file.read(1)
        if not first:
            raise ValueError("the answer was cut off")
        length, _ = take_varint(first + file.read((1 << (first[0] >> 6)) - 1), 0)
        data = file.read(min(length, MOST) if length else MOST)
        if length > MOST or len(data) < length:
            raise ValueError("the answer was cut off, or has a chunk that is too large")
        yield AESGCM(key).decrypt(nonce_at(base, sequence), data, b"" if length else b"final")
        if not length:
            return

def seal_request(key_id, kem, shared_secret, enc, chunks):
    """Returns the body, and a function that opens its answer, a file, chunk by chunk."""
    header = struct.pack(">BHHH", key_id, kem, HKDF_SHA256, AES_256_GCM)
    key, base, export = key_schedule(kem, shared_secret, b"message/bhttp chunked request\0" + header)
    def open_answer(file):
        nonce, secret = file.read(32), export(b"message/bhttp chunked response", 32)
        prk = extract(enc + nonce, secret)
        return open_chunks(expand(prk, b"key", 32), expand(prk, b"nonce", 12), file)
    return header + enc + seal_chunks(key, base, chunks), open_answer

# Binary HTTP (RFC 9292)

def prefixed(data):
    return varint(len(data)) + data

def encode_request(authority, path, fields, content):
    lines = b"".join(prefixed(name.encode()) + prefixed(value.encode()) for name, value in fields)
    control = [b"POST", b"https", authority.encode(), path.encode()]
    message = b"\0" + b"".join(map(prefixed, control)) + prefixed(lines) + prefixed(content) + b"\0"
    # Padmé: zeros hide the length. At most 12 % more.
    length = max(512, len(message))
    step = 1 << (length.bit_length() - 1 - (length.bit_length() - 1).bit_length())
    return message.ljust(-(-length // step) * step, b"\0")

class Plaintext:
    """What has arrived of a message; asks for the next chunk when more is needed."""
    def __init__(self, chunks):
        self.chunks, self.data = iter(chunks), b""
    def take(self, size):
        while len(self.data) < size:
            chunk = next(self.chunks, None)
            if chunk is None:
                raise ValueError("the answer is malformed")
            self.data += chunk
        taken, self.data = self.data[:size], self.data[size:]
        return taken
    def integer(self):
        first = self.take(1)
        return take_varint(first + self.take((1 << (first[0] >> 6)) - 1), 0)[0]
    def text(self):
        return self.take(self.integer())
    def end(self):
        """Reads to the final chunk: only then nothing is missing."""
        if any(self.data) or any(map(any, self.chunks)):
            raise ValueError("the answer is malformed")

def read_response(chunks):
    """Returns status, fields, and the parts of the content as they arrive; interim responses are skipped."""
    message = Plaintext(chunks)
    is_stream, status = message.integer() == 3, 100
    while status < 200:
        status, fields = message.integer(), []
        section = message if is_stream else Plaintext([message.text() + b"\0"])
        while name := section.text():
            fields.append((name.decode(), section.text().decode("latin-1")))
    def parts():
        while part := message.text():
            yield part
            if not is_stream:
                break
        message.end()
    return status, fields, parts()

def read_events(parts):
    """Yields the data of server-sent events; comments, which hide lengths, have none."""
    text = b""
    for part in parts:
        *events, text = (text + part).split(b"\n\n")
        for event in events:
            data = [line[6:] for line in event.split(b"\n") if line.startswith(b"data: ")]
            if data:
                yield b"\n".join(data)

# The key statement

def strict_json(text):
    """Refuses members of one name, of which readers choose different ones."""
    def members(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a member twice")
        return dict(pairs)
    return json.loads(text, object_pairs_hook=members)

def read_statement(document, pins, now):
    """Returns the statement if a pinned identity signed it and it is valid now."""
    outer = strict_json(document)
    signed = base64.b64decode(outer["statement"], validate=True)
    statement, signers = strict_json(signed), []
    for one in outer["signatures"]:
        spki = base64.b64decode(one["identity"], validate=True)
        if spki[:-32] != bytes.fromhex("302a300506032b6570032100"):
            raise ValueError("not an Ed25519 key")
        fingerprint = "sha256/" + base64.b64encode(hashlib.sha256(spki).digest()).decode()
        try:
            Ed25519PublicKey.from_public_bytes(spki[-32:]).verify(
                base64.b64decode(one["signature"]), b"nomyo wire 2 key statement\0" + signed)
        except InvalidSignature:
            continue
        if fingerprint in statement.get("identities", [fingerprint]):
            signers.append(fingerprint)
    if not signers or (pins and not set(signers) & set(pins)):
        raise ValueError(f"no trusted identity signed the statement; signed by {signers}")
    if statement["type"] != "nomyo-wire2/1" or statement["path"] != PATH:
        raise ValueError("another kind of statement")
    if statement["not_after"] - statement["not_before"] > 49 * 3600:
        raise ValueError("a statement that is valid for too long")
    if not statement["not_before"] - 300 <= now <= statement["not_after"]:
        raise ValueError("the statement is not valid now: check the clock")
    return statement, signers

def key_of(key_list, kem):
    """Returns id and public key of the key for this KEM (RFC 9458, section 3)."""
    at, found = 0, {}
    while at < len(key_list):
        length = int.from_bytes(key_list[at:at + 2], "big")
        entry, at = key_list[at + 2:at + 2 + length], at + 2 + length
        if len(entry) != length or length < 3:
            raise ValueError("a malformed key list")
        found[int.from_bytes(entry[1:3], "big")] = entry[0], entry[3:3 + KEY_BYTES.get(kem, 0)]
    if kem not in found:
        raise ValueError("the gateway has no key for this KEM")
    return found[kem]

# One call

class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None

def fetch(url, body=None, headers={}):
    opener = urllib.request.build_opener(NoRedirect)
    return opener.open(urllib.request.Request(url, body, headers), timeout=120)

def print_stream(parts):
    for data in read_events(parts):
        event = {} if data == b"[DONE]" else json.loads(data)
        if "error" in event:
            sys.exit(f"failed: {event['error'].get('message')}")
        for choice in event.get("choices", []):
            print(choice["delta"].get("content") or "", end="", flush=True)
    print()

def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gateway", help="base URL")
    parser.add_argument("prompt")
    parser.add_argument("--model", default="nomyo/demo")
    parser.add_argument("--stream", action="store_true", help="print the answer as it comes")
    parser.add_argument("--key-file", help="file with the API key")
    parser.add_argument("--pin", action="append", help="fingerprint of the identity key: sha256/...")
    parser.add_argument("--classic", action="store_true", help="X25519 alone: not post-quantum")
    options = parser.parse_args()
    base, kem = options.gateway.rstrip("/"), X25519 if options.classic else HYBRID
    with fetch(base + "/pki/wire2") as response:
        document = response.read(64 * 1024)
    statement, signers = read_statement(document, options.pin, time.time())
    if not options.pin:
        print(f"not verified: {signers[0]}; give it as --pin from now on", file=sys.stderr)

    content = {"model": options.model, "messages": [{"role": "user", "content": options.prompt}],
               "stream": options.stream}
    fields = [("date", formatdate(usegmt=True)), ("idempotency-key", str(uuid.uuid4())),
              ("content-type", "application/json"), ("accept", "application/json")]
    if options.key_file:
        fields.insert(1, ("authorization", "Bearer " + open(options.key_file).read().strip()))
    message = encode_request(urlsplit(base).netloc, "/v1/chat/completions", fields, json.dumps(content).encode())
    key_id, public_key = key_of(base64.b64decode(statement["ohttp_keys"]), kem)
    chunks = [message[at:at + CHUNK] for at in range(0, len(message), CHUNK)]
    body, open_answer = seal_request(key_id, kem, *encapsulate(kem, public_key), chunks)
    try:
        with fetch(base + PATH, body, {"content-type": "message/ohttp-chunked-req"}) as answer:
            if answer.headers["content-type"] != "message/ohttp-chunked-res":
                sys.exit("not an encrypted answer")
            status, _, parts = read_response(open_answer(answer))
            if status == 200 and options.stream:
                return print_stream(parts)
            content = json.loads(b"".join(parts))
    except urllib.error.HTTPError as error:
        sys.exit(f"refused, not authenticated: {error.code} {error.read(4096).decode(errors='replace')}")
    except (InvalidTag, ValueError, http.client.HTTPException, OSError) as error:
        # What was printed of a stream is authentic, but not all of it.
        sys.exit(f"not a whole answer: {error or type(error).__name__}")
    if status != 200:
        sys.exit(f"refused: {status} {content.get('detail', content)}")
    print(content["choices"][0]["message"]["content"])

if __name__ == "__main__":
    main()
