"""Identifiers: UUIDv7 (RFC 9562), so that ids sort by the time they were made."""

from __future__ import annotations

_RANDOM_BYTES = 10
_VARIANT = 0x8000000000000000
_VERSION = 0x7000


def uuid7(now_ms: int, random: bytes) -> str:
    """A UUIDv7 string for *now_ms* (milliseconds since 1970) and ten *random* bytes."""
    high = int.from_bytes(random[:2], "big") & 0x0FFF | _VERSION
    low = int.from_bytes(random[2:_RANDOM_BYTES], "big") & 0x3FFFFFFFFFFFFFFF | _VARIANT
    text = f"{(now_ms << 16 | high):016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
