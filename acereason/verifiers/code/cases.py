"""Tests as cases: what goes into the sandbox, and, kept apart from it, what is expected back.

An assert script cannot be run beside the program: it holds the expected outputs, and an object that equals
everything passes it. So each literal assert becomes a case: its left side is evaluated in the sandbox, its
right side stays here. A script with anything else in it is refused.
"""

from __future__ import annotations

import ast
import functools
import json
import marshal
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from acereason.errors import InputError
from acereason.problems import Tests
from acereason.verifiers.code.compare import close, same_output, same_value

MAX_POWER = 10_000  # bits of a literal power in an assert script


@dataclass(frozen=True, slots=True)
class Case:
    """One test: `given` enters the sandbox, `expected` does not."""

    mode: str  # stdin | call | expression, as `child.run` knows them
    given: bytes
    entry: str | None
    expected: Any
    comparison: str  # output | value | strict | truth | near
    tolerance: tuple[float, float] = (0.0, 0.0)  # relative, absolute; of `near`

    def passes(self, stdout: bytes, record: bytes) -> bool:
        """Whether what came out is what is expected. Both arguments are hostile."""
        if self.comparison == "output":
            return same_output(self.expected, stdout)
        try:
            answer = json.loads(record)
            if not isinstance(answer, dict) or "result" not in answer:
                return False
            result = answer["result"]
            if self.comparison == "truth":
                return (result not in (None, 0, "") and not _empty(result)) == self.expected
            if self.comparison == "near":
                return isinstance(result, (int, float)) and close(self.expected, float(result), *self.tolerance)
            return same_value(self.expected, result, strict=self.comparison == "strict")
        except (ValueError, RecursionError, OverflowError, TypeError):
            return False


def _empty(result: Any) -> bool:
    return isinstance(result, dict) and not any(result.values())


def cases_of(tests: Tests) -> Sequence[Case]:
    """The cases of a problem. Raises `InputError` for an assert script that is not made of literal asserts."""
    if tests.kind == "stdin":
        return [Case("stdin", c.input.encode(), None, c.output.encode(), "output") for c in tests.cases]
    if tests.kind == "function":
        return [Case("call", json.dumps(c.input).encode(), tests.entry_point, c.output, "value") for c in tests.cases]
    return cases_of_script(tests.script or "")


@functools.lru_cache(maxsize=64)  # a group of responses has one script
def cases_of_script(script: str) -> Sequence[Case]:
    """The literal asserts of a script, at its top level or in `def check(candidate)` called at its end."""
    try:
        tree = ast.parse(script)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"assert script: not valid Python ({error})") from None
    checks = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    cases: list[Case] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) or _is_inert(node):
            continue
        if isinstance(node, ast.Assert):
            cases.append(_case(node, None, None))
            continue
        call = node.value if isinstance(node, ast.Expr) else None
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id in checks
            and len(call.args) == 1
        ):
            check = checks[call.func.id]
            if len(check.args.args) == 1:
                parameter = check.args.args[0].arg
                cases += [_case(step, parameter, call.args[0]) for step in check.body if not _is_inert(step)]
                continue
        raise _weak(node)
    if not cases:
        raise InputError("assert script: holds no assert, so every program would pass")
    return cases


def _weak(node: ast.AST) -> InputError:
    text = ast.unparse(node).split("\n")[0][:80]
    return InputError(
        f"assert script, line {getattr(node, 'lineno', '?')}: `{text}` is not a literal assert. Only scripts made of "
        "`assert call(...) == literal` can be judged without showing the program its expected outputs; turn the others "
        "into function cases, or leave the problem out."
    )


def _is_inert(node: ast.stmt) -> bool:
    """Statements that decide nothing: docstrings, imports, `pass`, constants such as METADATA, `assert True`."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass)):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assert):
        return isinstance(node.test, ast.Constant) and bool(node.test.value)
    return isinstance(node, ast.Assign) and all(
        isinstance(target, ast.Name) and target.id.isupper() for target in node.targets
    )


def _case(node: ast.stmt, parameter: str | None, candidate: ast.expr | None) -> Case:
    if not isinstance(node, ast.Assert):
        raise _weak(node)
    test, expected, comparison, tolerance = node.test, None, "", (0.0, 0.0)
    try:
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            left, operator, right = test.left, test.ops[0], test.comparators[0]
            if isinstance(operator, (ast.Eq, ast.Is)):
                if _is_literal(left):
                    left, right = right, left
                expression, expected, comparison = left, literal(right), "strict"
            elif isinstance(operator, (ast.Lt, ast.LtE)):
                expression, expected = _difference(left)
                comparison, tolerance = "near", (0.0, float(literal(right)))
        elif _is_isclose(test):
            assert isinstance(test, ast.Call)
            expression, expected, comparison = test.args[0], float(literal(test.args[1])), "near"
            given = {keyword.arg: float(literal(keyword.value)) for keyword in test.keywords}
            tolerance = (given.get("rel_tol", 1e-9), given.get("abs_tol", 0.0))
        elif _is_plain_call(test):
            expression, expected, comparison = test, True, "truth"
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and _is_plain_call(test.operand):
            expression, expected, comparison = test.operand, False, "truth"
    except ValueError:
        raise _weak(node) from None
    if not comparison or _reveals(expression):
        raise _weak(node)
    return Case("expression", _compiled(expression, parameter, candidate), None, expected, comparison, tolerance)


def _compiled(expression: ast.expr, parameter: str | None, candidate: ast.expr | None) -> bytes:
    """`expression`, with the check's parameter bound to the function under test, as code for the sandbox."""
    source = ast.unparse(expression)
    if parameter is not None and candidate is not None:
        source = f"(lambda {parameter}: {source})({ast.unparse(candidate)})"
    return marshal.dumps(compile(source, "<test>", "eval"))


def _reveals(expression: ast.expr) -> bool:
    """Whether the part that enters the sandbox compares something, and so may hold an expected output."""
    return not any(isinstance(node, ast.Call) for node in ast.walk(expression)) or any(
        isinstance(node, (ast.Compare, ast.BoolOp, ast.IfExp)) for node in ast.walk(expression)
    )


def _is_plain_call(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and all(_is_literal(argument) for argument in (*node.args, *(keyword.value for keyword in node.keywords)))
    )


def _is_isclose(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call) or len(node.args) != 2:
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name == "isclose" and {keyword.arg for keyword in node.keywords} <= {"rel_tol", "abs_tol"}


def _difference(node: ast.expr) -> tuple[ast.expr, float]:
    """The call and the number of `abs(call - number)`. Raises `ValueError`."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "abs"
        and len(node.args) == 1
        and isinstance(node.args[0], ast.BinOp)
        and isinstance(node.args[0].op, ast.Sub)
    ):
        left, right = node.args[0].left, node.args[0].right
        return (right, float(literal(left))) if _is_literal(left) else (left, float(literal(right)))
    raise ValueError("not a difference")


def _is_literal(node: ast.expr) -> bool:
    try:
        literal(node)
    except ValueError:
        return False
    return True


def literal(node: ast.expr) -> Any:
    """The value of a literal, of arithmetic on numbers, or of `float("inf")`. Raises `ValueError` for the rest."""
    if isinstance(node, ast.BinOp):
        left, right = literal(node.left), literal(node.right)
        if not all(isinstance(side, (int, float, complex)) for side in (left, right)):
            raise ValueError("arithmetic on something other than numbers")
        return _arithmetic(node.op, left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id == "set" and not node.args:
            return set()
        if node.func.id == "float" and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
            value = float(node.args[0].value)  # type: ignore[arg-type]
            if not math.isnan(value):
                return value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = literal(node.operand)
        if isinstance(value, (int, float, complex)):
            return -value
        raise ValueError("minus something other than a number")
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        items = [literal(item) for item in node.elts]
        try:
            return items if isinstance(node, ast.List) else tuple(items) if isinstance(node, ast.Tuple) else set(items)
        except TypeError as error:
            raise ValueError(str(error)) from None
    try:
        return ast.literal_eval(node)
    except (TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _arithmetic(operator: ast.operator, left: Any, right: Any) -> Any:
    try:
        if isinstance(operator, ast.Add):
            return left + right
        if isinstance(operator, ast.Sub):
            return left - right
        if isinstance(operator, ast.Mult):
            return left * right
        if isinstance(operator, ast.Div):
            return left / right
        if isinstance(operator, ast.Pow):
            if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > MAX_POWER:
                raise ValueError("a power this large")
            return left**right
    except (ArithmeticError, TypeError) as error:
        raise ValueError(str(error)) from None
    raise ValueError(f"the operator {type(operator).__name__}")
