"""What `import afinar` offers, and what it must not import."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import afinar
from afinar.config import RunConfig
from afinar.methods.config import Full, Head, LoRA

HEAVY = ("torch", "transformers", "datasets", "numpy", "cyclopts", "ruamel", "rich")


def test_configs_and_errors_are_reached() -> None:
    assert (afinar.LoRA, afinar.Full, afinar.Head, afinar.RunConfig) == (LoRA, Full, Head, RunConfig)
    assert issubclass(afinar.ConfigError, afinar.AfinarError)
    assert afinar.__version__ == "0.1.0"


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = afinar.nothing


def test_dir_lists_the_public_names() -> None:
    assert {"fine_tune", "load", "evaluate", "SFTTrainer", "SFTConfig", "LlamaSFTTrainer"} <= set(dir(afinar))
    assert dir(afinar) == sorted(afinar.__all__)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(afinar.__file__).read_text(encoding="utf-8"))
    typed = {
        name.asname: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("afinar.")
        for name in node.names
    }
    assert typed == afinar._HOME


@pytest.mark.parametrize("name", sorted(afinar._HOME))
def test_every_home_is_a_module(name: str) -> None:
    assert find_spec(afinar._HOME[name]) is not None


@pytest.mark.parametrize(
    "code",
    [
        "import afinar; afinar.LoRA(r=8); afinar.ConfigError; afinar.__version__",
        "import afinar; dir(afinar)",
    ],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    check = f"{code}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", sorted(afinar._HOME))
def test_every_name_is_there(name: str) -> None:
    others = {"LlamaSFTTrainer": "SFTTrainer", "Bottleneck": "AdapterConfig", "audit": "afinar.audit"}
    assert getattr(afinar, name).__name__ == others.get(name, name)
