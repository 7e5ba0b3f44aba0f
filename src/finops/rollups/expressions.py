"""Expressions over the columns of a call, by value: what filters, flags and measures are made of.

An expression is plain data.  It compares and hashes by value, travels to worker processes as
JSON, and has two readings that mean the same: Python source, from which the scan compiles its
loops, and SQL, from which an engine is asked.  The operators are the entries of `_FORMS`.

Logic has two values: a comparison with an unknown value is false, in both readings.  A number
of which something is unknown is unknown; `when` alone makes it 0.

>>> slow = above("latency_ms", 2000)
>>> python_of(slow, unknown={"latency_ms"})
'(latency_ms is not None and (latency_ms > 2000))'
>>> sql_of(slow, unknown={"latency_ms"})
'coalesce((latency_ms > 2000), false)'
"""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import (
    AbstractSet,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

_MOST_EXPRESSIONS = 4096  # of which the columns are remembered

Operand = Union["Expression", str, int]
# A column by its name, or a whole number, where an expression is asked for.
Term = Union["Expression", str, int]
NOTHING: FrozenSet[str] = frozenset()


class Expression(NamedTuple):
    """An operator and what it is applied to: expressions, or the texts and numbers of a leaf."""

    operator: str
    operands: Tuple[Operand, ...]


TRUE, FALSE = Expression("number", (True,)), Expression("number", (False,))


class Form(NamedTuple):
    """How an operator is written in Python and in SQL, `{0}`, `{1}` being its operands.

    `condition`: it is true or false, so that it has to say what an unknown column makes of it.
    """

    python: str
    sql: str
    condition: bool = False


_FORMS: Dict[str, Form] = {
    "plus": Form("({0} + {1})", "({0} + {1})"),
    "times": Form("({0} * {1})", "({0} * {1})"),
    "quotient": Form("({0} // {1})", "(({0} - {0} % {1}) / {1})"),
    "remainder": Form("({0} % {1})", "({0} % {1})"),
    "above": Form("({0} > {1})", "({0} > {1})", True),
    "below": Form("({0} < {1})", "({0} < {1})", True),
    "equal": Form("({0} == {1})", "({0} = {1})", True),
    "when": Form("({1} if {0} else 0)", "coalesce(case when {0} then {1} else 0 end, 0)"),
    "known": Form("({0} is not None)", "({0} is not null)"),
    "negated": Form("(not {0})", "(not {0})"),
    "both": Form("({0} and {1})", "({0} and {1})"),
    "either": Form("({0} or {1})", "({0} or {1})"),
}
# What the operators make of numbers and of true and false.
_FUNCTIONS: Dict[str, Callable[..., int]] = {
    "plus": operator.add,
    "times": operator.mul,
    "quotient": operator.floordiv,
    "remainder": operator.mod,
    "above": operator.gt,
    "below": operator.lt,
    "equal": operator.eq,
    "when": lambda condition, value: value if condition else 0,
    "negated": operator.not_,
    "both": lambda first, second: first and second,
    "either": lambda first, second: first or second,
}
_LEAVES = ("column", "number", "one_of")


def column(name: str) -> Expression:
    """Return the value of a column."""
    return Expression("column", (name,))


def number(value: int) -> Expression:
    """Return a whole number."""
    return Expression("number", (value,))


def plus(first: Term, second: Term) -> Expression:
    """Return the sum of two numbers."""
    return _applied("plus", first, second)


def times(first: Term, second: Term) -> Expression:
    """Return the product of two numbers."""
    return _applied("times", first, second)


def quotient(value: Term, by: int) -> Expression:
    """Return a whole number divided by another, rounded down."""
    return _applied("quotient", value, by)


def remainder(value: Term, by: int) -> Expression:
    """Return what is left of a whole number divided by another."""
    return _applied("remainder", value, by)


def band_of(value: Term, width: int) -> Expression:
    """Return the lower bound of the band of a width, from 0 on, that a whole number lies in."""
    return times(quotient(value, width), width)


def above(value: Term, limit: Term) -> Expression:
    """Return whether a number is larger than another."""
    return _applied("above", value, limit)


def below(value: Term, limit: Term) -> Expression:
    """Return whether a number is smaller than another."""
    return _applied("below", value, limit)


def equal(value: Term, other: int) -> Expression:
    """Return whether a number is another."""
    return _applied("equal", value, other)


def one_of(name: str, *texts: str) -> Expression:
    """Return whether a column of text has one of these values."""
    return Expression("one_of", (name, *sorted(texts)))


def known(name: str) -> Expression:
    """Return whether a column has a value."""
    return _applied("known", name)


def negated(condition: Expression) -> Expression:
    """Return the opposite of a condition."""
    return Expression("negated", (condition,))


def when(condition: Expression, value: Term) -> Expression:
    """Return a number where a condition holds and the number is known, else 0."""
    return Expression("when", (condition, _expression(value)))


def all_of(first: Expression, *more: Expression) -> Expression:
    """Return whether all conditions hold."""
    return _joined("both", (first, *more))


def any_of(first: Expression, *more: Expression) -> Expression:
    """Return whether any of the conditions holds."""
    return _joined("either", (first, *more))


def operands_of(expression: Expression) -> List[Expression]:
    """Return the operands that are expressions themselves."""
    return [operand for operand in expression.operands if isinstance(operand, Expression)]


def conjuncts_of(condition: Expression) -> List[Expression]:
    """Return the conditions that all have to hold for a condition to hold."""
    if condition.operator != "both":
        return [condition]
    return [part for operand in operands_of(condition) for part in conjuncts_of(operand)]


@lru_cache(maxsize=_MOST_EXPRESSIONS)
def columns_of(expression: Expression) -> FrozenSet[str]:
    """Return the names of the columns that an expression reads."""
    if expression.operator in ("column", "one_of"):
        return frozenset({str(expression.operands[0])})
    return NOTHING.union(*map(columns_of, operands_of(expression)))


@lru_cache(maxsize=_MOST_EXPRESSIONS)
def texts_of(expression: Expression) -> FrozenSet[str]:
    """Return the names of the columns that an expression compares with texts."""
    if expression.operator == "one_of":
        return columns_of(expression)
    return NOTHING.union(*map(texts_of, operands_of(expression)))


def is_condition(expression: Expression) -> bool:
    """Return whether an expression is true or false, and no number."""
    conditions = ("one_of", "known", "negated", "both", "either")
    return expression.operator in conditions or _form_of(expression).condition


def python_of(
    expression: Expression,
    unknown: AbstractSet[str] = NOTHING,
    written: Callable[[Expression], str] = lambda expression: "",
) -> str:
    """Return an expression as Python source in which columns are variables of their names.

    `unknown` names the columns that may be None.  `written` may return the source of a part
    that its caller has worked out in another way, and "" for all others.
    """
    given = written(expression)
    if given:
        return given
    if expression.operator in _LEAVES:
        return _python_leaf(expression)
    form = _form_of(expression)
    parts = [python_of(operand, unknown, written) for operand in operands_of(expression)]
    if expression.operator == "when":
        parts[1] = guarded(parts[1], operands_of(expression)[1], unknown, "0")
    source = form.python.format(*parts)
    guards = sorted(_needed(expression) & unknown) if form.condition else []
    there = [f"{name} is not None" for name in guards]
    return f"({' and '.join([*there, source])})" if guards else source


def guarded(source: str, expression: Expression, unknown: AbstractSet[str], other: str) -> str:
    """Return the source of an expression such that it gives `other` where a number is unknown.

    Conditions see to that themselves.
    """
    names = [] if is_condition(expression) else sorted(_needed(expression) & unknown)
    if not names:
        return source
    return f"({source} if {' and '.join(f'{name} is not None' for name in names)} else {other})"


def sql_of(expression: Expression, unknown: AbstractSet[str] = NOTHING) -> str:
    """Return an expression as SQL; `unknown` names the columns that may be null."""
    if expression.operator in _LEAVES:
        return _sql_leaf(expression)
    form = _form_of(expression)
    source = form.sql.format(*(sql_of(operand, unknown) for operand in operands_of(expression)))
    guarded = form.condition and _needed(expression) & unknown
    return f"coalesce({source}, false)" if guarded else source


def with_constants(
    expression: Expression,
    constants: Mapping[str, Optional[int]],
    certain: AbstractSet[str] = NOTHING,
) -> Optional[Expression]:
    """Return what becomes of an expression where some columns are the same in every row.

    `constants` are their values, None being unknown; `certain` are columns that have a value in
    every row.  Returns None where nothing else follows than that the whole is unknown.
    """
    kind = expression.operator
    if kind == "column":
        name = str(expression.operands[0])
        value = constants.get(name)
        return expression if name not in constants else None if value is None else number(value)
    if kind in _LEAVES:
        return expression
    parts = [with_constants(part, constants, certain) for part in operands_of(expression)]
    if kind == "known":
        return _whether_known(expression, parts[0], certain)
    there = [part for part in parts if part is not None]
    if len(there) < len(parts):
        return number(0) if kind == "when" else FALSE if is_condition(expression) else None
    if all(part.operator == "number" for part in there):
        return number(_FUNCTIONS[kind](*(part.operands[0] for part in there)))
    return _shortened(kind, there, certain)


def _whether_known(
    expression: Expression, value: Optional[Expression], certain: AbstractSet[str]
) -> Expression:
    if value is None:
        return FALSE
    return TRUE if columns_of(value) <= certain else expression


def _shortened(kind: str, parts: Sequence[Expression], certain: AbstractSet[str]) -> Expression:
    """Return an operator on parts of which not all are numbers, without what is of no effect."""
    first, second = parts[0], parts[-1]
    if kind in ("both", "either"):
        of_no_effect, deciding = (TRUE, FALSE) if kind == "both" else (FALSE, TRUE)
        if deciding in parts:
            return deciding
        if of_no_effect in parts:
            return second if first == of_no_effect else first
    if kind == "when" and first == FALSE:
        return number(0)
    if kind == "when" and first == TRUE and columns_of(second) <= certain:
        return second
    if kind == "times" and number(1) in parts:
        return second if first == number(1) else first
    if kind == "plus" and number(0) in parts:
        return second if first == number(0) else first
    return Expression(kind, tuple(parts))


def _needed(expression: Expression) -> FrozenSet[str]:
    """Return the columns without which the number that an expression is about is unknown."""
    if expression.operator == "column":
        return columns_of(expression)
    if expression.operator == "when":
        return NOTHING
    return NOTHING.union(
        *(_needed(operand) for operand in operands_of(expression) if not is_condition(operand))
    )


def expression_from(plain: Sequence[object]) -> Expression:
    """Return the expression that JSON made lists of; raises ValueError where it is none."""
    operator, operands = plain
    if not isinstance(operator, str) or not isinstance(operands, (list, tuple)):
        raise ValueError(f"no expression: {plain!r}")
    if operator not in _FORMS and operator not in _LEAVES:
        raise ValueError(f"no operator: {operator}")
    return Expression(operator, tuple(_operand_from(operand) for operand in operands))


def _operand_from(plain: object) -> Operand:
    if isinstance(plain, (str, int)):
        return plain
    if isinstance(plain, (list, tuple)):
        return expression_from(plain)
    raise ValueError(f"no operand: {plain!r}")


def _applied(operator: str, *terms: Term) -> Expression:
    return Expression(operator, tuple(map(_expression, terms)))


def _expression(term: Term) -> Expression:
    if isinstance(term, Expression):
        return term
    return column(term) if isinstance(term, str) else number(term)


def _joined(operator: str, conditions: Iterable[Expression]) -> Expression:
    first, *more = conditions
    for condition in more:
        first = Expression(operator, (first, condition))
    return first


def _form_of(expression: Expression) -> Form:
    return _FORMS.get(expression.operator, Form("", ""))


def _python_leaf(expression: Expression) -> str:
    first, *texts = expression.operands
    if expression.operator == "one_of":
        return f"({first} in {{{', '.join(map(repr, texts))}}})" if texts else "False"
    return str(first)


def _sql_leaf(expression: Expression) -> str:
    first, *texts = expression.operands
    if expression.operator == "one_of":
        quoted = ["'" + str(text).replace("'", "''") + "'" for text in texts]
        return f"({first} in ({', '.join(quoted)}))" if quoted else "false"
    return str(first)
