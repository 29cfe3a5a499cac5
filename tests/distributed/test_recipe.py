"""The recipe and the pages' script, on one process and on two that share the model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recipes.distributed import main
from tests.distributed.launch import ROOT, torchrun

pytestmark = pytest.mark.slow


def test_the_recipe_on_one_process_and_on_two(tmp_path: Path) -> None:
    options = ["--max-steps", "2", "--max-length", "96", "--batch-size", "4", "--micro-batch-size", "2"]
    main([*options, "--out", str(tmp_path / "one")])
    two = ["-m", "recipes.distributed", *options, "--out", str(tmp_path / "two"), "--fsdp"]
    done = torchrun(two)
    assert done.returncode == 0, done.stderr[-3000:]
    written = [{path.name for path in (tmp_path / name / "model").iterdir()} for name in ("one", "two")]
    assert written[0] == written[1]
    assert "adapter_model.safetensors" in written[0]


def test_the_script_of_the_docs_runs_and_is_the_same_in_both_languages(tmp_path: Path) -> None:
    blocks = [_script(language) for language in ("en", "pt")]
    code = [re.sub(r"\s+#.*", "", block) for block in blocks]
    assert code[0] == code[1]
    script = tmp_path / "script.py"
    script.write_text(blocks[0].replace("runs/shared", str(tmp_path / "shared")), encoding="utf-8")
    done = torchrun([str(script)])
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "shared" / "adapter" / "adapter_model.safetensors").is_file()


def _script(language: str) -> str:
    page = (ROOT / "docs" / language / "distributed.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    return str(block)
