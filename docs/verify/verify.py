# SPDX-License-Identifier: Apache-2.0
"""Verifies webhooks. Standard library only; v1a (Ed25519) takes the package `cryptography`."""
import base64
import hashlib
import hmac
import time

TOLERANCE_S = 300


def is_genuine(key: str, headers: dict, body: bytes, now: int | None = None) -> bool:
    """Standard Webhooks. key: the secret "whsec_...", or for v1a the public key "whpk_...".
    headers: names in lower case. body: the raw bytes, before any JSON parser."""
    id_, timestamp, signatures = (headers.get(f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if not (id_ and timestamp and signatures and timestamp.isdecimal()):
        return False
    if abs((int(time.time()) if now is None else now) - int(timestamp)) > TOLERANCE_S:
        return False
    signed = f"{id_}.{timestamp}.".encode() + body
    kind, _, key = key.partition("_")
    key_bytes = base64.b64decode(key + "=" * (-len(key) % 4), validate=True)
    if not key_bytes:
        raise ValueError("the key is empty")
    if kind == "whpk":
        return any(fits_public_key(key_bytes, text, signed) for text in signatures.split())
    digest = base64.b64encode(hmac.digest(key_bytes, signed, "sha256"))
    return any(hmac.compare_digest(b"v1," + digest, text.encode()) for text in signatures.split())


def fits_public_key(key: bytes, signature: str, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    version, _, text = signature.partition(",")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(text, validate=True), signed)
    except (InvalidSignature, ValueError):
        return False
    return version == "v1a"


def has_genuine_hmac(secret: str, signature: str, body: bytes) -> bool:
    """Profile basekit. secret: the whole text, "whsec_" and all. signature: X-Delivery-Hmac-SHA256."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(expected.encode(), signature.encode())
