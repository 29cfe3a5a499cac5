"""A run from config to folder, for each method and task, and what can be done with it afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import afinar
from afinar.config import RunConfig
from afinar.config import load as load_config
from afinar.errors import ConfigError, ModelError, RefusedError
from afinar.metrics.generation import generation_metrics
from afinar.metrics.wording import finding
from afinar.run import Run, evaluate, load, train
from afinar.run.folder import newest_checkpoint, newest_unfinished

Configure = Callable[..., RunConfig]
Files = tuple[Path, Path]
CLASSIFIERS: list[dict[str, Any]] = [{"name": "full"}, {"name": "head"}, {"name": "lora", "r": 4}]
WRITERS: list[dict[str, Any]] = [{"name": "full"}, {"name": "lora", "r": 4, "dropout": 0.1}]


def _name(method: dict[str, Any]) -> str:
    return str(method["name"])


@pytest.mark.parametrize("method", CLASSIFIERS, ids=_name)
def test_a_classification_run(method: dict[str, Any], configure: Configure, reviews: Files) -> None:
    config = configure(reviews, method)
    run = train(config)
    _check_folder(run, "model" if method["name"] == "full" else "adapter")
    assert run.results["task"] == "classification"
    assert run.results["n"] == 12
    assert {"accuracy", "precision", "recall", "f1", "f1_macro", "loss"} <= run.results["base"].keys()
    rows = _lines(run.folder / "predictions.jsonl")
    hits = sum(row["label"] == row["prediction"] for row in rows) / len(rows)
    assert hits == pytest.approx(run.results["adapted"]["accuracy"])

    again = load(run.folder)
    assert again.label_names == ("negativo", "positivo")
    told = evaluate(again, str(reviews[1]))
    assert told["adapted"] == pytest.approx(run.results["adapted"])
    assert told["base"] == pytest.approx(run.results["base"])  # the untrained head is drawn again by the run's seed
    assert told["comparison"].keys() == run.results["comparison"].keys()
    assert told["comparison"]["accuracy"] == run.results["comparison"]["accuracy"]
    assert run.results["classes"]["adapted"]["confusion"] == told["classes"]["adapted"]["confusion"]
    assert finding(run.results["comparison"]["accuracy"]) in (run.folder / "README.md").read_text(encoding="utf-8")
    texts = [json.loads(line)["text"] for line in reviews[1].read_text(encoding="utf-8").splitlines()]
    assert [row["prediction"] for row in again.classify(texts)] == [row["prediction"] for row in rows]


def test_training_helps_where_the_last_word_tells_the_label(configure: Configure, reviews: Files) -> None:
    run = train(configure(reviews, {"name": "full"}, training={"epochs": 12.0, "learning_rate": 5e-3}))
    assert run.results["adapted"]["accuracy"] == 1.0
    assert run.results["adapted"]["loss"] < run.results["base"]["loss"] / 2


@pytest.mark.parametrize("method", WRITERS, ids=_name)
def test_a_causal_run(method: dict[str, Any], configure: Configure, questions: Files) -> None:
    run = train(configure(questions, method, evaluation={"generate": True, "max_new_tokens": 8}))
    _check_folder(run, "model" if method["name"] == "full" else "adapter")
    assert run.results["adapted"]["perplexity"] < run.results["base"]["perplexity"]
    assert {"bits_per_byte", "token_accuracy"} <= run.results["adapted"].keys()
    lines = _lines(run.folder / "predictions.jsonl")
    references = [row["reference"] for row in lines]
    assert references == ["o sapato é bom", "o sofá é bom", "o vinho é bom"]
    scores = generation_metrics([row["generated"] for row in lines], references)
    assert {name: run.results["adapted"][name] for name in scores} == pytest.approx(scores)
    assert scores.keys() <= run.results["base"].keys()

    again = load(run.folder)
    told = evaluate(again, str(questions[1]))
    for side in ("base", "adapted"):
        assert told[side] == pytest.approx({name: run.results[side][name] for name in told[side]})
        assert told["signatures"][side]["perplexity"] == run.results["signatures"][side]["perplexity"]
    assert {"perplexity", "bits_per_byte", "bleu", "exact_match"} <= run.results["comparison"].keys()
    losses = [found["comparison"]["loss"]["difference"] for found in (told, run.results)]
    assert losses[0] == pytest.approx(losses[1])
    answer = run.generate("livro?", max_new_tokens=12)
    assert again.generate("livro?", max_new_tokens=12) == answer
    assert "".join(again.stream([{"role": "user", "content": "livro?"}], max_new_tokens=12)) == answer


def test_text_in_blocks_continues_text(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("\n\n".join(f"a casa {i} é azul e bonita" for i in range(40)), encoding="utf-8")
    (tmp_path / "v.txt").write_text("a casa 99 é azul e bonita", encoding="utf-8")
    files = tmp_path / "t.txt", tmp_path / "v.txt"
    run = train(configure(files, {"name": "full"}, data={"packing": "blocks"}))
    assert run.results["task"] == "causal"
    assert run.running_text
    assert run.encode("a casa") == run.tokenizer("a casa")["input_ids"]  # no chat template around it
    assert load(run.folder).running_text


def test_the_resolved_config_has_no_auto_left_and_repeats_the_run(configure: Configure, questions: Files) -> None:
    config = configure(questions, {"name": "lora"}, training={"learning_rate": "auto", "epochs": 1.0})
    run = train(config)
    written = load_config(run.folder / "config.yaml", environ={})
    assert written.training.learning_rate == 9.2e-3  # 5e-4 (2000 / 48)^0.78
    assert written.method.target_modules == ("k_proj", "o_proj", "q_proj", "v_proj")
    assert written.training.micro_batch_size == 8
    assert written.training.gradient_checkpointing is False
    assert (written.data.format, written.data.packing) == ("messages", "none")
    assert (written.model.task, written.model.device, written.model.dtype) == ("causal", "cpu", "float32")
    assert train(written).results["adapted"] == run.results["adapted"]


def test_the_adapter_can_be_switched_off_and_merged(
    configure: Configure, questions: Files, tmp_path: Path, base: Path
) -> None:
    run = train(configure(questions, {"name": "lora"}))
    ids = torch.tensor([run.encode("livro?")])
    with torch.no_grad():
        adapted = run.model(ids).logits
        with run.base():
            plain = run.model(ids).logits
        torch.testing.assert_close(plain, load(base).model(ids).logits)
        assert (adapted - plain).abs().max() > 1e-3
        run.merge(tmp_path / "merged")
        torch.testing.assert_close(load(tmp_path / "merged").model(ids).logits, adapted, rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError) as caught:
        run.merge(tmp_path / "again")
    assert caught.value.key == "run.nothing_to_merge"


def test_full_fine_tuning_keeps_no_base(configure: Configure, questions: Files) -> None:
    run = train(configure(questions, {"name": "full"}, training={"max_steps": 1}))
    with pytest.raises(ModelError), run.base():
        pass


def test_fine_tune_from_python(base: Path, tmp_path: Path) -> None:
    rows = [{"text": f"{word} {i}", "label": label} for i in range(9) for word, label in (("bom", "p"), ("mau", "n"))]
    run = afinar.fine_tune(
        str(base), train=rows, valid=rows[:4], method=afinar.LoRA(r=2), output=str(tmp_path), epochs=1.0, max_length=32
    )
    assert run.results["method"]["r"] == 2
    assert run.config.data.max_length == 32
    assert load(run.folder).label_names == ("n", "p")
    with pytest.raises(ConfigError, match="epochs"):
        afinar.fine_tune(str(base), train=rows, output=str(tmp_path), epoch=1.0)


# --- resuming ------------------------------------------------------------------------------------------------------


def _interrupted(config: RunConfig, monkeypatch: pytest.MonkeyPatch, after: int) -> Path:
    """A run that died after `after` steps."""
    from afinar.training.reporting import Telling

    own = Telling.on_step_end

    def dying(self: Telling, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        own(self, args, state, control, **kwargs)
        if state.global_step == after:
            raise MemoryError("died")

    with monkeypatch.context() as patch:
        patch.setattr(Telling, "on_step_end", dying)
        with pytest.raises(MemoryError):
            train(config)
    folder = newest_unfinished(config.output)
    assert folder is not None
    return folder


@pytest.mark.parametrize("how", ["newest", "named"])
def test_a_resumed_run_equals_the_uninterrupted_one(
    how: str, configure: Configure, questions: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(questions, {"name": "lora", "dropout": 0.3}, training={"epochs": 4.0})  # 8 steps
    whole = train(config)
    folder = _interrupted(config, monkeypatch, after=5)
    assert newest_checkpoint(folder) == folder / "checkpoint-3"
    resumed = train(config, resume=True if how == "newest" else str(folder))
    assert resumed.folder == folder
    for key in ("base", "adapted", "n", "seed"):
        assert resumed.results[key] == whole.results[key]
    for key in ("tokens", "supervised_tokens", "optimizer_steps"):
        assert resumed.results["training"][key] == whole.results["training"][key]
    ours, theirs = ((run.folder / "adapter" / "adapter_model.safetensors").read_bytes() for run in (resumed, whole))
    assert ours == theirs


def test_a_run_that_died_after_its_last_step_trains_no_further(
    configure: Configure, questions: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    from afinar.run import pipeline

    # 3 steps end inside the second epoch: transformers would take a fourth
    config = configure(questions, {"name": "lora"}, training={"max_steps": 3})
    whole = train(config)

    def dying(*args: Any) -> None:
        raise MemoryError("died")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_card", dying)
        with pytest.raises(MemoryError):
            train(config)
    resumed = train(config, resume=True)
    assert resumed.results["adapted"] == whole.results["adapted"]
    assert resumed.results["training"]["optimizer_steps"] == 3
    assert resumed.results["training"]["tokens"] == whole.results["training"]["tokens"]


def test_a_checkpoint_that_was_not_written_whole_is_passed_over(tmp_path: Path) -> None:
    for step, text in ((3, "{}"), (6, '{"half'), (10, None)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if text is not None:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(text)
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-3"


def test_changed_settings_and_changed_data_are_refused(
    configure: Configure, questions: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(questions, {"name": "lora"}, training={"epochs": 4.0})
    folder = _interrupted(config, monkeypatch, after=4)
    changed = configure(questions, {"name": "lora"}, training={"epochs": 4.0, "learning_rate": 3e-3})
    with pytest.raises(RefusedError, match=r"training\.learning_rate") as caught:
        train(changed, resume=str(folder))
    assert caught.value.key == "run.config_changed"
    assert caught.value.values["expected"] == 1e-2
    with questions[0].open("a", encoding="utf-8") as file:
        file.write(questions[1].read_text(encoding="utf-8").splitlines()[0] + "\n")
    with pytest.raises(RefusedError) as caught:
        train(config, resume=str(folder))
    assert caught.value.key == "run.data_changed"
    assert caught.value.exit_code == 2


def test_what_cannot_be_resumed(configure: Configure, questions: Files, tmp_path: Path) -> None:
    config = configure(questions, {"name": "lora"}, training={"max_steps": 1})
    with pytest.raises(RefusedError) as caught:
        train(config, resume=str(tmp_path))
    assert caught.value.key == "run.not_a_run"
    run = train(config, resume=True)  # nothing to resume: starts afresh
    with pytest.raises(RefusedError) as caught:
        train(config, resume=str(run.folder))
    assert caught.value.key == "run.finished"


def test_a_run_in_use_is_refused(configure: Configure, questions: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    config = configure(questions, {"name": "lora"}, training={"epochs": 4.0})
    folder = _interrupted(config, monkeypatch, after=1)
    with pytest.raises(ModelError) as unfinished:
        load(folder)
    assert unfinished.value.key == "run.unfinished"
    with FileLock(folder / ".lock"), pytest.raises(RefusedError) as caught:
        train(config, resume=str(folder))
    assert caught.value.key == "run.folder_in_use"


def test_a_stop_signal_ends_with_a_checkpoint(configure: Configure, questions: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    import signal

    from afinar.training.reporting import Telling

    own = Telling.on_step_end

    def signalled(self: Telling, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 2:
            signal.raise_signal(signal.SIGINT)
        own(self, args, state, control, **kwargs)

    monkeypatch.setattr(Telling, "on_step_end", signalled)
    config = configure(questions, {"name": "lora"}, training={"epochs": 4.0, "save_every_steps": 100})
    with pytest.raises(KeyboardInterrupt):
        train(config)
    folder = newest_unfinished(config.output)
    assert folder is not None
    assert newest_checkpoint(folder) == folder / "checkpoint-2"


def test_a_head_on_conversations_is_refused(configure: Configure, questions: Files) -> None:
    with pytest.raises(ConfigError) as caught:
        train(configure(questions, {"name": "head"}))
    assert caught.value.key == "config.head_causal"
    assert caught.value.exit_code == 2


def test_answers_to_running_text_are_refused_before_training(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a casa é azul\n\na rua é longa\n\no rio é frio", encoding="utf-8")
    files = tmp_path / "t.txt", tmp_path / "t.txt"
    with pytest.raises(ConfigError) as caught:
        train(configure(files, {"name": "lora"}, data={"valid": None}, evaluation={"generate": True}))
    assert caught.value.key == "run.nothing_to_answer"


def test_fine_tune_takes_a_method_by_its_name(base: Path, tmp_path: Path) -> None:
    rows = [{"text": f"a casa {i}"} for i in range(8)]
    run = afinar.fine_tune(str(base), train=rows, valid=rows[:2], method="full", output=str(tmp_path), max_steps=1)
    assert run.results["method"]["name"] == "full"
    assert run.results["adapted"]["loss"] != run.results["base"]["loss"]  # one step, and it has a rate
    for wrong, key in (("lorra", "methods.unknown_near"), (3, "methods.not_a_config")):
        with pytest.raises(ConfigError) as caught:
            afinar.fine_tune(str(base), train=rows, method=wrong, output=str(tmp_path))
        assert caught.value.key == key


def test_a_classifier_does_not_generate(configure: Configure, reviews: Files) -> None:
    with pytest.raises(ConfigError) as caught:
        train(configure(reviews, {"name": "lora"}, training={"max_steps": 1})).generate("a")
    assert caught.value.key == "run.other_task"


def test_rows_longer_than_the_models_positions_are_refused(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("\n\n".join(f"{i} " + "a" * 150 for i in range(4)), encoding="utf-8")
    files = tmp_path / "t.txt", tmp_path / "t.txt"
    with pytest.raises(ConfigError) as caught:
        train(configure(files, {"name": "lora"}, data={"max_length": 140, "max_truncated": 1.0, "valid": None}))
    assert caught.value.key == "run.positions"
    assert caught.value.values["positions"] == 128
    assert not list((tmp_path / "runs").glob("*"))


def test_an_unknown_format_is_refused(base: Path) -> None:
    with pytest.raises(ConfigError, match="format='nothing'"):
        evaluate(str(base), [{"text": "a"}], format="nothing")


def _check_folder(run: Run, export: str) -> None:
    names = {path.name for path in run.folder.iterdir()}
    assert {"config.yaml", "env.json", "metrics.jsonl", "results.json", "README.md", export} <= names
    assert ".lock" not in names
    assert json.loads((run.folder / "results.json").read_text(encoding="utf-8")) == json.loads(json.dumps(run.results))
    assert "chat_template.jinja" in {path.name for path in (run.folder / export).iterdir()}
    training = run.results["training"]
    assert training["optimizer_steps"] == _lines(run.folder / "metrics.jsonl")[-1]["step"]
    assert training["tokens_per_second"] > 0
    assert training["peak_memory_bytes"] > 1e6
    assert 0 < training["trainable_parameters"] <= training["total_parameters"]
    card = (run.folder / "README.md").read_text(encoding="utf-8")
    assert f"{run.results['n']} held-out rows" in card
    assert run.config.method.name in card


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
