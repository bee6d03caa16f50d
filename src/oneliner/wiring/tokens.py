"""Tokens: who signs them and who is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.adapters.data_dir import prepared
from oneliner.adapters.jwt_tokens import JwtTokens, load_or_create_secret
from oneliner.domain.user import Authority

if TYPE_CHECKING:
    from oneliner.settings import Settings


def issue_token(
    settings: Settings,
    user_id: str,
    *,
    authority: Authority = Authority.MEMBER,
    ttl_seconds: int,
    name: str = "",
    projects: frozenset[str] | None = None,
) -> str:
    """A token that servers with these settings accept. Raises Invalid: tokens come from elsewhere (a JWKS address)."""
    return tokens_for(settings).issue(
        user_id, authority=authority, ttl_seconds=ttl_seconds, name=name, projects=projects
    )


def tokens_for(settings: Settings) -> JwtTokens:
    """Who verifies and issues tokens. Raises Invalid: the secret is weak."""
    secret = settings.jwt_secret
    if not secret and not settings.jwt_jwks_url:
        secret = load_or_create_secret(prepared(settings.data_dir))
    return JwtTokens(
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        secret=secret or None,
        jwks_url=settings.jwt_jwks_url or None,
    )
