"""Runs, adapters and models written for use elsewhere, each read back by the library that it is for."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from afinar import messages
from afinar.config import RunConfig
from afinar.errors import ConfigError, DataError, ModelError, RefusedError
from afinar.run import Run, export, load, merge, train
from afinar.run import exporting as module
from afinar.run.held_out import held_out_rows
from afinar.run.merging import merged_model, open_source
from tests.tiny import tiny_model, tiny_tokenizer

Configure = Callable[..., RunConfig]
Files = tuple[Path, Path]
FEW = {"max_steps": 2}
LORA = {"name": "lora", "r": 4}


@pytest.fixture
def writer(configure: Configure, questions: Files) -> Run:
    return train(configure(questions, LORA, training=FEW))


def logits(model: Any, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.tensor([ids])).logits.float()


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_merged_run_is_a_plain_model_with_its_report(writer: Run, tmp_path: Path) -> None:
    made = merge(writer.folder, tmp_path / "merged")
    assert (made.parity.verdict, made.read_with, made.dtype) == ("same", "transformers", "float32")
    assert made.parity.rows == made.rows_there == 3
    assert made.parity.max_difference < 1e-4
    assert made.parity.scores["perplexity"][0] == pytest.approx(writer.results["adapted"]["perplexity"], rel=1e-5)
    assert json.loads((tmp_path / "merged" / "parity.json").read_text()) == json.loads(json.dumps(made.as_json()))
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="float32")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    asked = [{"role": "user", "content": "livro?"}]
    ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert ids == writer.encode(asked)
    torch.testing.assert_close(logits(plain, ids), logits(writer.model, ids), rtol=1e-4, atol=1e-5)
    assert "generation_config.json" in kept(tmp_path / "merged")
    assert not [name for name in kept(tmp_path / "merged") if "adapter" in name or name == "afinar.json"]


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_card_says_what_was_compared(writer: Run, tmp_path: Path, language: messages.Language) -> None:
    messages.use(language)
    made = merge(writer.folder, tmp_path / "merged", dtype="bfloat16")
    card = (tmp_path / "merged" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nbase_model: ")
    assert all(line in card for line in made.lines())
    assert "bfloat16" in card
    assert messages.number(100 * made.parity.top1_agreement, 2) in card


def test_fewer_bits_are_rounded_once(writer: Run, tmp_path: Path) -> None:
    exact = merged_model(open_source(writer.folder), "float32").state_dict()
    for dtype in ("bfloat16", "float16"):
        made = merge(writer.folder, tmp_path / dtype, dtype=dtype)
        assert (made.dtype, made.adapted_dtype) == (dtype, "float32")
        assert 0 < made.parity.max_difference < 0.2
        written = AutoModelForCausalLM.from_pretrained(tmp_path / dtype, dtype="auto").state_dict()
        for name, tensor in written.items():
            assert torch.equal(tensor, exact[name].to(getattr(torch, dtype))), name


def test_what_overflows_is_refused(writer: Run, tmp_path: Path, base: Path) -> None:
    big = tmp_path / "big"
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.weight[0, 0] = 1e5
    model.save_pretrained(big)
    AutoTokenizer.from_pretrained(base).save_pretrained(big)
    with pytest.raises(ModelError) as caught:
        export(big, tmp_path / "out", format="safetensors", dtype="float16")
    assert caught.value.key == "exporting.overflow"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["lora", "head", "full"])
def test_a_classifier_keeps_its_head_and_labels(name: str, configure: Configure, reviews: Files, tmp_path: Path) -> None:
    run = train(configure(reviews, {"name": name}, training=FEW))
    made = merge(run.folder, tmp_path / "merged")
    assert made.parity.verdict == "same"
    assert made.parity.scores["accuracy"] == pytest.approx([run.results["adapted"]["accuracy"]] * 2)
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged")
    assert plain.config.id2label == {0: "negativo", 1: "positivo"}
    texts = ["livro ótimo", "bolo feio"]
    told, expected = load(tmp_path / "merged").classify(texts), run.classify(texts)
    assert [row["probabilities"] for row in told] == [pytest.approx(row["probabilities"], rel=1e-4) for row in expected]


def test_the_adapter_for_plain_peft(writer: Run, tmp_path: Path, base: Path) -> None:
    made = export(writer.folder, tmp_path / "adapter", format="peft")
    assert (made.read_with, made.parity.verdict) == ("peft", "same")
    theirs = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), tmp_path / "adapter")
    ids = writer.encode("livro?")
    torch.testing.assert_close(logits(theirs, ids), logits(writer.model, ids), rtol=1e-4, atol=1e-5)
    again = merge(tmp_path / "adapter", tmp_path / "merged")  # an adapter folder is a source too
    assert again.parity.verdict == "same"


def test_an_adapter_that_peft_wrote(base: Path, tmp_path: Path) -> None:
    theirs = peft.get_peft_model(
        AutoModelForCausalLM.from_pretrained(base), peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    )
    theirs.save_pretrained(tmp_path / "theirs")
    theirs.peft_config["default"].base_model_name_or_path = str(base)
    theirs.save_pretrained(tmp_path / "theirs")
    made = merge(tmp_path / "theirs", tmp_path / "merged")
    assert made.data == "afinar/instrucoes"  # an adapter alone has no rows of its own
    ids = list(range(20, 30))
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(logits(merged, ids), logits(theirs.eval(), ids), rtol=1e-4, atol=1e-5)


def test_shards(writer: Run, tmp_path: Path) -> None:
    made = merge(writer.folder, tmp_path / "merged", shard_size="100KB")
    assert "model.safetensors.index.json" in kept(tmp_path / "merged")
    assert made.parity.verdict == "same"


def test_tied_weights_stay_tied(tmp_path: Path, configure: Configure, questions: Files) -> None:
    folder = tmp_path / "tied"
    tiny_model(tie_word_embeddings=True, seed=5).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    config = configure(questions, LORA, training=FEW)
    run = train(RunConfig(**{**vars(config), "model": type(config.model)(name=str(folder), device="cpu")}))
    assert merge(run.folder, tmp_path / "merged").parity.verdict == "same"
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "merged").config.tie_word_embeddings


# --- the rows --------------------------------------------------------------------------------------------------------


def test_the_rows_are_those_that_the_run_held_out(configure: Configure, questions: Files, tmp_path: Path) -> None:
    config = configure(questions, LORA, training=FEW, data={"valid": None, "valid_fraction": 0.34})
    run = train(config)
    opened = open_source(run.folder)
    rows = held_out_rows(opened.session, opened.config, None)
    assert len(rows.examples) == run.results["n"]
    made = merge(run.folder, tmp_path / "merged")
    assert made.parity.scores["perplexity"][1] == pytest.approx(run.results["adapted"]["perplexity"], rel=1e-4)


def test_other_rows(writer: Run, questions: Files, tmp_path: Path) -> None:
    made = merge(writer.folder, tmp_path / "merged", data=str(questions[0]))
    assert (made.data, made.parity.rows) == (str(questions[0]), 9)


def test_rows_that_are_gone(writer: Run, questions: Files, tmp_path: Path) -> None:
    questions[1].unlink()
    with pytest.raises(DataError) as caught:
        merge(writer.folder, tmp_path / "merged")
    assert caught.value.key == "exporting.rows_gone"
    assert "--data" in caught.value.hint
    assert not (tmp_path / "merged").exists()
    assert merge(writer.folder, tmp_path / "merged", data=str(questions[0])).parity.rows == 9


def test_a_classifier_without_rows_of_its_own(configure: Configure, reviews: Files, tmp_path: Path) -> None:
    run = train(configure(reviews, LORA, training=FEW))
    shutil.copytree(run.folder / "adapter", tmp_path / "alone")
    made = merge(tmp_path / "alone", tmp_path / "merged")
    assert made.data == "afinar/sentimento"
    assert made.parity.scores == {}  # other labels than its own
    assert made.parity.verdict == "same"


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"format": "onnx"}, "core.choice"),
        ({"format": "safetensors", "dtype": "int3"}, "core.choice"),
        ({"format": "peft", "dtype": "float16"}, "core.choice"),
        ({"format": "safetensors", "tolerance": -1.0}, "core.range"),
    ],
)
def test_choices_are_checked_before_anything_is_loaded(options: dict[str, Any], key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        export(tmp_path / "no such run", tmp_path / "out", **options)
    assert caught.value.key == key


def test_a_folder_in_use_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RefusedError) as caught:
        merge(tmp_path / "no such run", tmp_path)
    assert caught.value.key == "exporting.not_empty"


def test_what_has_no_such_form(writer: Run, base: Path, tmp_path: Path, configure: Configure, reviews: Files) -> None:
    with pytest.raises(ConfigError) as caught:
        merge(base, tmp_path / "out")
    assert caught.value.key == "run.nothing_to_merge"
    with pytest.raises(ConfigError) as caught:
        merge(writer.folder, tmp_path / "out", onto="dequantised")
    assert caught.value.key == "exporting.not_quantised"
    with pytest.raises(ConfigError) as caught:
        merge(writer.folder, tmp_path / "out", onto="nowhere")
    assert caught.value.key == "core.choice"
    head = train(configure(reviews, {"name": "head"}, training=FEW))
    with pytest.raises(ModelError) as caught:
        export(head.folder, tmp_path / "out", format="peft")
    assert caught.value.key == "exporting.no_peft_format"


@pytest.mark.parametrize("name", ["prompt", "prefix"])
def test_a_technique_that_only_computes(name: str, configure: Configure, questions: Files, tmp_path: Path) -> None:
    run = train(configure(questions, {"name": name, "virtual_tokens": 3}, training=FEW))
    for write in (merge, lambda run, out: export(run, out, format="gguf")):
        with pytest.raises(ModelError) as caught:
            write(run.folder, tmp_path / "out")
        assert caught.value.key == "exporting.unmergeable"
        assert "--format peft" in caught.value.hint
    made = export(run.folder, tmp_path / "out", format="peft")
    assert (made.read_with, made.parity.verdict) == ("peft", "same")


def test_a_model_that_is_not_the_same_is_not_kept(writer: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a technique's merge were wrong."""
    right = module.FORMATS["safetensors"].write

    def wrong(*arguments: Any) -> Any:
        written = right(*arguments)
        with torch.no_grad():
            written.model.get_output_embeddings().weight.mul_(8)
        return written

    monkeypatch.setitem(module.FORMATS, "safetensors", module.Format(module.check_mergeable, wrong))
    with pytest.raises(ModelError) as caught:
        merge(writer.folder, tmp_path / "out" / "merged")
    assert caught.value.key == "exporting.not_the_same"
    assert kept(tmp_path / "out") == []
    assert merge(writer.folder, tmp_path / "out" / "merged", tolerance=1e9).parity.verdict == "differs"


def test_the_python_of_the_docs(writer: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "en" / "export.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    shutil.copytree(writer.folder, tmp_path / "work" / "runs" / "2026-11-22_1")
    monkeypatch.chdir(tmp_path / "work")
    exec(compile(code, "export.md", "exec"), {})
    assert (tmp_path / "work" / "merged" / "parity.json").is_file()
    assert (tmp_path / "work" / "adapter" / "adapter_config.json").is_file()
