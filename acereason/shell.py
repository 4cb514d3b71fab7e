"""The shell's side of tab completion: `eval "$(acereason -sc install=bash)"`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from acereason.errors import InputError

SHELLS = ("bash", "zsh", "fish")
BENCHMARK = "benchmark="  # the one key of `eval` that takes a list
OVERRIDES = {
    "train": ("train", 1),
    "plan": ("train", 1),
    "resume": ("train", 2),
    "fork": ("train", 3),
    "eval": ("eval", 1),
    "eval score": ("eval", 2),
    "data": ("data", 2),
}
"""Of the verbs that take overrides: what these are composed with, and the words before them, the verb included.

A verb and a word of its own are a verb here too, where that word has its own options.
"""

_BASH = """\
_acereason_complete() {
    local word="${COMP_LINE:0:$COMP_POINT}"
    word="${word##* }"
    local IFS=$'\\n'
    COMPREPLY=($(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" acereason -sc query=bash 2>/dev/null))
    # bash ends a word at '=' and ':', and replaces only what comes after it
    local cut="" mark
    for mark in '=' ':'; do
        if [[ "$COMP_WORDBREAKS" == *"$mark"* && "$word" == *"$mark"* ]]; then
            local head="${word%"$mark"*}$mark"
            (( ${#head} > ${#cut} )) && cut="$head"
        fi
    done
    COMPREPLY=("${COMPREPLY[@]#"$cut"}")
    if [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" != *[=./] ]]; then COMPREPLY[0]+=" "; fi
}
complete -o nospace -o bashdefault -o default -F _acereason_complete acereason
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n" + _BASH
_FISH = """\
function __acereason_complete
    COMP_LINE=(commandline -cp) acereason -sc query=fish 2>/dev/null
    __fish_complete_path (commandline -ct)
end
complete -c acereason -f -a '(__acereason_complete)'
"""


def install_script(shell: str) -> str:
    """What the shell evaluates to complete `acereason`. Raises `InputError` for a shell that is not known."""
    scripts = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
    if shell not in scripts:
        raise InputError(f"-sc install={shell}: known shells: {', '.join(SHELLS)}")
    return scripts[shell]


def answer(
    verbs: Mapping[str, Sequence[str]],
    environ: Mapping[str, str] = os.environ,
    elsewhere: Callable[[str], type | None] = lambda root: None,
) -> list[str]:
    """Completions of the command line in COMP_LINE up to COMP_POINT; `verbs` maps each verb to its own words.

    A key of two words is a verb and a word of its own, with the options of both together.

    `elsewhere` gives the schema of a root that is defined in another room.
    """
    line = environ.get("COMP_LINE", "")
    with_point = environ.get("COMP_POINT", "")
    if with_point.isdigit():
        line = line[: int(with_point)]
    words = line.split()[1:]
    typed = "" if line.endswith(" ") or not words else words[-1]
    done = words[: len(words) - (1 if typed else 0)]
    if not done:
        return [verb for verb in verbs if verb.startswith(typed) and " " not in verb]
    verb = " ".join(done[:2]) if " ".join(done[:2]) in verbs else done[0]
    own = [word for word in verbs.get(verb, ()) if word.startswith(typed) and (typed or not word.startswith("-"))]
    own = own if len(done) == 1 or typed.startswith("-") else []
    root, first = OVERRIDES.get(verb, ("", 0))
    if verb == "fork" and len(done) == 2:
        return [f"stage={name}" for name in _stages(done[1]) if f"stage={name}".startswith(typed)]
    if not root or typed.startswith("-") or len(done) < first:
        return own
    from acereason.config.completion import completions

    if verb == "data" and done[1] != "tiny":
        root = f"data_{done[1]}"
    given, named = done[first:], ""
    if root == "eval":
        given = [_first_benchmark(word) for word in given if "=" in word]  # the others are files
        named, typed = _listed(typed)
    found = completions(root, " ".join([*given, typed]), elsewhere(root))
    there = named.split(",")
    return sorted({*own, *(_after(named, word) for word in found if word.partition("=")[2] not in there or not named)})


def _first_benchmark(word: str) -> str:
    """`benchmark=A,B` as `benchmark=A`: one of them is enough to know the keys."""
    return word.partition(",")[0] if word.startswith(BENCHMARK) else word


def _listed(typed: str) -> tuple[str, str]:
    """(A,B and a comma, `benchmark=C`) of `benchmark=A,B,C`; ("", typed) of every other word."""
    if not typed.startswith(BENCHMARK) or "," not in typed:
        return "", typed
    named, _, last = typed.removeprefix(BENCHMARK).rpartition(",")
    return f"{named},", BENCHMARK + last


def _after(named: str, word: str) -> str:
    """`word` with the benchmarks that were named before its own."""
    return BENCHMARK + named + word.removeprefix(BENCHMARK) if named else word


def _stages(run_dir: str) -> list[str]:
    """The stages of a run; none where no run can be read there."""
    from acereason.config.compose import load_train
    from acereason.errors import AceReasonError

    try:
        return list(load_train(os.path.join(os.path.expanduser(run_dir), "config.yaml")).curriculum.stages)
    except AceReasonError:
        return []
