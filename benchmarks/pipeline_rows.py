"""A million problems through every stage of `acereason data math`: seconds and peak of memory, in one run.

    .venv/bin/python benchmarks/pipeline_rows.py [rows] [questions]

Statements are those of `decontamination.py` beside this file (60 words, a third of them formulas); one in 50 is one of
the questions that they are compared with, one in 100 an earlier problem again. The command runs with one thread of
Polars, and without a teacher. Prints what each stage took, by its manifest, and the peak of the command's memory.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from decontamination import statements

BLOCK = 50_000


def write_rows(path: Path, rows: int, asked: list[str]) -> None:
    """Problem rows, block by block, so that this process stays small."""
    with open(path, "w", encoding="utf-8") as stream:
        for start in range(0, rows, BLOCK):
            texts = statements(min(BLOCK, rows - start), 1000 + start)
            for place, text in enumerate(texts):
                number = start + place
                if number % 50 == 0:
                    text = asked[(number // 50) % len(asked)].replace("\\frac", "\\dfrac")
                elif number % 100 == 99:
                    text = texts[place - 50]
                row = {"id": f"p{number}", "domain": "math", "prompt": f"Find {text}.", "source": "made"}
                stream.write(json.dumps({**row, "answer": str(number % 997)}) + "\n")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    questions = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = statements(questions, 1)
        write_rows(folder / "rows.jsonl", rows, asked)
        listed = [
            {"id": f"q{n}", "domain": "math", "prompt": text, "source": "q", "answer": "1"}
            for n, text in enumerate(asked)
        ]
        (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in listed), encoding="utf-8")
        words = [
            "data", "math", "sources=local", f"sources.local.files=[{folder / 'rows.jsonl'}]", "benchmarks=none",
            f"decontamination.problems=[{folder / 'questions.jsonl'}]", f"out={folder / 'out'}", "verifier.workers=1",
        ]  # fmt: skip
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "acereason.cli", *words], env=os.environ | {"POLARS_MAX_THREADS": "1"}, check=True
        )
        wall = time.perf_counter() - begun
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        for path in sorted((folder / "out").glob("0*/manifest.json")):
            made = json.loads(path.read_text())
            print(
                f"{path.parent.name:20s} {made['rows_in']:>10,} in {made['rows_out']:>10,} out {made['seconds']:8.1f} s"
            )
        print(f"{rows:,} problems beside {questions:,} questions: {wall:.0f} s, peak {peak:.0f} MB")


if __name__ == "__main__":
    main()
