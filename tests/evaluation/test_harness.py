"""Tasks of lm-evaluation-harness on models in memory, with tasks from a folder: no network, and no index of its own tasks."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import tqdm

from afinar.errors import ConfigError, DataError, ModelError
from afinar.evaluation.harness import _HandedModel, _harness, compare_tasks, find_tasks, run_tasks
from afinar.methods.base import create
from afinar.methods.config import LoRA
from afinar.models.causal import supervise
from tests.evaluation.tasks import CAPITALS, write_tasks
from tests.tiny import tiny_model, tiny_tokenizer

pytest.importorskip("lm_eval")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tasks(tmp_path_factory.mktemp("tasks"))


@pytest.fixture
def small_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness without the 14,000 tasks that come with it, which take many seconds to index."""
    import lm_eval.tasks

    class Small(lm_eval.tasks.TaskManager):
        def __init__(self, **options: Any) -> None:
            super().__init__(**{**options, "include_defaults": False})

    monkeypatch.setattr(lm_eval.tasks, "TaskManager", Small)


def test_adapter_on_and_off_on_the_same_tasks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, tokenizer, method = supervise(tiny_model(tie_word_embeddings=True)), tiny_tokenizer(), create(LoRA(r=2))
    method.attach(model)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.5 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    tasks = find_tasks(["tudo_pt", "texto_pt", "escrita_pt"], folder=folder, offline=True)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    adapted = run_tasks(model, tokenizer, tasks)
    with method.disabled(model):
        base = run_tasks(model, tokenizer, tasks)
    by_name = {result.name: result for result in adapted}
    assert set(by_name) == {"tudo_pt", "capitais_pt", "capitais_de_novo_pt", "texto_pt", "escrita_pt"}
    assert set(by_name["capitais_pt"].metrics) == {"acc", "acc_norm"}
    assert (by_name["capitais_pt"].n, by_name["tudo_pt"].n) == (len(CAPITALS), 2 * len(CAPITALS))
    assert (by_name["capitais_pt"].version, by_name["capitais_pt"].shots) == ("2.0", 0)
    compared = compare_tasks(base, adapted)
    assert set(compared["texto_pt"]) == {"word_perplexity", "byte_perplexity", "bits_per_byte"}
    assert abs(compared["texto_pt"]["bits_per_byte"].difference) > 1e-3
    assert compared["escrita_pt"]["exact_match"].finding == "too_few"
    assert compared["tudo_pt"]["acc"].n == 2 * len(CAPITALS)
    assert states == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    # nothing of the model has changed, and nothing of the harness's chatter is on stdout
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert capsys.readouterr().out == ""


def test_limit_and_shots(folder: Path) -> None:
    tasks = find_tasks(["capitais_pt"], folder=folder, shots=1)
    found = run_tasks(tiny_model(), tiny_tokenizer(), tasks, limit=2)
    assert (found[0].n, found[0].shots) == (2, 1)


def test_progress_is_told_and_no_bar_is_drawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[tuple[int, int]] = []
    tasks = find_tasks(["capitais_pt", "texto_pt", "escrita_pt"], folder=folder)
    run_tasks(tiny_model(), tiny_tokenizer(), tasks, batch_size=2, on_batch=lambda *call: calls.append(call))
    assert calls == sorted(calls)
    assert calls[-1] == (4 * len(CAPITALS), 4 * len(CAPITALS))  # two choices, a text and an answer for each
    assert capsys.readouterr().err == ""
    assert list(tqdm.tqdm(range(3), file=sys.stderr)) == [0, 1, 2]
    assert "3/3" in capsys.readouterr().err  # bars of others are drawn again


def test_a_chat_model_is_asked_through_its_template(folder: Path) -> None:
    tasks = find_tasks(["capitais_pt"], folder=folder)
    model, tokenizer = tiny_model(), tiny_tokenizer()
    run_tasks(model, tokenizer, tasks, limit=1)
    plain = tasks.made[0].instances[0].args[0]
    run_tasks(model, tokenizer, tasks, limit=1, chat=True)
    assert tasks.made[0].instances[0].args[0] == f"<|user|>{plain}<eos><|assistant|>"


def test_a_classifier_is_refused(folder: Path) -> None:
    tasks = find_tasks(["capitais_pt"], folder=folder)
    with pytest.raises(ModelError) as caught:
        run_tasks(tiny_model(task="classification"), tiny_tokenizer(), tasks)
    assert caught.value.key == "models.no_lm_head"


def test_patterns_and_repeated_names(folder: Path) -> None:
    found = find_tasks([" capitais*", "texto_pt", "texto_pt"], folder=folder)
    assert found.names == ("capitais_de_novo_pt", "capitais_pt", "texto_pt")


@pytest.mark.usefixtures("small_index")
@pytest.mark.parametrize(
    ("name", "key"), [("capitas_pt", "harness.unknown_near"), ("zzz", "harness.unknown"), ("zzz*", "harness.unknown")]
)
def test_an_unknown_name_is_an_error_that_names_near_ones(folder: Path, name: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_tasks(["texto_pt", name], folder=folder)
    assert (caught.value.key, caught.value.values["got"]) == (key, name)
    if key == "harness.unknown_near":
        assert caught.value.values["near"].startswith("capitais_pt")


@pytest.mark.slow
def test_the_harness_own_tasks_are_known() -> None:
    with pytest.raises(ConfigError) as caught:
        find_tasks(["hellaswagg"])
    assert "hellaswag" in caught.value.values["near"].split(", ")
    assert caught.value.values["count"] > 5_000


@pytest.mark.parametrize("names", [[], ["", "  "]])
def test_no_name_is_an_error(names: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        find_tasks(names)
    assert caught.value.key == "harness.no_names"


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_tasks(["a"], folder=tmp_path / "gone")
    assert caught.value.key == "harness.no_folder"


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afinar.evaluation.harness_tasks.find_spec", lambda name: None)
    with pytest.raises(ConfigError) as caught:
        find_tasks(["hellaswag"])
    assert caught.value.key == "harness.missing"
    assert "afinar[harness]" in str(caught.value)


BROKEN = {
    "data": "task: quebrada\ndataset_path: json\ndataset_kwargs: {data_files: {test: gone.jsonl}}\ntest_split: test\n",
    "output": "task: quebrada\ndataset_path: json\noutput_type: nonsense\n",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize(("offline", "key"), [(False, "harness.not_loaded"), (True, "harness.not_loaded_offline")])
def test_a_task_that_cannot_be_loaded_is_named(
    kind: str, offline: bool, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quebrada.yaml").write_text(BROKEN[kind], encoding="utf-8")
    with pytest.raises(DataError) as caught:
        find_tasks(["quebrada"], folder=tmp_path, offline=offline)
    assert (caught.value.key, caught.value.values["task"]) == (key, "quebrada")


def test_offline_asks_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def called(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("asked the network")

    monkeypatch.setattr("socket.socket.connect", called)
    (tmp_path / "longe.yaml").write_text("task: longe\ndataset_path: afinar/not-here\ntest_split: test\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        find_tasks(["longe"], folder=tmp_path, offline=True)
    assert caught.value.key == "harness.not_loaded_offline"
    assert "asked the network" not in caught.value.values["reason"]


def test_a_task_that_the_model_cannot_do_is_an_error(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "capitais_pt.yaml").read_text(encoding="utf-8").replace("{{country}}", "{{country}}" * 40)
    (tmp_path / "longa.yaml").write_text(lines.replace("{{choices}}", "{{['a' * 200, 'b']}}"), encoding="utf-8")
    tasks = find_tasks(["capitais_pt"], folder=tmp_path)
    with pytest.raises(DataError) as caught:
        run_tasks(tiny_model(), tiny_tokenizer(), tasks)
    assert (caught.value.key, caught.value.values["tasks"]) == ("harness.failed", "capitais_pt")


def test_the_tokenizer_stays_as_it_is_and_its_eos_is_not_scored() -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = tiny_tokenizer()
    tokenizer.pad_token = None
    assert _harness(_HandedModel(tiny_model()), tokenizer, None).tokenizer.pad_token is not None
    assert tokenizer.pad_token is None
    specials = [("<bos>", 1), ("<eos>", 2)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=specials)
    handed = _HandedModel(tiny_model())
    assert _harness(handed, tokenizer, None).tok_encode("ab") == [1, *tokenizer("ab", add_special_tokens=False).input_ids]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="$A <eos>", special_tokens=specials)
    assert _harness(handed, tokenizer, None).tok_encode("ab") == tokenizer("ab", add_special_tokens=False).input_ids


def test_batches_are_as_large_as_the_logits_allow() -> None:
    small, large = tiny_model(), tiny_model(vocab_size=300_000, hidden_size=8, num_attention_heads=1, num_key_value_heads=1)
    sizes = [_harness(_HandedModel(model), tiny_tokenizer(), None).batch_size for model in (small, large)]
    assert sizes == [8, 3]
    assert _harness(_HandedModel(small), tiny_tokenizer(), 2).batch_size == 2
