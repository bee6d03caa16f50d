"""A tool whose outcome can be lost: it takes its time, and doing it twice would do harm."""

import asyncio

import oneliner


@oneliner.tool
async def send_email(to: str, subject: str) -> str:
    """Send an email.

    Args:
        to: the address
        subject: the subject line
    """
    await asyncio.sleep(60)
    return f"sent {subject} to {to}"
