"""Who is calling: JSON Web Tokens, verified and issued.

Which key a token is checked with is decided here and never by the token: HS256 goes with the shared secret, the
asymmetric algorithms with a key of the configured JWKS, and each key has the one algorithm it was published for.
Whatever is wrong with a token, the answer is the same, so that nobody learns how far a forgery got.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import os
import secrets
import time
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import jwt
import orjson

from oneliner.domain.errors import Invalid, Unauthenticated
from oneliner.domain.text import clean
from oneliner.domain.user import Authority, Caller

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

MIN_SECRET_BYTES = 32
DEFAULT_LIFETIME_SECONDS = 31 * 24 * 3600
MAX_SUBJECT_CHARS = 128
MAX_NAME_CHARS = 200
MAX_PROJECTS = 1_000
MAX_TOKEN_CHARS = 8_192
LEEWAY_SECONDS = 30
SECRET_FILE = "secret"  # noqa: S105 - the name of the file, not what is in it

_SHARED = "HS256"
_PUBLISHED = frozenset({"RS256", "ES256", "EdDSA"})
_REQUIRED = ["exp", "iat", "sub", "aud", "iss"]
_KEY_PARTS = ("kty", "alg", "crv", "use", "kid", "n", "e", "x", "y", "k")
_MIN_DISTINCT_CHARS = 8
_PLACEHOLDERS = ("changeme", "change-me", "change_me", "your-secret", "your_secret", "replace-me", "replace_me")
_CACHED_TOKENS = 10_000
# A token checked with a published key is checked again after this time, so that a withdrawn key ends its tokens.
_CACHED_SECONDS = 300.0
_SECRET_BYTES = 48

_log = logging.getLogger("oneliner.tokens")


class JwtTokens:
    """Verifies tokens of one issuer for one audience, and issues them where there is a shared secret.

    Raises Invalid: neither a secret nor a JWKS address is given, the secret is weak, the address is none.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        secret: str | None = None,
        jwks_url: str | None = None,
        max_lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS,
        refresh_seconds: float = 300.0,
        pause_seconds: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if secret is None and jwks_url is None:
            raise Invalid("no way to check tokens: give a shared secret or the address of a JWKS")
        if secret is not None:
            check_secret(secret)
        self._secret = secret
        self._keys = None if jwks_url is None else PublishedKeys(jwks_url, refresh_seconds, pause_seconds)
        self._issuer = issuer
        self._audience = audience
        self._max_lifetime_seconds = max_lifetime_seconds
        self._clock = clock
        self._decoder = jwt.PyJWT({"enforce_minimum_key_length": True})
        self._verified: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    async def verify(self, token: str) -> Caller:
        """Who *token* says is calling. Raises Unauthenticated: it is not acceptable, whatever the cause."""
        try:
            digest = hashlib.sha256(token.encode("ascii")).digest()
        except UnicodeEncodeError:
            raise _unauthenticated() from None
        now = self._clock()
        cached = self._verified.get(digest)
        if cached is not None and now < cached[0]:
            self._verified.move_to_end(digest)
            return cached[1]
        until, caller = await self._checked(token, now)
        self._verified[digest] = (until, caller)
        self._verified.move_to_end(digest)
        if len(self._verified) > _CACHED_TOKENS:
            self._verified.popitem(last=False)
        return caller

    def issue(
        self,
        user_id: str,
        *,
        authority: Authority = Authority.MEMBER,
        ttl_seconds: int = 3_600,
        name: str = "",
        projects: Collection[str] | None = None,
    ) -> str:
        """A token for *user_id* that :meth:`verify` accepts for *ttl_seconds*.

        Raises Invalid: there is no shared secret, or what is asked for would not be accepted.
        """
        if self._secret is None:
            raise Invalid(
                "tokens are issued by whoever publishes the JWKS; without a shared secret none is issued here"
            )
        if not _is_subject(user_id):
            raise Invalid(f"{user_id!r} is no user id: 1 to {MAX_SUBJECT_CHARS} printable characters without spaces")
        if not 1 <= ttl_seconds <= self._max_lifetime_seconds:
            raise Invalid(f"a token lives 1 to {self._max_lifetime_seconds} seconds, not {ttl_seconds}")
        now = int(self._clock())
        claims: dict[str, object] = {
            "sub": user_id,
            "role": authority.value,
            "iss": self._issuer,
            "aud": self._audience,
            "iat": now,
            "exp": now + ttl_seconds,
        }
        if name:
            claims["name"] = name
        if projects is not None:
            claims["projects"] = sorted(projects)
        token = jwt.encode(claims, self._secret, algorithm=_SHARED)
        if len(token) > MAX_TOKEN_CHARS or len(projects or ()) > MAX_PROJECTS:
            raise Invalid(f"the token would be longer than {MAX_TOKEN_CHARS} characters; name fewer projects")
        return token

    async def close(self) -> None:
        """Stop refreshing keys."""
        if self._keys is not None:
            await self._keys.close()

    async def _checked(self, token: str, now: float) -> tuple[float, Caller]:
        """Until when *token* need not be checked again, and its caller. Raises Unauthenticated."""
        if len(token) > MAX_TOKEN_CHARS:
            raise _unauthenticated()
        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            key, is_published = await self._key(algorithm, header.get("kid"))
            # Times are checked below, stricter: PyJWT takes a string for a number and knows no longest lifetime.
            claims = self._decoder.decode(
                token,
                key,
                algorithms=[str(algorithm)],
                audience=self._audience,
                issuer=self._issuer,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            _log.debug("token.refused", extra={"error": type(error).__name__})
            raise _unauthenticated() from None
        expires = self._check_times(claims, now)
        return min(expires, now + _CACHED_SECONDS) if is_published else expires, _caller(claims)

    async def _key(self, algorithm: object, kid: str | None) -> tuple[str | jwt.PyJWK, bool]:
        """The key for a token with this header, and whether it is a published one. Raises Unauthenticated."""
        if algorithm == _SHARED and self._secret is not None:
            return self._secret, False
        if isinstance(algorithm, str) and algorithm in _PUBLISHED and self._keys is not None:
            key = await self._keys.find(kid)
            if key is not None and key.algorithm_name == algorithm:
                return key, True
        raise _unauthenticated()

    def _check_times(self, claims: Mapping[str, object], now: float) -> float:
        """The ``exp`` of *claims*. Raises Unauthenticated: expired, from the future, not yet valid, lives too long."""
        expires, issued, begins = _time(claims["exp"]), _time(claims["iat"]), _time(claims.get("nbf", 0))
        if now >= expires + LEEWAY_SECONDS or now < issued - LEEWAY_SECONDS or now < begins - LEEWAY_SECONDS:
            raise _unauthenticated()
        if not 0 < expires - issued <= self._max_lifetime_seconds:
            raise _unauthenticated()
        return expires


class PublishedKeys:
    """The keys at one JWKS address, which comes from the configuration and never from a token.

    They are fetched again after *refresh_seconds*, in the background while the old ones serve, and at once for an
    unknown key; never more often than every *pause_seconds*. While the address does not answer, the last keys hold.
    """

    TIMEOUT_SECONDS = 10
    MAX_BYTES = 256 * 1024

    def __init__(self, url: str, refresh_seconds: float, pause_seconds: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Invalid(f"{url!r} is no address of a JWKS; it starts with https:// or http://")
        self._url = url
        self._refresh_seconds = refresh_seconds
        self._pause_seconds = pause_seconds
        self._keys: tuple[jwt.PyJWK, ...] = ()
        self._fetched_at = -math.inf
        self._tried_at = -math.inf
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None) -> jwt.PyJWK | None:
        """The key called *kid*, or the only key there is when a token names none; None when there is no such key."""
        key = self._known(kid)
        if key is None:
            if (fetching := self._refreshing()) is not None:
                # Shared by all who wait; one of them giving up must not stop it.
                await asyncio.shield(fetching)
            return self._known(kid)
        if time.monotonic() - self._fetched_at > self._refresh_seconds:
            self._refreshing()
        return key

    async def close(self) -> None:
        """Give up a fetch that is under way."""
        if self._fetching is not None and not self._fetching.done():
            self._fetching.cancel()
            with suppress(asyncio.CancelledError):
                await self._fetching

    def _known(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.key_id == kid), None)

    def _refreshing(self) -> asyncio.Task[None] | None:
        """The fetch that is under way, or a new one; None while the pause after the last one lasts."""
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        now = time.monotonic()
        if now - self._tried_at < self._pause_seconds:
            return None
        self._tried_at = now
        self._fetching = asyncio.get_running_loop().create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            keys = _signing_keys(orjson.loads(await self._read()))
        except (aiohttp.ClientError, TimeoutError, jwt.PyJWTError, ValueError) as error:
            _log.warning(
                "jwks.not_fetched", extra={"host": urlsplit(self._url).hostname, "error": type(error).__name__}
            )
            return
        self._keys = keys
        self._fetched_at = time.monotonic()

    async def _read(self) -> bytes:
        timeout = aiohttp.ClientTimeout(total=self.TIMEOUT_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as client,
            client.get(self._url, allow_redirects=False) as response,
        ):
            if response.status != 200:  # noqa: PLR2004 - a redirect is no error to aiohttp, and no JWKS to us
                raise ValueError(f"answered {response.status}")
            body = await response.content.read(self.MAX_BYTES + 1)
            while len(body) <= self.MAX_BYTES and (more := await response.content.read(self.MAX_BYTES)):
                body += more
        if len(body) > self.MAX_BYTES:
            raise ValueError(f"answered more than {self.MAX_BYTES} bytes")
        return body


def check_secret(secret: str) -> None:
    """Raises Invalid: *secret* is too short to sign with, repeats a few characters, or is a placeholder."""
    length = len(secret.encode(errors="surrogatepass"))
    if length < MIN_SECRET_BYTES:
        raise Invalid(f"the secret has {length} bytes, at least {MIN_SECRET_BYTES} random ones are needed")
    if len(set(secret)) < _MIN_DISTINCT_CHARS or any(word in secret.lower() for word in _PLACEHOLDERS):
        raise Invalid(f"the secret can be guessed; use at least {MIN_SECRET_BYTES} random bytes")


def load_or_create_secret(data_dir: Path, name: str = SECRET_FILE) -> str:
    """The secret kept in the file *name* of *data_dir*; a new random one is written there when there is none.

    The file appears whole and only once: of several processes that start at the same time, all get the same secret.
    Raises Invalid: the secret that is there is weak, or none can be read or written.
    """
    path = data_dir / name
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _create_secret(path)
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"no secret can be kept in {str(path)!r}: {error}") from error
    try:
        check_secret(secret)
    except Invalid as error:
        raise Invalid(f"{error.message}: see {str(path)!r}, or remove that file to get a new secret") from error
    return secret


def _create_secret(path: Path) -> None:
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces the file of somebody who was faster.
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _signing_keys(document: object) -> tuple[jwt.PyJWK, ...]:
    """The keys of a JWKS that sign with an algorithm we take. Raises PyJWTError, ValueError: it is no JWKS."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it has no list of keys")  # noqa: TRY004 - the answer is wrong, not a type of ours
    # PyJWT passes over a key that it cannot read, but trips over one whose parts are no text.
    texts = [
        key for key in listed if isinstance(key, dict) and all(isinstance(key.get(f, ""), str) for f in _KEY_PARTS)
    ]
    found = jwt.PyJWKSet(texts).keys
    return tuple(key for key in found if key.algorithm_name in _PUBLISHED and key.public_key_use in {"sig", None})


def _caller(claims: Mapping[str, Any]) -> Caller:
    subject, name = claims["sub"], claims.get("name", "")
    if not _is_subject(subject) or not isinstance(name, str):
        raise _unauthenticated()
    try:
        authority = Authority(claims.get("role", Authority.MEMBER))
    except ValueError:
        raise _unauthenticated() from None
    projects = _projects(claims["projects"]) if "projects" in claims else None
    return Caller(subject, authority, clean(name).strip()[:MAX_NAME_CHARS], projects)


def _projects(claim: object) -> frozenset[str]:
    # Null is refused too: it would have to mean either no project or every project.
    if not isinstance(claim, list) or len(claim) > MAX_PROJECTS:
        raise _unauthenticated()
    names = [project for project in claim if isinstance(project, str)]
    if len(names) < len(claim):
        raise _unauthenticated()
    return frozenset(names)


def _is_subject(value: object) -> bool:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_SUBJECT_CHARS:
        return False
    # isprintable is true for the plain space alone among all spaces.
    return value.isprintable() and " " not in value


def _time(claim: object) -> float:
    if isinstance(claim, bool) or not isinstance(claim, (int, float)) or not abs(claim) < 2**53:
        raise _unauthenticated()
    return float(claim)


def _unauthenticated() -> Unauthenticated:
    return Unauthenticated("a valid bearer token is needed")
