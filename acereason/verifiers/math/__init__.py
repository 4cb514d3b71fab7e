"""Math verdicts: extraction, exact comparison, and a symbolic tier inside killable child processes."""
