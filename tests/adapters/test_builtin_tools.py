"""The built-in tools: the time in a zone, and arithmetic that is exact and bounded."""

from __future__ import annotations

import json
import operator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneliner.adapters.tools.arithmetic import calculate
from oneliner.adapters.tools.builtin import BUILTIN_TOOLS
from oneliner.adapters.tools.python_tools import PythonTools
from oneliner.app.tools import CallContext, ToolFailed
from oneliner.testing import call_permit

if TYPE_CHECKING:
    from collections.abc import Callable

CONTEXT = CallContext("run", "session", "ada", "", "key-1", "main")


async def ask(name: str, **arguments: str) -> str:
    tools = PythonTools(BUILTIN_TOOLS)
    return await tools.call(call_permit(tools, name, json.dumps(arguments)), CONTEXT)


def test_built_in_tools_change_nothing() -> None:
    assert all(spec.read_only and spec.description for spec in PythonTools(BUILTIN_TOOLS).specs())


async def test_current_time_is_now_in_the_zone() -> None:
    said = json.loads(await ask("current_time", time_zone="Asia/Shanghai"))
    time = datetime.fromisoformat(said["time"])
    assert time.utcoffset() == timedelta(hours=8)
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)
    assert said["weekday"] == time.strftime("%A")
    assert said["time_zone"] == "Asia/Shanghai"


async def test_current_time_is_utc_unless_asked() -> None:
    assert json.loads(await ask("current_time"))["time"].endswith("+00:00")


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../../etc/passwd", "/etc/passwd", "America", "a" * 5_000])
async def test_a_time_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(ToolFailed, match="is no IANA time zone"):
        await ask("current_time", time_zone=zone)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("0.1 + 0.2", "0.3"),
        ("1.10 * 3", "3.3"),
        ("-2 ** 2", "-4"),
        ("2 ** -2", "0.25"),
        ("2 ** 200", str(2**200)),
        ("7 // 2", "3"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("7.5 % 2", "1.5"),
        ("1e3", "1000"),
        ("1_000 * 2", "2000"),
        ("0x10", "16"),
        ("1 / 8", "0.125"),
        ("1 / 3 * 3", "1"),
        ("1 / 3", "≈ 0.333333333333333333333333333333 (exactly 1/3)"),
        ("round(100 / 7, 2)", "14.29"),
        ("round(2.5)", "2"),
        ("abs(-3.5)", "3.5"),
        ("min(3, 1, 2) + max(1, 2) + sum(1, 2, 3)", "9"),
        ("0 ** 0", "1"),
        ("(-1) ** (10 ** 500 + 1)", "-1"),
        (" 4\n", "4"),
        ("(1\n+ 2.50)", "3.5"),
    ],
)
def test_arithmetic_is_exact(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "no arithmetic expression"),
        ("1 +", "no arithmetic expression"),
        ("1 / 0", "division by zero"),
        ("1 // 0", "division by zero"),
        ("1 % 0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("9 ** 9 ** 9", "more than 14000 bits"),
        ("2 ** 14001", "more than 14000 bits"),
        ("(1/3) ** 99999", "more than 14000 bits"),
        (f"({'*'.join(['9' * 90] * 9)}) ** 9", "more than 14000 bits"),
        ("1e999999999", "too large or too small"),
        ("1e-999999999", "too large or too small"),
        ("2 ^ 3", "write ** for a power"),
        ("2 ** 0.5", "no whole number"),
        ("__import__('os').system('true')", "is not known here"),
        ("().__class__", "is not known here"),
        ("[1][0]", "is not known here"),
        ("(lambda: 1)()", "is not known here"),
        ("x", "is not known here"),
        ("True", "is no number"),
        ("'a' * 3", "is no number"),
        ("1j", "is no number"),
        ("...", "is no number"),
        ("1 if 1 else 2", "is not known here"),
        ("1 < 2", "is not known here"),
        ("open('x')", "is no number"),
        ("min()", "min() with 0 arguments"),
        ("round(1, 2.5)", "round() with 2 arguments"),
        ("round(1, 99999)", "round() with 2 arguments"),
        ("round(1, ndigits=2)", "is not known here"),
        ("sum(*[1])", "is not known here"),
        ("1\x00", "null"),
        ("-" * 999 + "1", "nested"),
        ("(" * 499 + "1" + ")" * 499, "nested"),
        ("1" * 1_001, "at most 1000 are allowed"),
    ],
)
async def test_what_is_not_bounded_arithmetic_is_refused(expression: str, said: str) -> None:
    with pytest.raises(ToolFailed) as failed:
        await ask("calculator", expression=expression)
    assert said in failed.value.message


OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod}


@given(st.integers(-(10**30), 10**30), st.sampled_from(sorted(OPERATORS)), st.integers(1, 10**20))
def test_whole_numbers_agree_with_python(left: int, sign: str, right: int) -> None:
    combine: Callable[[int, int], int] = OPERATORS[sign]
    assert calculate(f"({left}) {sign} {right}") == str(combine(left, right))


@given(st.decimals(-(10**9), 10**9, places=6), st.decimals(-(10**9), 10**9, places=6))
def test_decimals_add_up_exactly(left: Fraction, right: Fraction) -> None:
    assert Fraction(calculate(f"{left:f} + {right:f}")) == Fraction(left) + Fraction(right)


@given(st.text(alphabet="0123456789+-*/%.()e abminsurod,", max_size=40))
def test_any_text_is_calculated_or_refused(text: str) -> None:
    try:
        said = calculate(text)
    except ValueError:
        return
    assert said
