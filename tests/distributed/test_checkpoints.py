"""Checkpoints of two processes: resumed bit for bit, on any number of processes, and exports that others load."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from afinar.training import checkpoints
from tests.distributed.jobs import Job, outcome, run
from tests.distributed.launch import run_jobs
from tests.distributed.training import trainer_of

pytestmark = pytest.mark.slow

ADAM = {
    "optim": "adamw_torch_fused",
    "learning_rate": 1e-2,
    "warmup_steps": 2,
    "save_strategy": "steps",
    "save_steps": 1,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 2,
}
RESUMED = [
    Job("lora-ddp", "lora-dropout", settings=ADAM),
    Job("full-fsdp", settings=ADAM, fsdp=True),
    Job("lora-fsdp", "lora-dropout", settings=ADAM, fsdp=True),
    Job("head-fsdp", "head", "classification", settings=ADAM, fsdp=True),
    Job("given-fsdp", "given", settings=ADAM, fsdp=True),
    Job("peft-ddp", "peft", settings=ADAM),
    Job("peft-fsdp", "peft", settings=ADAM, fsdp=True),
    Job("p-tuning-ddp", "p-tuning", settings=ADAM),
    Job("checkpointing-fsdp", "lora", settings={**ADAM, "fsdp_config": {"activation_checkpointing": True}}, fsdp=True),
    Job("bfloat16-fsdp", "lora", dtype="bfloat16", settings=ADAM, fsdp=True),
    Job("mixed-fsdp", settings={**ADAM, "bf16": True}, fsdp=True),
    Job("momentum-fsdp", settings={**ADAM, "optim": "rmsprop"}, fsdp=True),
]
BEST = {
    **ADAM,
    "learning_rate": 0.05,
    "eval_strategy": "steps",
    "eval_steps": 1,
    "load_best_model_at_end": True,
    "metric_for_best_model": "loss",
    "greater_is_better": True,  # the worst one: not the last
}
BESTS = [Job("best-ddp", "lora", settings=BEST), Job("best-fsdp", settings=BEST, fsdp=True)]
ALONE = Job("alone", "lora", settings=ADAM, stop=2)  # one process's checkpoint, resumed by two
STEP = 2


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left: each job of RESUMED whole, cut, and resumed; and the others."""
    folder = tmp_path_factory.mktemp("checkpoints")
    run(ALONE, folder)
    jobs = []
    for job in RESUMED:
        cut = replace(job, name=f"{job.name}-cut", stop=STEP)
        jobs += [job, cut, replace(job, name=f"{job.name}-on", resume=(cut.name, STEP))]
    spread = [replace(ALONE, name=f"spread-{fsdp}", stop=None, resume=("alone", STEP), fsdp=fsdp) for fsdp in (False, True)]
    run_jobs([*jobs, *BESTS, *spread], folder)
    return folder


@pytest.mark.parametrize("name", [job.name for job in RESUMED])
def test_resumed_is_uninterrupted(name: str, left: Path) -> None:
    whole, resumed = outcome(left, name), outcome(left, f"{name}-on")
    assert resumed.facts["losses"] == whole.facts["losses"][STEP:]
    for figure in ("tokens", "supervised"):
        assert resumed.facts[figure] == whole.facts[figure]
    for key, value in whole.state.items():
        assert torch.equal(resumed.state[key], value), key


@pytest.mark.parametrize("job", [*RESUMED[:3], RESUMED[6]], ids=lambda job: job.name)
def test_one_process_goes_on_where_two_stopped(job: Job, left: Path, tmp_path: Path) -> None:
    alone = replace(job, name="alone", fsdp=False, settings={**job.settings, "save_strategy": "no"})
    trainer, losses = trainer_of(alone, tmp_path)
    checkpoint = left / f"{job.name}-cut" / f"checkpoint-{STEP}"
    trainer.restore(checkpoint)
    for key, value in outcome(left, f"{job.name}-cut").state.items():
        assert torch.equal(trainer.method.state(trainer.model)[key], value), key
    trainer.train(resume_from_checkpoint=str(checkpoint))
    if job.method == "full":  # dropout falls elsewhere on other batches
        assert losses.values == pytest.approx(outcome(left, job.name).facts["losses"][STEP:], rel=1e-4)


@pytest.mark.parametrize("fsdp", [False, True])
def test_two_processes_go_on_where_one_stopped(fsdp: bool, left: Path, tmp_path: Path) -> None:
    run(replace(ALONE, stop=None), tmp_path)
    expected, got = outcome(tmp_path, "alone"), outcome(left, f"spread-{fsdp}")
    assert got.facts["losses"] == pytest.approx(expected.facts["losses"][STEP:], rel=1e-4)
    assert got.facts["tokens"] == expected.facts["tokens"]


@pytest.mark.parametrize("name", [job.name for job in BESTS])
def test_the_best_checkpoint_is_loaded_exactly(name: str, left: Path) -> None:
    facts = outcome(left, name).facts
    assert facts["after"]["eval_loss"] == pytest.approx(facts["best"], rel=1e-7)
    assert facts["losses"][-1] < facts["best"]


def test_shards_are_exported_whole(left: Path) -> None:
    state = outcome(left, "full-fsdp").state
    for export in (left / "full-fsdp" / "export", left / "full-fsdp" / "checkpoint-6"):
        loaded = AutoModelForCausalLM.from_pretrained(export, dtype=torch.float32)
        assert loaded.config.architectures == ["LlamaForCausalLM"]
        weights = loaded.state_dict()
        for name, value in state.items():
            assert torch.equal(weights[name], value), name


@pytest.mark.parametrize("name", ["lora", "checkpointing", "bfloat16"])
def test_an_adapter_of_shards_has_the_paths_of_the_model(name: str, left: Path) -> None:
    saved = checkpoints.load_tensors(left / f"{name}-fsdp" / "export" / "adapter_model.safetensors")
    state = outcome(left, f"{name}-fsdp").state
    written = {
        path.replace("base_model.model.", "").replace("lora_", "").removesuffix(".weight"): v for path, v in saved.items()
    }
    assert written.keys() == state.keys()
    for path, value in written.items():
        assert torch.equal(value, state[path]), path


def test_files_are_those_of_one_process(left: Path) -> None:
    one = {path.name for path in (left / "alone" / "checkpoint-2").iterdir()}
    for name in ("lora-ddp", "lora-fsdp"):
        two = {path.name for path in (left / name / "checkpoint-2").iterdir()}
        assert two - one == {"rng_1.json", "rng_1.safetensors"}
        assert one <= two
