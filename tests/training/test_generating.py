"""SFTTrainer with `predict_with_generate`: one pass gives loss and answers, and what is scored is what is saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from transformers import GenerationConfig

from afinar import LoRA, SFTConfig, SFTTrainer
from afinar.errors import ConfigError, DataError
from tests.rows import causal_rows
from tests.tiny import tiny_model, tiny_tokenizer

RAW = [{"prompt": f"quanto é {n} mais {n}?", "completion": f"é {n + n}."} for n in range(7)]
PROMPTS = [{"prompt": row["prompt"]} for row in RAW]
SETTINGS: dict[str, Any] = {
    "predict_with_generate": True,
    "max_new_tokens": 8,
    "per_device_eval_batch_size": 4,
    "log_samples": 0,
}


def sharp() -> Any:
    """A random model that comes to no ties."""
    model = tiny_model()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(8)
    return model


def trainer(folder: Path, rows: Any = RAW, settings: dict[str, Any] | None = None, **options: Any) -> SFTTrainer:
    args = SFTConfig(str(folder), use_cpu=True, disable_tqdm=True, **{**SETTINGS, **(settings or {})})
    options = {"model": sharp(), "processing_class": tiny_tokenizer(), **options}
    return SFTTrainer(args=args, eval_dataset=rows, **options)


def saved(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "predictions.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.rstrip("\n").split("\n")]


def alone(model: Any, prompt: str, **settings: Any) -> str:
    """What transformers answers to one prompt, without padding."""
    tokenizer = tiny_tokenizer()
    asked = [{"role": "user", "content": prompt}]
    ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt", return_dict=False)
    config = GenerationConfig(max_new_tokens=8, eos_token_id=2, pad_token_id=0, **settings)
    output = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)[0, ids.shape[1] :]
    return str(tokenizer.decode(output, skip_special_tokens=True))


def test_the_metrics_are_those_of_sacrebleu_and_rouge_score_on_the_saved_predictions(tmp_path):
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics import BLEU, CHRF

    from afinar.metrics.generation import UnicodeWords

    rows = [{"prompt": f"Quanto é {n} mais {n}?", "completion": "Não é o que se pode ver na casa."} for n in range(7)]
    metrics = trainer(tmp_path, rows, {"max_new_tokens": 16}, model="afinar-mini", processing_class=None).evaluate()
    lines = saved(tmp_path)
    predictions, references = [line["prediction"] for line in lines], [line["reference"] for line in lines]
    assert references == [row["completion"] for row in rows]
    assert metrics["eval_bleu"] == BLEU().corpus_score(predictions, [references]).score
    assert metrics["eval_chrf"] == CHRF().corpus_score(predictions, [references]).score
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=UnicodeWords())
    scores = [scorer.score(reference, text) for reference, text in zip(references, predictions, strict=True)]
    for name in ("rouge1", "rouge2", "rougeL"):
        assert metrics[f"eval_{name}"] == pytest.approx(sum(score[name].fmeasure for score in scores) / 7)
    assert metrics["eval_chrf"] > 0
    assert metrics["eval_rouge1"] > 0
    assert metrics["eval_exact_match"] == 0
    assert metrics["eval_generated"] == 7


@pytest.mark.parametrize("settings", [{}, {"num_beams": 2}])
def test_an_answer_is_what_the_model_gives_to_the_prompt_alone(tmp_path, settings):
    run = trainer(tmp_path, settings=settings)
    run.evaluate()
    assert [row["prediction"] for row in saved(tmp_path)] == [alone(sharp(), row["prompt"], **settings) for row in RAW]
    assert [row["row"] for row in saved(tmp_path)] == list(range(7))


def test_the_loss_is_the_same_with_and_without_generating(tmp_path):
    with_answers = trainer(tmp_path).evaluate()
    without = trainer(tmp_path, settings={"predict_with_generate": False}).evaluate()
    for name in ("eval_loss", "eval_perplexity", "eval_bits_per_byte", "eval_token_accuracy"):
        assert with_answers[name] == without[name]


def test_prompts_without_answers_are_answered_and_have_no_loss(tmp_path):
    metrics = trainer(tmp_path, PROMPTS).evaluate()
    assert not any(name in metrics for name in ("eval_loss", "eval_bleu"))
    assert metrics["eval_generated"] == 7
    rows = saved(tmp_path)
    assert [row["reference"] for row in rows] == [None] * 7
    with_references = tmp_path / "with"
    trainer(with_references).evaluate()
    assert [row["prediction"] for row in rows] == [row["prediction"] for row in saved(with_references)]


@pytest.mark.parametrize("kind", ["tokenised", "stream", "several"])
def test_every_kind_of_set_is_answered(tmp_path, kind):
    rows: Any = {
        "tokenised": causal_rows(5),
        "stream": datasets.Dataset.from_list(RAW).to_iterable_dataset(),
        "several": {"a": RAW[:2], "b": RAW[2:]},
    }[kind]
    metrics = trainer(tmp_path, rows).evaluate()
    counts = {"tokenised": {"eval": 5}, "stream": {"eval": 7}, "several": {"eval_a": 2, "eval_b": 5}}[kind]
    assert {name: metrics[f"{name}_generated"] for name in counts} == counts
    assert [row["set"] for row in saved(tmp_path)] == [name for name, count in counts.items() for _ in range(count)]


def test_only_the_first_rows_are_answered_where_so_many_are_asked_for(tmp_path):
    metrics = trainer(tmp_path, settings={"generation_max_samples": 3}).evaluate()
    assert metrics["eval_generated"] == 3
    assert [row["row"] for row in saved(tmp_path)] == [0, 1, 2]
    assert metrics["eval_loss"] == trainer(tmp_path).evaluate()["eval_loss"]  # the loss is that of all rows


def test_compute_metrics_is_given_token_ids_and_texts(tmp_path):
    seen = []

    def mine(prediction: Any) -> dict[str, float]:
        seen.append(prediction)
        predictions, labels = prediction
        tokenizer = tiny_tokenizer()
        labels = np.where(labels != -100, labels, tokenizer.pad_token_id)  # as every example for Seq2SeqTrainer has it
        texts = tokenizer.batch_decode(predictions, skip_special_tokens=True)
        references = tokenizer.batch_decode(labels, skip_special_tokens=True)
        assert texts == prediction.texts
        assert references == prediction.references == [row["completion"] for row in RAW]
        return {"letters": float(sum(len(text) for text in texts))}

    metrics = trainer(tmp_path, compute_metrics=mine).evaluate()
    assert metrics["eval_letters"] == sum(len(row["prediction"]) for row in saved(tmp_path))
    assert metrics["eval_bleu"] >= 0  # beside the default ones
    assert seen[0].prompts == [row["prompt"] for row in RAW]


def test_predict_gives_token_ids_and_the_same_metrics(tmp_path):
    run = trainer(tmp_path)
    output = run.predict(run.eval_dataset)
    metrics = run.evaluate()
    assert output.metrics is not None
    assert output.metrics["test_bleu"] == metrics["eval_bleu"]
    texts = tiny_tokenizer().batch_decode(output.predictions, skip_special_tokens=True)
    assert texts == [row["prediction"] for row in saved(tmp_path) if row["set"] == "test"]
    assert output.label_ids is not None
    assert output.label_ids.shape[0] == 7
    assert {row["set"] for row in saved(tmp_path)} == {"test", "eval"}


def test_settings_of_one_call_win(tmp_path):
    run = trainer(tmp_path)
    assert run.evaluate(max_new_tokens=3)["eval_gen_len"] <= 3
    assert run.evaluate()["eval_gen_len"] > 3
    with pytest.raises(ConfigError) as caught:
        run.evaluate(max_tokens=3)
    assert caught.value.key == "models.generation_setting"


def test_sampling_repeats_whatever_the_batch_and_training_draws_as_without(tmp_path):
    settings = {"do_sample": True, "temperature": 2.0, "generation_seed": 4}
    first = trainer(tmp_path, settings=settings).predict(RAW).predictions
    again = trainer(tmp_path, settings={**settings, "per_device_eval_batch_size": 2, "generation_batch_size": 3})
    state = torch.get_rng_state()
    np.testing.assert_array_equal(again.predict(RAW).predictions, first)
    assert torch.equal(torch.get_rng_state(), state)
    other = trainer(tmp_path, settings={**settings, "generation_seed": 5}).predict(RAW).predictions
    assert other.shape != first.shape or (other != first).any()


class TestWhileTraining:
    def trained(self, folder: Path, resume: Path | None = None, **settings: Any) -> SFTTrainer:
        run = trainer(
            folder,
            settings={
                "max_steps": 3,
                "per_device_train_batch_size": 4,
                "learning_rate": 0.02,
                "eval_strategy": "steps",
                "eval_steps": 1,
                "save_steps": 1,
                **settings,
            },
            train_dataset=RAW,
            method=LoRA(r=4, dropout=0.2),
        )
        run.train(resume_from_checkpoint=None if resume is None else str(resume))
        return run

    def test_each_evaluation_is_saved_and_a_resumed_run_leaves_the_same_file(self, tmp_path):
        run = self.trained(tmp_path)
        assert [row["step"] for row in saved(tmp_path)] == [1] * 7 + [2] * 7 + [3] * 7
        whole = (tmp_path / "predictions.jsonl").read_bytes()
        assert len({tuple(row["prediction"] for row in saved(tmp_path) if row["step"] == step) for step in (1, 3)}) == 2
        self.trained(tmp_path, tmp_path / "checkpoint-1")
        assert (tmp_path / "predictions.jsonl").read_bytes() == whole
        assert run.model.training

    def test_training_is_what_it_is_without_generating(self, tmp_path):
        settings = {"do_sample": True, "top_k": 5}
        with_answers = self.trained(tmp_path / "a", **settings)
        without = self.trained(tmp_path / "b", predict_with_generate=False)
        state = without.method.state(without.model)
        for name, value in with_answers.method.state(with_answers.model).items():
            assert torch.equal(value, state[name])

    def test_a_metric_of_the_answers_can_choose_the_best_checkpoint(self, tmp_path):
        run = self.trained(tmp_path, metric_for_best_model="chrf", greater_is_better=True, load_best_model_at_end=True)
        chrf = [entry["eval_chrf"] for entry in run.state.log_history if "eval_chrf" in entry]
        assert run.state.best_metric == max(chrf)

    def test_under_bf16(self, tmp_path):
        run = self.trained(tmp_path, bf16=True)
        assert len(saved(tmp_path)) == 21
        assert run.state.global_step == 3


def test_a_few_answers_are_shown(tmp_path, capsys):
    trainer(tmp_path, settings={"log_samples": 2}).evaluate()
    error = capsys.readouterr().err
    assert "2 of 7" in error
    assert "quanto é 0 mais 0?" in error


class TestRefusedAtOnce:
    @pytest.mark.parametrize(
        ("options", "key"),
        [
            ({"rows": causal_rows(3), "processing_class": None}, "training.generation_tokenizer"),
            ({"settings": {"temperature": 0.5}}, "models.not_sampling"),
            ({"settings": {"gen_kwargs": {"max_tokens": 5}}}, "models.generation_setting"),
            ({"settings": {"gen_kwargs": {"max_new_tokens": 5}}}, "training.generation_twice"),
            ({"settings": {"top_p": 1.5, "do_sample": True}}, "core.range"),
            ({"rows": [{"text": "sem pergunta"}]}, "training.no_prompt"),
        ],
    )
    def test_what_could_not_be_generated(self, tmp_path, options, key):
        with pytest.raises((ConfigError, DataError)) as caught:
            trainer(tmp_path, **options)
        assert caught.value.key == key

    def test_a_classifier(self, tmp_path):
        with pytest.raises(ConfigError) as caught:
            trainer(tmp_path, None, model=tiny_model(task="classification"))
        assert caught.value.key == "training.generation_classification"
