"""Verifiers: the reward of a response, by rules. Shared by training, curation and evaluation.

`math/` judges boxed answers, `code/` runs programs in a sandbox, `pool.py` spreads judgements over worker
processes, `verify_file.py` is the `acereason verify` command. Nothing here imports torch or Ray, and model
output is hostile: it is only ever parsed as text here, or run inside a killable child process.
"""
