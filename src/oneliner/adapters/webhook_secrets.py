"""The secrets of webhook endpoints, sealed with a key that is not in the database (AES-GCM).

A copy of the database alone does not let anybody sign in our name. The endpoint's id is authenticated with each, so that
a sealed secret cannot be moved to another endpoint.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oneliner.domain.errors import Invalid
from oneliner.domain.webhook import SECRET_PREFIX

_SECRET_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID_CHARACTERS = 16


class SealedSecrets:
    """See ``app.deliveries.Secrets``. *key* is any text that is hard to guess."""

    def __init__(self, key: str) -> None:
        # Two values of one key that say nothing of one another: what seals, and what names it.
        self._cipher = AESGCM(hashlib.sha256(b"oneliner webhook seal\0" + key.encode()).digest())
        self._key_id = hashlib.sha256(b"oneliner webhook key id\0" + key.encode()).hexdigest()[:_KEY_ID_CHARACTERS]

    @property
    def key_id(self) -> str:
        """Which key it seals with."""
        return self._key_id

    def new(self) -> str:
        """A fresh secret, ``whsec_…``."""
        return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()

    def seal(self, secret: str, endpoint_id: str) -> str:
        """*secret* as it may be stored with its endpoint."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, secret.encode(), endpoint_id.encode())).decode()

    def unseal(self, sealed: str, endpoint_id: str) -> str:
        """The secret. Raises Invalid: it was sealed with another key, or for another endpoint."""
        raw = base64.b64decode(sealed)
        try:
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], endpoint_id.encode()).decode()
        except InvalidTag as error:
            raise Invalid(f"the secret of webhook endpoint {endpoint_id!r} cannot be unsealed; rotate it") from error
