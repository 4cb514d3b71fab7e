"""Inputs for a problem, whatever its format: through the arguments of a function or the grammar of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from acereason.problems import Tests
from data_pipeline.code.arguments import Made, make_inputs
from data_pipeline.code.constraints import Bound, read_constraints
from data_pipeline.code.grammar import Grammar, infer_grammar
from data_pipeline.code.model import InputModel, build_model, is_kind, kind_of, kind_of_annotation
from data_pipeline.code.sources import parameters_of

_MOST_EXAMPLES = 200  # that a model is made from


@dataclass(frozen=True)
class Inputs:
    """What can be made. `why_not` says why nothing can; `outside` are the cases that break a stated limit."""

    made: tuple[Any, ...] = ()
    how: tuple[str, ...] = ()
    outside: tuple[int, ...] = ()
    why_not: str = ""


def inputs_for(
    statement: str, starter_code: str | None, tests: Tests, most: int, most_chars: int, seed: int
) -> Inputs:  # fmt: skip
    """New inputs for a problem, within what its statement and its cases allow."""
    if not tests.cases:
        return Inputs(why_not="no case to learn from")
    found: tuple[InputModel, Grammar | None] | str
    if tests.kind == "function":
        found = _of_function(statement, starter_code, tests)
    else:
        found = _of_text(statement, tests)
    if isinstance(found, str):
        return Inputs(why_not=found)
    model, grammar = found
    repeated = grammar is not None and grammar.repeated
    outside = tuple(model.outside)
    if model.unread:
        return Inputs(outside=outside, why_not=f"not understood: {model.unread[0][:120]}")
    made = make_inputs(model, most * (_BLOCKS // 2 if repeated else 1), most_chars // (2 if repeated else 1), seed)
    fresh: list[tuple[Any, str]]
    if grammar is None:
        fresh = [(one.given, one.how) for one in made]
    else:
        known = {case.input for case in tests.cases}
        times = _times(grammar, statement)
        fresh = [pair for pair in _texts(grammar, made, times) if pair[0] not in known and len(pair[0]) <= most_chars]
    if not fresh:
        return Inputs(outside=outside, why_not="nothing new keeps all limits")
    return Inputs(tuple(one for one, _ in fresh), tuple(how for _, how in fresh), outside)


_BLOCKS = 6  # in a text whose grammar is repeated


def _texts(grammar: Grammar, made: Sequence[Made], times: tuple[int, int]) -> list[tuple[str, str]]:
    """Made arguments as texts; where the grammar is repeated, a few of one kind share one, large ones do not.

    `times`: how often it may be repeated. What is left over of a kind, and is too little for a text, is left out.
    """
    if not grammar.repeated:
        return [(grammar.text([one.given]), one.how) for one in made]
    least, most = times
    found = []
    for how in dict.fromkeys(one.how for one in made):
        blocks = [one.given for one in made if one.how == how]
        step = min(most, max(least, 1 if how == "large" else _BLOCKS))
        groups = [blocks[at : at + step] for at in range(0, len(blocks), step)]
        found += [(grammar.text(group), how) for group in groups if len(group) >= least]
    return found


def _times(grammar: Grammar, statement: str) -> tuple[int, int]:
    """How often a grammar may be repeated: as the statement says, else as in the examples."""
    bound = read_constraints(statement).bounds.get(grammar.count or "", Bound())
    least = bound.low if isinstance(bound.low, int) else grammar.counts[0]
    most = bound.high if isinstance(bound.high, int) else max(_BLOCKS, grammar.counts[1])
    return max(1, least), max(1, least, most)


def _of_function(statement: str, starter_code: str | None, tests: Tests) -> tuple[InputModel, Grammar | None] | str:
    examples = [case.input for case in tests.cases[:_MOST_EXAMPLES]]
    stated = parameters_of(starter_code, tests.entry_point or "")
    if not stated and len({len(example) for example in examples}) == 1:
        stated = [(f"argument{index}", "") for index in range(len(examples[0]))]
    if not stated or any(len(example) != len(stated) for example in examples):
        return "its parameters are not known"
    kinds = _kinds(stated, examples)
    if isinstance(kinds, str):
        return kinds
    names = [name for name, _ in stated]
    return build_model(names, kinds, read_constraints(statement), examples, statement), None


def _kinds(stated: Sequence[tuple[str, str]], examples: Sequence[list[Any]]) -> list[str] | str:
    kinds = []
    for index, (name, annotation) in enumerate(stated):
        values = [example[index] for example in examples]
        kind = kind_of_annotation(annotation) if annotation else kind_of(values)
        if kind is None:
            return f"a value of type {annotation or 'unknown'} cannot be made"
        if not all(is_kind(value, kind) for value in values):
            return f"cases give {name} values that are no {kind}"
        kinds.append(kind)
    return kinds


def _of_text(statement: str, tests: Tests) -> tuple[InputModel, Grammar | None] | str:
    texts = [case.input for case in tests.cases[:_MOST_EXAMPLES]]
    constraints = read_constraints(statement)
    found = infer_grammar(texts, statement)
    if found is None:
        return "no grammar fits all its inputs"
    grammar, examples = found
    constraints.rows |= grammar.columns
    model = build_model(grammar.names, grammar.kinds, constraints, examples, statement)
    # Names that were not found limit nothing here: those arguments keep to the examples.
    model.unread = [line for line in model.unread if not line.startswith(("limits of", "letters of"))]
    return model, grammar
