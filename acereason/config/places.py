"""Where the YAML files of `conf/` lie."""

from __future__ import annotations

from pathlib import Path

from acereason.errors import ConfigError


def conf_dir() -> Path:
    """The folder of YAML files: beside the package in a checkout, inside it in an installed wheel."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package.parent / "conf", package / "_conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise ConfigError(f"no configuration files: neither {package.parent / 'conf'} nor {package / '_conf'} is there")
