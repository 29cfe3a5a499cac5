"""What SFTTrainer's constructor takes: the examples that people paste, models and tokenizers of every kind, collators."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset, IterableDataset
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    DataCollatorForSeq2Seq,
    DataCollatorWithPadding,
    EarlyStoppingCallback,
    TrainingArguments,
)

import afinar
from afinar import LlamaSFTTrainer, LoRA, SFTConfig, SFTTrainer
from afinar.errors import ConfigError, ModelError
from tests.rows import causal_rows, class_rows
from tests.tiny import tiny_model, tiny_tokenizer

CHATS = [
    {"messages": [{"role": "user", "content": f"Quanto é {n} mais 1?"}, {"role": "assistant", "content": f"{n + 1}."}]}
    for n in range(8)
]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A model with its tokenizer, as people have them on disk."""
    path = tmp_path / "model"
    tiny_model().save_pretrained(path)
    tiny_tokenizer().save_pretrained(path)
    return str(path)


def _args(path: Path, **settings: Any) -> SFTConfig:
    options = {"max_steps": 2, "save_strategy": "no", "use_cpu": True, "disable_tqdm": True, **settings}
    return SFTConfig(str(path / "out"), **options)


# --- as pasted -----------------------------------------------------------------------------------------------------


def test_the_quick_start_of_trl(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = Dataset.from_list(CHATS)
    trainer = SFTTrainer(
        model=folder,
        train_dataset=dataset,
    )
    trainer.train()
    assert trainer.state.global_step == 3  # three epochs of eight rows, eight at a time
    assert trainer.args.output_dir == "model-SFT"
    assert not trainer.use_peft
    assert all(parameter.requires_grad for parameter in trainer.model.parameters())


def test_the_usual_example_with_lora(folder: str, tmp_path: Path) -> None:
    from peft import LoraConfig

    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    training_args = TrainingArguments(
        output_dir=str(tmp_path / "results"),
        num_train_epochs=1,
        per_device_train_batch_size=4,
        warmup_steps=1,
        weight_decay=0.01,
        logging_steps=1,
        eval_strategy="epoch",
        save_strategy="epoch",
        learning_rate=2e-4,
        use_cpu=True,
        disable_tqdm=True,
    )
    peft_config = LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=32, lora_dropout=0.1)
    trainer = LlamaSFTTrainer(
        model=model,
        args=training_args,
        train_dataset=Dataset.from_list(CHATS),
        eval_dataset=Dataset.from_list(CHATS[:3]),
        tokenizer=tokenizer,
        peft_config=peft_config,
    )
    trainer.train()
    assert trainer.use_peft
    assert trainer.peft_config is peft_config
    assert trainer.state.log_history[0]["loss"] > 0
    names = {path.name for path in (tmp_path / "results" / "checkpoint-2").iterdir()}
    assert {"adapter_model.safetensors", "tokenizer.json"} <= names
    assert "model.safetensors" not in names
    assert training_args.gradient_accumulation_steps == 1  # the caller's object is left alone
    assert peft_config.target_modules is None


def test_a_classifier_by_name(folder: str, tmp_path: Path) -> None:
    rows = [{"text": f"{word} {n}", "label": word} for n in range(4) for word in ("bom", "ruim", "médio")]
    trainer = SFTTrainer(folder, _args(tmp_path), train_dataset=rows, eval_dataset=rows, method="head")
    assert trainer.task == "classification"
    assert trainer.model.config.id2label == {0: "bom", 1: "médio", 2: "ruim"}
    trainer.train()
    assert {"eval_accuracy", "eval_f1"} <= trainer.evaluate().keys()
    assert trainer.use_peft


def test_names_of_classes_hold_for_every_set(tmp_path: Path) -> None:
    rows = [{"text": f"{word} {n}", "label": word} for n in range(4) for word in ("bom", "ruim")]
    trainer = SFTTrainer(
        tiny_model("llama", "classification"), _args(tmp_path), train_dataset=rows, eval_dataset=[rows[1], rows[3]],
        processing_class=tiny_tokenizer(), method="head",
    )  # fmt: skip
    assert [row["labels"] for row in trainer.eval_dataset] == [1, 1]  # a set without one of the classes
    assert trainer.model.config.id2label == {0: "bom", 1: "ruim"}


def test_plain_arguments_cut_no_row(tmp_path: Path) -> None:
    long = {"input_ids": [7] * 2000}
    model = tiny_model(max_position_embeddings=4096)
    plain = SFTTrainer(model, TrainingArguments(str(tmp_path), use_cpu=True), train_dataset=[long])
    assert len(plain.train_dataset[0]["input_ids"]) == 2000
    with pytest.warns(UserWarning, match="1024"):
        cut = SFTTrainer(tiny_model(max_position_embeddings=4096), _args(tmp_path), train_dataset=[long])
    assert len(cut.train_dataset[0]["input_ids"]) == 1024


@pytest.mark.parametrize("method", ["lora", {"name": "lora", "r": 4}, LoRA(r=4)])
def test_ways_to_name_a_method(method: Any, folder: str, tmp_path: Path) -> None:
    trainer = SFTTrainer(folder, _args(tmp_path), train_dataset=CHATS, method=method)
    assert isinstance(trainer.peft_config, LoRA)


def test_a_stream_needs_the_number_of_steps(folder: str, tmp_path: Path) -> None:
    stream = Dataset.from_list(CHATS).to_iterable_dataset()
    assert isinstance(stream, IterableDataset)
    with pytest.raises(ConfigError) as caught:
        SFTTrainer(folder, _args(tmp_path, max_steps=-1), train_dataset=stream)
    assert caught.value.key == "training.stream_needs_steps"
    trainer = SFTTrainer(folder, _args(tmp_path, max_steps=3), train_dataset=stream, eval_dataset=stream)
    trainer.train()
    assert trainer.state.global_step == 3  # the stream has one step's rows and starts again
    assert trainer.evaluate()["eval_loss"] > 0


# --- models and tokenizers -----------------------------------------------------------------------------------------


def test_the_tokenizer_of_the_models_folder_is_taken(folder: str, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder)
    trainer = SFTTrainer(model, _args(tmp_path), train_dataset=CHATS)
    assert trainer.processing_class.chat_template == tiny_tokenizer().chat_template


def test_raw_rows_without_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        SFTTrainer(tiny_model(), _args(tmp_path), train_dataset=CHATS)
    assert caught.value.key == "training.rows_without_tokenizer"


def test_two_tokenizers(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        SFTTrainer(tiny_model(), _args(tmp_path), tokenizer=tiny_tokenizer(), processing_class=tiny_tokenizer())
    assert caught.value.key == "training.two_tokenizers"


def test_a_model_with_a_device_map_is_taken_as_it_is(folder: str, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder, device_map={"": "cpu"})
    trainer = SFTTrainer(model, _args(tmp_path), train_dataset=CHATS, method="lora")
    trainer.train()
    assert trainer.state.global_step == 2


def test_a_model_wrapped_by_peft_is_not_wrapped_again(folder: str, tmp_path: Path) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model

    config = LoraConfig(task_type="CAUSAL_LM", r=4)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config)
    trainer = SFTTrainer(model, _args(tmp_path, save_strategy="steps", save_steps=2), train_dataset=CHATS)
    assert trainer.model is model
    assert trainer.use_peft
    trainer.train()
    again = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), tmp_path / "out" / "checkpoint-2")
    ids = torch.tensor([[7, 8, 9, 10]])
    with torch.no_grad():
        assert torch.equal(again.eval()(ids).logits, model.eval()(ids).logits)
    with pytest.raises(ModelError) as caught:
        SFTTrainer(model, _args(tmp_path), train_dataset=CHATS, method="lora")
    assert caught.value.key == "methods.already_wrapped"


class Mean(nn.Module):
    """A model of nobody's library: mean loss over its own items, without a config."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = tiny_model()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor) -> Any:
        logits = self.inner(input_ids=input_ids, attention_mask=attention_mask).logits
        return {"loss": nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())}


def test_a_model_that_ignores_the_items_of_the_step_is_still_right(tmp_path: Path) -> None:
    rows = causal_rows(8)
    losses = []
    for model in (Mean(), tiny_model()):
        args = _args(
            tmp_path, per_device_train_batch_size=2, examples_per_step=8, logging_steps=1, max_steps=1,
            save_strategy="steps", save_steps=1,
        )  # fmt: skip
        trainer = SFTTrainer(model, args, train_dataset=rows, eval_dataset=rows)
        trainer.train()
        losses.append((trainer.state.log_history[0]["loss"], trainer.evaluate()["eval_loss"]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert (tmp_path / "out" / "checkpoint-1" / "model.safetensors").is_file()


def test_nothing_trains(tmp_path: Path) -> None:
    model = tiny_model()
    model.requires_grad_(False)
    with pytest.raises(ConfigError) as caught:
        SFTTrainer(model, _args(tmp_path), train_dataset=causal_rows())
    assert caught.value.key == "training.nothing_trains"


def test_weights_too_coarse_to_train_are_told(tmp_path: Path) -> None:
    model = tiny_model().to(torch.bfloat16)
    with pytest.warns(UserWarning, match="bfloat16"):
        SFTTrainer(model, _args(tmp_path), train_dataset=causal_rows())
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        SFTTrainer(tiny_model().to(torch.bfloat16), _args(tmp_path), train_dataset=causal_rows(), method=afinar.Full())


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"model_init_kwargs": {"torch_dtyp": "float32"}}, "training.model_setting"),
        ({"auto_find_batch_size": True}, "training.auto_batch_size"),
        ({"batch_eval_metrics": True}, "training.batch_eval_metrics"),
    ],
)
def test_arguments_that_are_refused(settings: dict[str, Any], key: str, folder: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        SFTTrainer(folder, _args(tmp_path, **settings), train_dataset=CHATS)
    assert caught.value.key == key


def test_a_dtype_for_a_model_by_name(folder: str, tmp_path: Path) -> None:
    args = _args(tmp_path, model_init_kwargs={"dtype": torch.bfloat16})
    trainer = SFTTrainer(folder, args, train_dataset=CHATS, method="lora")
    assert trainer.model.lm_head.weight.dtype == torch.bfloat16


def test_things_that_are_no_arguments(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        SFTTrainer(tiny_model(), {"output_dir": str(tmp_path)})  # type: ignore[arg-type]
    assert caught.value.key == "training.not_arguments"


def test_two_methods(tmp_path: Path) -> None:
    from peft import LoraConfig

    with pytest.raises(ConfigError) as caught:
        SFTTrainer(tiny_model(), _args(tmp_path), method="lora", peft_config=LoraConfig())
    assert caught.value.key == "training.two_methods"


def test_several_cards_in_one_process_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SFTConfig, "n_gpu", property(lambda self: 2 if self.__dict__.get("_n_gpu") != 1 else 1))
    args = _args(tmp_path)
    args._n_gpu = 2
    with pytest.warns(UserWarning, match="torchrun --nproc-per-node 2"):
        setup_args = afinar.training.setup.arguments(args, tiny_model(), {})
    assert setup_args.n_gpu == 1


# --- collators -----------------------------------------------------------------------------------------------------


def test_transformers_collator_for_language_modelling(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    rows = [{"input_ids": row["input_ids"].tolist()} for row in causal_rows(8)]
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    args = _args(tmp_path, logging_steps=1, max_steps=1)
    trainer = SFTTrainer(tiny_model(), args, train_dataset=rows, data_collator=collator, processing_class=tokenizer)
    trainer.train()
    ours = SFTTrainer(tiny_model(), args, train_dataset=rows, processing_class=tokenizer)
    ours.train()  # without labels every token is learned
    assert trainer.state.log_history[0]["loss"] == pytest.approx(ours.state.log_history[0]["loss"], rel=1e-5)


def test_a_collator_that_masks_the_real_eos_is_told(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(pad_is_eos=True)
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    with pytest.warns(UserWarning, match="will not learn to stop"):
        SFTTrainer(
            tiny_model(), _args(tmp_path), train_dataset=causal_rows(), data_collator=collator, processing_class=tokenizer
        )


@pytest.mark.parametrize("make", [DataCollatorForSeq2Seq, DataCollatorWithPadding])
def test_other_collators_of_transformers(make: Any, tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    rows = causal_rows(8)
    losses = []
    for collator in (make(tokenizer), None):
        args = _args(tmp_path, logging_steps=1, max_steps=1)
        trainer = SFTTrainer(tiny_model(), args, train_dataset=rows, data_collator=collator, processing_class=tokenizer)
        trainer.train()
        losses.append(trainer.state.log_history[0]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_collator_without_a_mask(tmp_path: Path) -> None:
    def bare(rows: list[Any]) -> dict[str, Any]:
        return {"input_ids": torch.tensor([row["input_ids"][:6] for row in rows])}

    trainer = SFTTrainer(tiny_model(), _args(tmp_path), train_dataset=causal_rows(), data_collator=bare)
    with pytest.raises(ConfigError) as caught:
        trainer.train()
    assert caught.value.key == "training.collator_keys"


# --- loss and behaviour --------------------------------------------------------------------------------------------


def test_a_loss_function_of_the_users(tmp_path: Path) -> None:
    def tripled(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        targets = labels[:, 1:].flatten()
        loss = nn.functional.cross_entropy(outputs.logits[:, :-1].flatten(0, 1), targets, reduction="sum")
        return 3 * loss / num_items_in_batch

    losses = []
    for function in (None, tripled):
        args = _args(tmp_path, logging_steps=1, max_steps=1, per_device_train_batch_size=2, examples_per_step=8)
        trainer = SFTTrainer(tiny_model(), args, train_dataset=causal_rows(), compute_loss_func=function)
        trainer.train()
        losses.append(trainer.state.log_history[0]["loss"])
    assert losses[1] == pytest.approx(3 * losses[0], rel=1e-5)


def test_a_loss_function_is_not_given_weights(tmp_path: Path) -> None:
    rows = [{**row, "weight": 2.0} for row in CHATS]
    trainer = SFTTrainer(
        tiny_model(), _args(tmp_path), train_dataset=rows, processing_class=tiny_tokenizer(),
        compute_loss_func=lambda outputs, labels, num_items_in_batch: outputs.logits.sum(),
    )  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        trainer.train()
    assert caught.value.key == "training.weights_own_loss"


@pytest.mark.parametrize("micro", [1, 3, 8])
def test_weights_of_rows_are_those_of_repeated_rows(micro: int, tmp_path: Path) -> None:
    """A row that counts twice is the row twice."""
    tokenizer = tiny_tokenizer()
    weighted = [{**row, "weight": 1.0 + number % 2} for number, row in enumerate(CHATS)]
    repeated = [row for number, row in enumerate(CHATS) for _ in range(1 + number % 2)]
    losses, states = [], []
    for rows, size in ((weighted, micro), (repeated, 16)):
        args = _args(tmp_path, logging_steps=1, max_steps=2, per_device_train_batch_size=size, examples_per_step=len(rows),
                     learning_rate=1e-3)  # fmt: skip
        trainer = SFTTrainer(tiny_model(), args, train_dataset=rows, processing_class=tokenizer)
        trainer.train()
        losses.append([entry["loss"] for entry in trainer.state.log_history if "loss" in entry])
        states.append(trainer.model.lm_head.weight.detach().clone())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    torch.testing.assert_close(states[0], states[1], atol=1e-5, rtol=1e-4)


def test_weights_of_a_classifiers_rows(tmp_path: Path) -> None:
    plain = class_rows(6)
    weighted = [{**row, "weight": 1.0 + number % 2} for number, row in enumerate(plain)]
    repeated = [row for number, row in enumerate(plain) for _ in range(1 + number % 2)]
    losses = []
    for rows in (weighted, repeated):
        args = _args(tmp_path, logging_steps=1, max_steps=1, per_device_train_batch_size=2, examples_per_step=len(rows))
        trainer = SFTTrainer(tiny_model("llama", "classification", num_labels=3), args, train_dataset=rows)
        trainer.train()
        losses.append(trainer.state.log_history[0]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_early_stopping(tmp_path: Path) -> None:
    args = _args(
        tmp_path, max_steps=9, eval_strategy="steps", eval_steps=1, save_strategy="steps", save_steps=1, learning_rate=5.0,
        load_best_model_at_end=True, metric_for_best_model="loss", greater_is_better=False,
    )  # fmt: skip
    rows = causal_rows(16)
    trainer = SFTTrainer(
        tiny_model(), args, train_dataset=rows, eval_dataset=rows, callbacks=[EarlyStoppingCallback(early_stopping_patience=2)]
    )
    trainer.train()  # at this rate the loss only grows
    assert trainer.state.global_step == 3
    assert trainer.state.best_model_checkpoint.endswith("checkpoint-1")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision(precision: str, tmp_path: Path) -> None:
    if precision == "fp16" and not torch.cuda.is_available():
        pytest.skip("float16 training needs a GPU")
    rows = causal_rows(8)
    losses = {}
    for mixed in (True, False):
        args = _args(tmp_path, logging_steps=1, max_steps=2, learning_rate=1e-2, **{precision: mixed})
        trainer = SFTTrainer(tiny_model(), args, train_dataset=rows, eval_dataset=rows, method="lora")
        trainer.train()
        losses[mixed] = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        assert {parameter.dtype for parameter in trainer.model.parameters()} == {torch.float32}
        assert trainer.evaluate()["eval_loss"] > 0
    assert losses[True] != losses[False]
    assert losses[True] == pytest.approx(losses[False], rel=2e-2)
