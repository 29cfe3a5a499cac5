"""`peft_format`: plain PEFT loads the export with equal logits, and what PEFT then saves restores here with equal logits."""

from __future__ import annotations

from pathlib import Path

import peft
import pytest

from afinar.methods import saved
from afinar.methods.base import create
from tests.contracts.cases import Case, batch, cases, close, logits

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's own, of its own defaults


@cases(peft_format=True)
def test_plain_peft_computes_the_same_and_its_files_come_back(case: Case, tmp_path: Path) -> None:
    method, model = case.adapted()
    expected = logits(model)
    method.export(model, tmp_path / "ours", base="some/base", task=case.task)

    theirs = peft.PeftModel.from_pretrained(case.base(), str(tmp_path / "ours")).eval()
    got = logits(theirs)
    if case.task == "causal":
        got = got[:, -batch()["input_ids"].shape[1] :]  # PEFT gives the positions of a prompt logits, too
    close(got, expected)

    theirs.save_pretrained(str(tmp_path / "theirs"))
    card = saved.read(tmp_path / "theirs")
    close(logits(create(card.config).restore(case.base(), tmp_path / "theirs")), expected)
