"""Code verdicts: extraction, the sandbox, and the comparison of outputs in the trusted process."""
