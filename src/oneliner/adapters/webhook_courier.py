"""Carries deliveries to their addresses: one POST within a time, no redirects, and little of the answer is read."""

from __future__ import annotations

import re
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

import aiohttp

from oneliner.app.deliveries import Outcome
from oneliner.domain.address import AddressRefused
from oneliner.domain.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.app.deliveries import Parcel

TIMEOUT_SECONDS = 15.0
MAX_ANSWER_BYTES = 1_024
_AGENT = f"OneLiner/{version('oneliner')}"
# A receiver may answer with what it was sent or with what it keeps; neither belongs into a log.
_SECRET_LIKE = re.compile(
    r"""(?ix) whsec_[\w+/=-]+ | v1,[\w+/=]{20,} | \b(?:bearer|basic) \s+ [^\s"',;]+
    | \b(?:sk|pk|rk|gsk|xai|hf) [-_] [\w-]{8,} | \b(?:password|secret|token|api[_-]?key) ["']? \s* [:=] \s* [^\s,;}]+ """
)
REDACTED = "[redacted]"


class HttpCourier:
    """See ``app.sending.Courier``. *open_session* makes the session of one attempt, which decides where it may lead."""

    def __init__(
        self, open_session: Callable[[], aiohttp.ClientSession], timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._open_session = open_session
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    async def carry(self, parcel: Parcel) -> Outcome:
        """Make one attempt."""
        began = time.monotonic()
        try:
            # A session for each: no cookie and no connection of one receiver outlives its attempt.
            async with self._open_session() as session:
                return await self._post(session, parcel, began)
        except AddressRefused as error:
            said = f"not sent: {error.message}"
        except TimeoutError:
            said = f"no answer within {self._timeout.total:g} seconds"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The kind alone: the text of some names the whole address, with what may be secret in it.
            said = f"the address could not be reached ({type(error).__name__})"
        return Outcome(None, _since(began), said)

    async def _post(self, session: aiohttp.ClientSession, parcel: Parcel, began: float) -> Outcome:
        headers = {**parcel.headers, "user-agent": _AGENT, "accept-encoding": "identity"}
        async with session.post(
            parcel.endpoint.url, data=parcel.body, headers=headers, allow_redirects=False, timeout=self._timeout
        ) as response:
            answer = await _beginning(response)
            # What else it has to say is not waited for.
            response.close()
        is_redirect = 300 <= response.status < 400  # noqa: PLR2004 - HTTP's redirects
        error = "redirects are not followed; give the address it leads to" if is_redirect else ""
        return Outcome(response.status, _since(began), error, answer, _retry_after(response))


async def _beginning(response: aiohttp.ClientResponse) -> str:
    body = b""
    while len(body) < MAX_ANSWER_BYTES and (piece := await response.content.read(MAX_ANSWER_BYTES - len(body))):
        body += piece
    return _SECRET_LIKE.sub(REDACTED, clean(body.decode(errors="replace")))


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """The seconds that the receiver asks for; dates are left alone."""
    asked = response.headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None  # noqa: PLR2004 - a number


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
