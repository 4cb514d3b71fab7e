"""The identifiers of the pipeline in words. The identifiers stand beside them, so that they can be searched for."""

from __future__ import annotations

_BOTH = {
    "bad_date": "the release date does not read as a date",
    "bad_row": "the record does not fit: an unknown field, a wrong type, no JSON",
    "not_selected": "the source's settings select other records",
    "no_statement": "the record has no statement",
    "no_answer": "the record has no answer",
    "lengths:statement_too_long": "the statement has more characters than a prompt may have",
    "decontamination:leak_exact": "the same tokens as a benchmark item",
    "decontamination:leak_coverage": "too large a share of a benchmark item's telling n-grams",
    "decontamination:leak_ngram": "one n-gram of a benchmark item",
    "decontamination:leak_rare_ngram": "one n-gram of a benchmark item that hardly any problem has",
    "decontamination:leak_short": "holds a whole benchmark item that is shorter than n tokens",
    "duplicates:duplicate_exact": "the same statement with the same answer as a problem that is kept",
    "duplicates:duplicate_near": "nearly the same statement with the same answer as a problem that is kept",
    "duplicates:label_conflict": "the same statement as another problem, with another answer",
    "vote:unanswered": "the teacher answered too few attempts",
    "vote:unjudged": "the verifier itself failed on an attempt",
    "vote:never_solved": "no attempt of the teacher is right",
    "vote:majority_tied": "two answers have the most votes",
    "vote:majority_disagrees": "another answer than the stated one has the most votes",
    "vote:too_short": "the teacher's attempts are so short on average that the problem teaches little",
    "vote:thinned": "the attempts are short on average, and only a share of such problems is kept",
}
_MATH = {
    "statements:no_answer": "the stated answer is empty",
    "statements:multiple_choice": "asks for a choice among options",
    "statements:true_false": "asks for a judgement, yes or no",
    "statements:proof": "asks for a proof",
    "statements:sub_questions": "enumerated parts that ask something each",
    "statements:several_questions": "asks several things",
    "statements:non_english": "in another language than English",
    "statements:foreign_letters": "many letters outside the Latin script",
    "statements:figure": "leans on a figure, be it there or missing",
    "statements:solution_inside": "the solution stands in the statement",
    "statements:unsuitable": "unsuitable content, by its words",
    "statements:too_short": "too few words and signs to state a problem",
    "statements:too_long": "too many words and signs",
    "statements:long_answer": "the stated answer is too long to be checked",
    "statements:answer_in_words": "the stated answer is a sentence",
    "statements:complex_answer": "the stated answer is made of too many commands",
    "statements:several_answers": "the stated answer has too many parts",
    "statements:answer_environment": "the stated answer is a matrix, a table or cases",
}
_CODE = {
    "statements:interactive": "the program would have to talk with a judge",
    "statements:platform_template": "needs classes or objects of its platform",
    "statements:several_answers": "several outputs are right, and nothing here can check them",
    "statements:any_order": "the output may come in any order",
    "statements:image": "leans on a picture",
    "statements:files": "reads or writes named files",
    "statements:too_short": "too few characters to state a problem",
    "dates:too_recent": "published on or after the cut-off date",
    "dates:no_date": "nothing says when it was published",
    "reference:no_reference": "no reference solution to check the tests with",
    "reference:no_tests": "no test that could be read",
    "repeats:same_statement": "the same statement came before",
    "repeats:same_url": "the same address came before",
    "tests:no_reference": "no reference solution to check the tests with",
    "tests:no_cases": "no test is left",
    "tests:empty_outputs": "a program that does nothing would pass the tests",
    "tests:failing_reference": "no reference solution passes the given tests",
    "tests:random_reference": "the reference answers otherwise when it is run again",
    "tests:slow_reference": "the reference needs more time than any limit allows",
    "tests:reference_fails_final_tests": "the reference fails on the final tests, as training would judge it",
    "tests:several_answers": "references give the same items in other orders",
    "tests:disagreeing_references": "two references disagree on too many made inputs",
    "tests:wrong_passes": "a solution that is known to be wrong passes the final tests",
    "tests:constant_output": "one and the same output is right for every test",
    "tests:few_cases": "too few tests",
    "tests:weak_tests": "the tests find too few of the wrong programs",
}
POLICIES = {
    "coverage": "has a share of {coverage:g} or more of an item's telling n-grams, and {fewest} of them (or all)",
    "any": "shares one {n}-gram of these tokens with an item, telling or not: the paper's rule",
    "rare": "shares one {n}-gram that at most {rare} of the problems have",
    "exact": "has the same tokens as an item",
    "none": "nothing",
}
REVIEW = {
    "review_coverage": "below the share from which it would be dropped, and not far below",
    "review_short": "holds a whole item that is shorter than n tokens",
}


def reason(name: str, code: bool) -> str:
    """What a reason means; empty where nobody has said."""
    own = _CODE if code else _MATH
    return own.get(name) or _BOTH.get(name, "")


def reasons(code: bool) -> dict[str, str]:
    """All reasons of a kind of set."""
    return _BOTH | (_CODE if code else _MATH)
