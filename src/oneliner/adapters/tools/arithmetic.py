"""Exact arithmetic over text, for a model that cannot calculate and must not run code.

The text is parsed as a Python expression and walked: only numbers, operators and a few functions are known, nothing is
ever evaluated by Python. Every value is a fraction, and bounded in size before it is computed.
"""

from __future__ import annotations

import ast
import operator
from decimal import Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_EXPRESSION_CHARS = 1_000
#: Of a numerator or denominator: about 4,200 digits, which Python still turns into text.
MAX_BITS = 14_000
MAX_LITERAL_EXPONENT = 4_000
_EXACT_DIGITS = 60
_ROUNDED_DIGITS = 30
_SHOWN_FRACTION_CHARS = 60

_OPERATORS: Mapping[type[ast.operator], Callable[[Fraction, Fraction], Fraction | int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def calculate(expression: str) -> str:
    """The value of *expression*: exact where it is a whole number or a short decimal, else rounded and marked ``≈``.

    Raises ValueError: it is not arithmetic, divides by zero, or gets too large.
    """
    if len(expression) > MAX_EXPRESSION_CHARS:
        raise ValueError(f"the expression has {len(expression)} characters, at most {MAX_EXPRESSION_CHARS} are allowed")
    text = expression.strip()
    try:
        tree = ast.parse(text, mode="eval")
        return _shown(_value(tree.body, text))
    except SyntaxError as error:
        raise ValueError(f"{text!r} is no arithmetic expression: {error.msg}") from error
    except (RecursionError, MemoryError) as error:
        raise ValueError("the expression is nested too deeply") from error


def _value(node: ast.expr, text: str) -> Fraction:
    match node:
        case ast.Constant():
            return _number(node, text)
        case ast.UnaryOp(op=ast.USub()):
            return -_value(node.operand, text)
        case ast.UnaryOp(op=ast.UAdd()):
            return _value(node.operand, text)
        case ast.BinOp(op=ast.Pow()):
            return _power(_value(node.left, text), _value(node.right, text))
        case ast.BinOp(op=ast.BitXor()):
            raise ValueError("^ is not known here; write ** for a power")
        case ast.BinOp() if type(node.op) in _OPERATORS:
            return _combined(_OPERATORS[type(node.op)], _value(node.left, text), _value(node.right, text))
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            return _call(name, [_value(argument, text) for argument in node.args])
        case _:
            part = ast.get_source_segment(text, node) or text
            raise ValueError(
                f"{part!r} is not known here; use numbers, + - * / // % **, parentheses, abs, round, min, max, sum"
            )


def _number(node: ast.Constant, text: str) -> Fraction:
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return _bounded(Fraction(node.value))
    written = ast.get_source_segment(text, node) or ""
    if not isinstance(node.value, float):
        raise ValueError(f"{written!r} is no number")  # noqa: TRY004 - the text is wrong, not a type of ours
    # From the text, not from the float: 0.1 is a tenth.
    decimal = Decimal(written)
    if abs(decimal.adjusted()) > MAX_LITERAL_EXPONENT:
        raise ValueError(f"{written!r} is too large or too small")
    return _bounded(Fraction(decimal))


def _combined(combine: Callable[[Fraction, Fraction], Fraction | int], left: Fraction, right: Fraction) -> Fraction:
    try:
        return _bounded(Fraction(combine(left, right)))
    except ZeroDivisionError as error:
        raise ValueError("division by zero") from error


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        raise ValueError(f"the exponent {exponent} is no whole number")
    if base == 0 and exponent < 0:
        raise ValueError("division by zero")
    # Before it is computed: 9**9**9 would take all memory. 0, 1 and -1 stay small at any exponent.
    if abs(base) not in (0, 1) and _bits(base) * abs(exponent.numerator) > 2 * MAX_BITS:
        raise ValueError(f"the result of ** has more than {MAX_BITS} bits")
    # Only its parity matters to 0, 1 and -1, and an exponent of thousands of digits would take its time.
    whole = exponent.numerator if abs(base) not in (0, 1) else (2 if exponent.numerator % 2 == 0 else 1)
    return Fraction(1) if exponent == 0 else _bounded(base**whole)


def _call(name: str, values: list[Fraction]) -> Fraction:
    match name, values:
        case "abs", [value]:
            return abs(value)
        case "round", [value]:
            return Fraction(round(value))
        case "round", [value, digits] if digits.denominator == 1 and abs(digits) <= MAX_LITERAL_EXPONENT:
            return _bounded(Fraction(round(value, digits.numerator)))
        case "min", [_, *_]:
            return min(values)
        case "max", [_, *_]:
            return max(values)
        case "sum", _:
            return _bounded(sum(values, Fraction(0)))
        case _:
            raise ValueError(f"{name}() with {len(values)} arguments is not known here; use abs, round, min, max, sum")


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bounded(value: Fraction) -> Fraction:
    if _bits(value) > MAX_BITS:
        raise ValueError(f"a value has more than {MAX_BITS} bits")
    return value


def _shown(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    exact = Context(prec=_EXACT_DIGITS, traps=[Inexact, InvalidOperation])
    try:
        return f"{exact.divide(Decimal(value.numerator), Decimal(value.denominator)):f}"
    except Inexact:
        rounded = Context(prec=_ROUNDED_DIGITS).divide(Decimal(value.numerator), Decimal(value.denominator))
    fraction = str(value)
    return f"≈ {rounded}" + (f" (exactly {fraction})" if len(fraction) <= _SHOWN_FRACTION_CHARS else "")
