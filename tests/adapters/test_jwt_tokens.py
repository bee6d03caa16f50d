"""Tokens: what is accepted, what is not, with one answer for everything that is not."""

from __future__ import annotations

import asyncio
import base64
import json
import multiprocessing
import stat
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from oneliner.adapters.jwt_tokens import MAX_TOKEN_CHARS, JwtTokens, check_secret, load_or_create_secret
from oneliner.domain.errors import Invalid, Unauthenticated
from oneliner.domain.user import Authority, Caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

SECRET = "Kd93-nfHsu27_xmapQWeqq0182bbzJke-8fj20fjDKe_ssq93jvHbeu28cndPkw2"
NOW = 1_800_000_000
DAY = 24 * 3600
RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def shared(clock: Clock | None = None, secret: str = SECRET) -> JwtTokens:
    return JwtTokens(issuer="host", audience="oneliner", secret=secret, clock=clock or Clock())


def claims(**changed: object) -> dict[str, Any]:
    given = {"sub": "ada", "iss": "host", "aud": "oneliner", "iat": NOW, "exp": NOW + 60, **changed}
    return {name: value for name, value in given.items() if value is not ...}


def signed(
    key: Any = SECRET, algorithm: str = "HS256", headers: Mapping[str, Any] | None = None, **changed: object
) -> str:
    # The library refuses to write some of what a forger would: a claim of another type goes past its checks as bytes.
    payload = json.dumps(claims(**changed)).encode()
    return jwt.PyJWS().encode(payload, key, algorithm=algorithm, headers={"typ": "JWT", **(headers or {})})


def raw(header: object, payload: object, signature: bytes = b"") -> str:
    def part(value: object) -> str:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return f"{part(header)}.{part(payload)}.{part(signature)}"


async def refused(tokens: JwtTokens, token: str) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        await tokens.verify(token)
    assert refusal.value.message == "a valid bearer token is needed"
    assert refusal.value.params == {}
    assert refusal.value.__cause__ is None


async def test_an_issued_token_says_who_is_calling() -> None:
    tokens = shared()
    token = tokens.issue("ada", authority=Authority.ADMIN, ttl_seconds=60, name="Ada L.", projects=["p2", "p1"])
    assert await tokens.verify(token) == Caller("ada", Authority.ADMIN, "Ada L.", frozenset({"p1", "p2"}))


async def test_without_the_optional_claims_the_caller_is_a_member_of_any_project() -> None:
    assert await shared().verify(signed()) == Caller("ada", Authority.MEMBER, "", None)


@pytest.mark.parametrize(
    ("changed", "caller"),
    [
        ({"aud": ["other", "oneliner"]}, Caller("ada")),
        ({"sub": "阿达-1@host|x"}, Caller("阿达-1@host|x")),
        ({"sub": "x" * 128}, Caller("x" * 128)),
        ({"name": " A\x00da\ud800 "}, Caller("ada", name="Ada\ufffd")),
        ({"name": "n" * 900}, Caller("ada", name="n" * 200)),
        ({"projects": []}, Caller("ada", projects=frozenset())),
        ({"iat": NOW + 29}, Caller("ada")),
        ({"iat": NOW - 90, "exp": NOW - 29}, Caller("ada")),
        ({"nbf": NOW + 29}, Caller("ada")),
        ({"iat": NOW + 0.5, "exp": NOW + 60.5}, Caller("ada")),
        ({"exp": NOW + 31 * DAY}, Caller("ada")),
        ({"unknown": {"a": 1}}, Caller("ada")),
    ],
)
async def test_what_is_within_the_limits_is_accepted(changed: Mapping[str, Any], caller: Caller) -> None:
    assert await shared().verify(signed(**changed)) == caller


@pytest.mark.parametrize(
    "changed",
    [
        *({name: missing} for name in ("exp", "iat", "sub", "aud", "iss") for missing in (..., None)),
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": []},
        {"aud": "oneliner2"},
        {"aud": {"oneliner": 1}},
        {"iss": "else"},
        {"iss": ["host"]},
        {"exp": NOW - 31, "iat": NOW - 90},
        {"exp": NOW + 31 * DAY + 1},
        {"exp": NOW, "iat": NOW},
        {"exp": NOW - 1, "iat": NOW},
        {"iat": NOW + 31, "exp": NOW + 90},
        {"nbf": NOW + 31},
        {"exp": str(NOW + 60)},
        {"iat": str(NOW)},
        {"nbf": "0"},
        {"exp": True},
        {"exp": [NOW + 60]},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"iat": float("-inf")},
        {"exp": 10**400},
        {"sub": ""},
        {"sub": "x" * 129},
        {"sub": "a b"},
        {"sub": "a\u00a0b"},
        {"sub": "a\u3000b"},
        {"sub": "a\nb"},
        {"sub": "a\x00b"},
        {"sub": "a\u200bb"},
        {"sub": "a\ud800"},
        {"sub": 7},
        {"sub": ["ada"]},
        {"role": "root"},
        {"role": "Admin"},
        {"role": None},
        {"role": ["admin"]},
        {"role": 1},
        {"name": 5},
        {"name": None},
        {"projects": "p1"},
        {"projects": None},
        {"projects": [1]},
        {"projects": [None]},
        {"projects": {"p1": True}},
        {"projects": [""] * 1_001},
        {"pad": "x" * MAX_TOKEN_CHARS},
    ],
    ids=repr,
)
async def test_claims_outside_the_limits_are_refused(changed: Mapping[str, Any]) -> None:
    await refused(shared(), signed(**changed))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "Bearer x",
        "é.é.é",
        "\ud800",
        "x" * 1_000_000,
        signed()[:-2],
        signed()[:-2] + "AA",
        signed() + ".x",
        " " + signed(),
        signed(key="another secret of enough bytes, 12345"),
        signed(algorithm="HS384"),
        signed(algorithm="HS512"),
        signed(algorithm="none", key=None),
        raw({"alg": "none"}, claims()),
        raw({"alg": "None"}, claims()),
        raw({"alg": ""}, claims()),
        raw({"alg": None}, claims()),
        raw({"alg": ["HS256"]}, claims()),
        raw({"alg": {}}, claims()),
        raw({}, claims()),
        raw([], claims()),
        raw({"alg": "HS256"}, claims()),
        raw({"alg": "RS256"}, claims()),
        raw({"alg": "HS256", "crit": ["x"], "x": 1}, claims()),
        raw({"alg": "HS256", "b64": False, "crit": ["b64"]}, b""),
        raw(b"[" * 4_000, claims()),
        raw(b"\xff\xfe", claims()),
        raw({"alg": "HS256", "kid": 5}, claims()),
        jwt.PyJWS().encode(b"[" * 4_000, SECRET),
        jwt.PyJWS().encode(b"[]", SECRET),
        jwt.PyJWS().encode(b"null", SECRET),
        jwt.PyJWS().encode(b"\xff", SECRET),
        jwt.PyJWS().encode(b'{"exp": ' + b"9" * 5_000 + b"}", SECRET),
    ],
    ids=lambda token: token[:60].encode("utf-8", "backslashreplace").decode(),
)
async def test_what_is_no_token_of_ours_is_refused(token: str) -> None:
    await refused(shared(), token)


async def test_a_token_names_neither_its_key_nor_where_to_fetch_it() -> None:
    tokens = shared()
    forged = rsa.generate_private_key(65537, 2048)
    jwk = {**jwk_of(forged, "evil"), "alg": "RS256"}
    for header in (
        {"jku": "http://127.0.0.1:1/keys"},
        {"jwk": jwk},
        {"x5u": "file:///etc/passwd"},
        {"kid": "../../secret"},
    ):
        await refused(tokens, signed(forged, "RS256", headers=header))


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_any_text_is_refused_and_nothing_else(text: str) -> None:
    asyncio.run(refused(shared(), text))


@given(
    st.dictionaries(
        st.sampled_from(("exp", "iat", "nbf", "sub", "aud", "iss", "role", "name", "projects")),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=4,
        ),
    )
)
def test_any_claims_give_a_caller_or_a_refusal(changed: dict[str, Any]) -> None:
    async def verify() -> None:
        try:
            caller = await shared().verify(signed(**changed))
        except Unauthenticated:
            return
        assert caller.user_id

    asyncio.run(verify())


async def test_a_verified_token_ends_with_its_exp() -> None:
    clock = Clock()
    tokens = shared(clock)
    token = tokens.issue("ada", ttl_seconds=60)
    assert await tokens.verify(token) is await tokens.verify(token)
    clock.now = NOW + 60 + 29
    assert (await tokens.verify(token)).user_id == "ada"
    clock.now = NOW + 60 + 30
    await refused(tokens, token)


async def test_only_so_many_verified_tokens_are_kept() -> None:
    tokens = shared()
    first = tokens.issue("u0")
    kept = await tokens.verify(first)
    for n in range(1, 10_001):
        await tokens.verify(tokens.issue(f"u{n}"))
    again = await tokens.verify(first)
    assert again == kept
    assert again is not kept


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("", "has 0 bytes"),
        ("short", "has 5 bytes"),
        ("x" * 31, "has 31 bytes"),
        ("x" * 64, "can be guessed"),
        ("abcabc" * 10, "can be guessed"),
        ("please-CHANGE-ME-before-production-1234", "can be guessed"),
    ],
)
def test_a_weak_secret_is_refused_at_construction(secret: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refusal:
        shared(secret=secret)
    assert not secret or secret not in refusal.value.message


def test_a_token_signed_with_a_short_secret_is_refused_because_no_server_takes_that_secret() -> None:
    with pytest.raises(Invalid):
        check_secret("secret")


def test_without_any_key_nothing_is_built() -> None:
    with pytest.raises(Invalid, match="give a shared secret or the address of a JWKS"):
        JwtTokens(issuer="host", audience="oneliner")


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "ftp://x/y", "https://", "keys.json", "data:,x"])
def test_a_jwks_address_is_a_web_address(url: str) -> None:
    with pytest.raises(Invalid, match="no address of a JWKS"):
        JwtTokens(issuer="host", audience="oneliner", jwks_url=url)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"user_id": ""}, "no user id"),
        ({"user_id": "a b"}, "no user id"),
        ({"user_id": "ada", "ttl_seconds": 0}, "lives 1 to"),
        ({"user_id": "ada", "ttl_seconds": 31 * DAY + 1}, "lives 1 to"),
        ({"user_id": "ada", "projects": [f"project-{n}" for n in range(1_000)]}, "name fewer projects"),
        ({"user_id": "ada", "projects": [str(n) for n in range(1_001)]}, "name fewer projects"),
    ],
)
def test_a_token_that_would_be_refused_is_not_issued(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        shared().issue(**asked)


# Keys by address.


def jwk_of(key: Any, kid: str | None, **more: object) -> dict[str, Any]:
    algorithm = {rsa.RSAPrivateKey: "RS256", ec.EllipticCurvePrivateKey: "ES256"}
    name = next((a for kind, a in algorithm.items() if isinstance(key, kind)), "EdDSA")
    data = jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True)
    return {**data, **({} if kid is None else {"kid": kid}), **more}


class KeyServer:
    """A real HTTP server that publishes what the test puts into it, and counts who asks."""

    def __init__(self) -> None:
        self.document: object = {"keys": []}
        self.status = 200
        self.asked = 0
        self.url = ""
        self.called = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    def publish(self, *keys: Mapping[str, Any]) -> None:
        self.document = {"keys": list(keys)}

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        self.called.set()
        await self.gate.wait()
        if request.path == "/moved":
            raise web.HTTPFound("/keys")
        if isinstance(self.document, bytes):
            return web.Response(body=self.document, status=self.status)
        return web.json_response(self.document, status=self.status)


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    keys = KeyServer()
    app = web.Application()
    app.router.add_get("/{path}", keys.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    keys.url = f"http://{host}:{port}/keys"
    yield keys
    keys.gate.set()
    await runner.cleanup()


def published(server: KeyServer, **changed: Any) -> JwtTokens:
    settings: dict[str, Any] = {
        "issuer": "host",
        "audience": "oneliner",
        "jwks_url": server.url,
        "clock": Clock(),
        **changed,
    }
    return JwtTokens(**settings)


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256"), (ED_KEY, "EdDSA")])
@pytest.mark.parametrize("kid", ["k1", None])
async def test_a_token_of_a_published_key_is_accepted(
    server: KeyServer, key: Any, algorithm: str, kid: str | None
) -> None:
    server.publish(jwk_of(key, kid))
    tokens = published(server)
    header = {} if kid is None else {"kid": kid}
    assert await tokens.verify(signed(key, algorithm, headers=header)) == Caller("ada")
    await refused(tokens, signed(key, algorithm, headers=header, aud="other"))
    assert server.asked == 1


async def test_without_a_kid_one_key_is_no_choice_and_two_are_one_too_many(server: KeyServer) -> None:
    server.publish(jwk_of(RSA_KEY, "k1"), jwk_of(OTHER_RSA_KEY, "k2"))
    await refused(published(server), signed(RSA_KEY, "RS256"))


async def test_a_published_key_is_no_shared_secret(server: KeyServer) -> None:
    server.publish(jwk_of(RSA_KEY, "k1"))
    public = RSA_KEY.public_key()
    for form in (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwk_of(RSA_KEY, "k1")).encode(),
    ):
        header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "k1"}).encode()).rstrip(b"=")
        body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=")
        mac = jwt.get_algorithm_by_name("HS256").sign(header + b"." + body, form)
        forged = (header + b"." + body + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()
        await refused(published(server), forged)
        await refused(published(server, secret=SECRET), forged)


async def test_a_key_is_used_for_its_own_algorithm_only(server: KeyServer) -> None:
    server.publish(
        jwk_of(RSA_KEY, "rs512", alg="RS512"),
        jwk_of(RSA_KEY, "ps256", alg="PS256"),
        jwk_of(RSA_KEY, "enc", use="enc"),
        jwk_of(EC_KEY, "ec"),
        jwk_of(OTHER_RSA_KEY, "rs"),
        {"kty": "oct", "kid": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).decode()},
    )
    tokens = published(server)
    await refused(tokens, signed(RSA_KEY, "RS512", headers={"kid": "rs512"}))
    await refused(tokens, signed(RSA_KEY, "RS256", headers={"kid": "rs512"}))
    await refused(tokens, signed(RSA_KEY, "PS256", headers={"kid": "ps256"}))
    await refused(tokens, signed(RSA_KEY, "RS256", headers={"kid": "enc"}))
    await refused(tokens, signed(RSA_KEY, "RS256", headers={"kid": "ec"}))
    await refused(tokens, signed(RSA_KEY, "RS256", headers={"kid": "rs"}))
    await refused(tokens, signed(SECRET, "HS256", headers={"kid": "oct"}))
    assert await tokens.verify(signed(EC_KEY, "ES256", headers={"kid": "ec"})) == Caller("ada")


async def test_a_small_rsa_key_is_refused(server: KeyServer) -> None:
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - what is tested
    server.publish(jwk_of(small, "k1"))
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = signed(small, "RS256", headers={"kid": "k1"})
    await refused(published(server), token)


async def test_secret_and_published_keys_may_be_used_together(server: KeyServer) -> None:
    server.publish(jwk_of(RSA_KEY, "k1"))
    tokens = published(server, secret=SECRET)
    assert (await tokens.verify(tokens.issue("local"))).user_id == "local"
    assert server.asked == 0
    assert (await tokens.verify(signed(RSA_KEY, "RS256", headers={"kid": "k1"}))).user_id == "ada"


async def test_with_published_keys_alone_none_is_issued(server: KeyServer) -> None:
    with pytest.raises(Invalid, match="without a shared secret none is issued"):
        published(server).issue("ada")


async def test_a_rotated_key_is_found_and_the_old_one_ends(server: KeyServer) -> None:
    server.publish(jwk_of(RSA_KEY, "old"))
    clock = Clock()
    tokens = published(server, pause_seconds=0, clock=clock)
    old = signed(RSA_KEY, "RS256", headers={"kid": "old"}, exp=NOW + DAY)
    await tokens.verify(old)
    server.publish(jwk_of(OTHER_RSA_KEY, "new"))
    await tokens.verify(signed(OTHER_RSA_KEY, "RS256", headers={"kid": "new"}))
    assert server.asked == 2
    # Verified before: known for five minutes more, whatever its own exp.
    assert (await tokens.verify(old)).user_id == "ada"
    clock.now += 300
    await refused(tokens, old)


async def test_unknown_kids_ask_at_most_once_in_the_pause(server: KeyServer) -> None:
    server.publish(jwk_of(RSA_KEY, "k1"))
    tokens = published(server)
    await tokens.verify(signed(RSA_KEY, "RS256", headers={"kid": "k1"}))
    for kid in ("k2", "../k1", "", "k1\x00", "' or 1=1", "x" * 4_000):
        await refused(tokens, signed(RSA_KEY, "RS256", headers={"kid": kid}))
    assert server.asked == 1
    assert (await tokens.verify(signed(RSA_KEY, "RS256", headers={"kid": "k1"}, sub="bo"))).user_id == "bo"


async def test_many_callers_wait_for_one_fetch_and_survive_each_other(server: KeyServer) -> None:
    server.publish(jwk_of(RSA_KEY, "k1"))
    server.gate.clear()
    tokens = published(server)
    waiting = [
        asyncio.create_task(tokens.verify(signed(RSA_KEY, "RS256", headers={"kid": "k1"}, sub=f"u{n}")))
        for n in range(20)
    ]
    await server.called.wait()
    waiting[0].cancel()
    server.gate.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert [a.user_id for a in answers[1:] if isinstance(a, Caller)] == [f"u{n}" for n in range(1, 20)]
    assert server.asked == 1


async def test_old_keys_serve_while_new_ones_are_fetched_and_when_that_fails(server: KeyServer) -> None:
    server.publish(jwk_of(RSA_KEY, "k1"))
    tokens = published(server, refresh_seconds=0, pause_seconds=0)
    await tokens.verify(signed(RSA_KEY, "RS256", headers={"kid": "k1"}))
    server.gate.clear()
    server.status = 500
    for n in range(5):
        caller = await tokens.verify(signed(RSA_KEY, "RS256", headers={"kid": "k1"}, sub=f"u{n}"))
        assert caller.user_id == f"u{n}"
    server.gate.set()
    # An unknown key waits for the fetch that is under way, so that its failure is behind us.
    await refused(tokens, signed(RSA_KEY, "RS256", headers={"kid": "k2"}))
    assert (await tokens.verify(signed(RSA_KEY, "RS256", headers={"kid": "k1"}, sub="last"))).user_id == "last"
    await tokens.close()


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"no json",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"keys": 5}',
        b'{"keys": {"a": 1}}',
        b'{"keys": [null, 1, {}, {"kty": 5}, {"kty": "RSA"}, {"kty": "RSA", "n": 5, "e": []}]}',
        b'{"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "OKP", "crv": ["x"]}]}',
        b'{"keys": [{"kty": "RSA", "alg": ["RS256"], "n": "AQAB", "e": "AQAB"}]}',
        b'{"keys": [{"kty": "RSA", "alg": "RS256", "n": "", "e": "AQAB", "use": ["sig"], "kid": "k1"}]}',
        b" " * 300_000,
    ],
    ids=lambda document: document[:50].decode(),
)
async def test_an_address_that_publishes_no_keys_lets_nobody_in(server: KeyServer, document: bytes) -> None:
    server.document = document
    await refused(published(server), signed(RSA_KEY, "RS256", headers={"kid": "k1"}))
    assert server.asked == 1


async def test_an_address_that_moves_away_is_not_followed(server: KeyServer) -> None:
    server.publish(jwk_of(RSA_KEY, "k1"))
    tokens = published(server, jwks_url=server.url.replace("/keys", "/moved"))
    await refused(tokens, signed(RSA_KEY, "RS256", headers={"kid": "k1"}))
    assert server.asked == 1


async def test_an_address_that_does_not_answer_lets_nobody_in() -> None:
    tokens = JwtTokens(issuer="host", audience="oneliner", jwks_url="http://127.0.0.1:1/keys", clock=Clock())
    await refused(tokens, signed(RSA_KEY, "RS256", headers={"kid": "k1"}))
    await tokens.close()


async def test_closing_gives_a_fetch_up(server: KeyServer) -> None:
    server.gate.clear()
    tokens = published(server)
    waiting = asyncio.create_task(tokens.verify(signed(RSA_KEY, "RS256", headers={"kid": "k1"})))
    await server.called.wait()
    await tokens.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


# The secret in the data folder.


def test_a_secret_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"
    secret = load_or_create_secret(data_dir)
    check_secret(secret)
    assert len(secret) == 64
    assert load_or_create_secret(data_dir) == secret
    assert stat.S_IMODE((data_dir / "secret").stat().st_mode) == 0o600
    assert [path.name for path in data_dir.iterdir()] == ["secret"]


def test_a_secret_of_the_operator_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    assert load_or_create_secret(tmp_path) == SECRET


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"x" * 64, b"\xff" * 64])
def test_a_weak_secret_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(Invalid, match="secret"):
        load_or_create_secret(tmp_path)
    assert (tmp_path / "secret").read_bytes() == content


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid, match="no secret can be kept"):
        load_or_create_secret(tmp_path / "file")


def test_processes_that_start_together_get_one_secret(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        secrets = pool.map(load_or_create_secret, [tmp_path / f"d{n // 4}" for n in range(100)], chunksize=1)
    assert len(set(secrets)) == 25
    assert all(len(set(secrets[n : n + 4])) == 1 for n in range(0, 100, 4))


def test_tokens_of_the_real_clock_are_accepted(tmp_path: Path) -> None:
    secret = load_or_create_secret(tmp_path)
    tokens = JwtTokens(issuer="oneliner", audience="oneliner", secret=secret)
    decoded = jwt.decode(tokens.issue("ada"), secret, ["HS256"], audience="oneliner", issuer="oneliner")
    assert decoded["sub"] == "ada"
    assert abs(decoded["iat"] - time.time()) < 5
    assert asyncio.run(tokens.verify(tokens.issue("ada"))).user_id == "ada"
