"""A second implementation of the format, from docs/bundle-format.md, sharing no code with the first.

HPKE (RFC 9180) is written out from X25519, HMAC-SHA256 and AES-GCM; the hybrid KEM from
ML-KEM-768, X25519 and the X-Wing combiner.
"""

import base64
import hashlib
import hmac
import json
import struct

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def decode(raw: bytes, signer: bytes, box_private: bytes) -> tuple[dict, bytes]:
    """Header and uncompressed payload of a sound bundle; AssertionError or the library's error for any other."""
    assert raw[:8] == bytes.fromhex("894146420d0a1a0a")
    version, chunk_log2, reserved, header_length = struct.unpack(">BBHI", raw[8:16])
    assert (version, chunk_log2, reserved) == (1, 16, 0)
    header_end = 16 + header_length
    footer = raw[-112:]
    magic, chunk_count, body_length = struct.unpack(">4sIQ", footer[:16])
    assert magic == b"AFBF"
    assert header_end + body_length + 112 == len(raw)
    assert hashlib.sha256(raw[:-96]).digest() == footer[16:48]
    Ed25519PublicKey.from_public_bytes(signer).verify(footer[48:], b"airferry/1/bundle\x00" + footer[:48])
    header = json.loads(raw[16:header_end])
    info = f"airferry/1/dek\0{header['source']}\0{header['destination']}\0{header['batch_id']}".encode()
    dek = hpke_open(header["alg"], base64.b64decode(header["wrapped_key"]), box_private, info)
    hh = hashlib.sha256(raw[:header_end]).digest()
    body = raw[header_end:-112]
    payload = b""
    for i in range(chunk_count):
        last = i == chunk_count - 1
        chunk = body[i * 65552 :] if last else body[i * 65552 : (i + 1) * 65552]
        payload += AESGCM(dek).decrypt(i.to_bytes(11, "big") + bytes([last]), chunk, hh)
    if header["compression"] == "zstd":
        payload = zstandard.ZstdDecompressor().decompressobj().decompress(payload)
    return header, payload


def hpke_open(alg: str, wrapped: bytes, private: bytes, info: bytes) -> bytes:
    if alg == "HPKE-X25519/HKDF-SHA256/AES-256-GCM":
        kem_id, enc_length, secret = 0x0020, 32, _dhkem(wrapped[:32], private)
    else:
        assert alg == "HPKE-MLKEM768-X25519/HKDF-SHA256/AES-256-GCM"
        kem_id, enc_length, secret = 0x647A, 1120, _hybrid(wrapped[:1120], private)
    suite = b"HPKE" + struct.pack(">HHH", kem_id, 1, 2)
    context = b"\0" + _extract(suite, b"", b"psk_id_hash", b"") + _extract(suite, b"", b"info_hash", info)
    schedule = _extract(suite, secret, b"secret", b"")
    key = _expand(suite, schedule, b"key", context, 32)
    nonce = _expand(suite, schedule, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, wrapped[enc_length:], b"")


def _dhkem(enc: bytes, private: bytes) -> bytes:
    own = X25519PrivateKey.from_private_bytes(private)
    shared = own.exchange(X25519PublicKey.from_public_bytes(enc))
    suite = b"KEM" + struct.pack(">H", 0x0020)
    prk = _extract(suite, b"", b"eae_prk", shared)
    return _expand(suite, prk, b"shared_secret", enc + own.public_key().public_bytes_raw(), 32)


def _hybrid(enc: bytes, private: bytes) -> bytes:
    own = X25519PrivateKey.from_private_bytes(private[64:])
    quantum = MLKEM768PrivateKey.from_seed_bytes(private[:64]).decapsulate(enc[:1088])
    classic = own.exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
    label = b"\\.//^\\"
    return hashlib.sha3_256(quantum + classic + enc[1088:] + own.public_key().public_bytes_raw() + label).digest()


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    # One block of HKDF-Expand is enough: nothing asked for here is longer than 32 bytes.
    labelled = struct.pack(">H", length) + b"HPKE-v1" + suite + label + info
    return hmac.digest(prk, labelled + b"\x01", "sha256")[:length]
