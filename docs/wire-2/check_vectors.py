#!/usr/bin/env python3
"""Checks client.py against vectors.json, which lies beside it."""
import base64, hashlib, hmac, io, json, os, sys
sys.dont_write_bytecode = True
import client
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

b = bytes.fromhex

def decapsulate(kem, seed, enc, public_key):
    """The secret of an encapsulation; None where this version of cryptography has no ML-KEM."""
    if kem == client.X25519:
        agreed = X25519PrivateKey.from_private_bytes(seed).exchange(X25519PublicKey.from_public_bytes(enc))
        key = client.labeled_extract(b"KEM\0\x20", b"", b"eae_prk", agreed)
        return client.labeled_expand(b"KEM\0\x20", key, b"shared_secret", enc + public_key, 32)
    try:
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
    except ImportError:
        return None
    expanded = hashlib.shake_256(seed).digest(96)
    lattice = MLKEM768PrivateKey.from_seed_bytes(expanded[:64]).decapsulate(enc[:1088])
    agreed = X25519PrivateKey.from_private_bytes(expanded[64:]).exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
    return hashlib.sha3_256(lattice + agreed + enc[1088:] + public_key[1184:] + b"\\.//^\\").digest()

def main():
    with open(os.path.join(os.path.dirname(__file__), "vectors.json"), encoding="utf-8") as file:
        vectors = json.load(file)
    for value, encoded in vectors["varints"]:
        assert client.varint(value).hex() == encoded and client.take_varint(b(encoded), 0)[0] == value
    for message in vectors["messages"]:
        content, encoded = message["content"].encode(), b(message["encoded"])
        if message["kind"] == "request":
            fields = message["fields"]
            assert client.encode_request(message["authority"], message["path"], fields, content) == encoded
        else:
            fields = [tuple(field) for field in message["fields"]]
            for size in (1, len(encoded)):
                chunks = [encoded[at:at + size] for at in range(0, len(encoded), size)]
                status, read, parts = client.read_response(chunks)
                assert (status, read, b"".join(parts)) == (message["status"], fields, content)
    keys = vectors["key_list"]
    for key in keys["keys"]:
        assert client.key_of(b(keys["encoded"]), key["kem"]) == (key["id"], b(key["public_key"]))
    without_kem = 0
    for one in vectors["exchanges"]:
        secret, enc = b(one["shared_secret"]), b(one["enc"])
        mine = decapsulate(one["kem"], b(one["recipient_seed"]), enc, b(one["public_key"]))
        without_kem += mine is None
        assert mine in (None, secret)
        body, open_answer = client.seal_request(one["key_id"], one["kem"], secret, enc, [b(part) for part in one["request_chunks"]])
        assert body == b(one["request"])
        assert list(open_answer(io.BytesIO(b(one["response"])))) == [b(part) for part in one["response_chunks"]]
        for length in range(len(one["response"]) // 2):
            try:
                list(open_answer(io.BytesIO(b(one["response"])[:length])))
            except (InvalidTag, ValueError, IndexError):
                continue
            raise AssertionError(f"accepted {length} bytes of an answer")
    for one in vectors["statements"]:
        try:
            statement, signers = client.read_statement(one["document"], None, one["now"])
            client.key_of(base64.b64decode(statement["ohttp_keys"]), client.X25519)
        except ValueError:
            assert one.get("refused"), one["name"]
        else:
            assert signers == one.get("identities"), one["name"]
    for one in vectors["vouches"]:
        digest = hashlib.sha256(base64.b64decode(one["statement"])).digest()
        mac = hmac.digest(b(one["secret"]), b"nomyo wire 2 vouch\0" + digest, "sha256")
        assert digest.hex() == one["statement_sha256"] and base64.b64encode(mac).decode() == one["mac"]
    print("all vectors as expected" + (", but for decapsulation with ML-KEM" if without_kem else ""))

if __name__ == "__main__":
    main()
