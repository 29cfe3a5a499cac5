"""Two processes train what one does: losses, weights, evaluation and counts, under DDP and FSDP2.

Tolerance: with SGD the only difference is the order of float32 sums, 1e-5 of a weight; the losses agree to 1e-6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.distributed.jobs import Job, Outcome, outcome, run
from tests.distributed.launch import run_jobs

# 21 rows, 8 a step: the last step of an epoch has 5, three for one process and two for the other; 13 rows to evaluate.
CUT = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "label_smoothing_factor": 0.1}
EVALUATED = {"eval_strategy": "epoch", **CUT}

ANSWERED = {"predict_with_generate": True, "max_new_tokens": 4, "log_samples": 0, **EVALUATED}

ADDED = ("bottleneck", "ia3", "prompt", "p_tuning", "vera")  # they put modules of their own beside or into the base

QUICK = [
    Job("full-ddp", settings=EVALUATED),
    Job("lora-fsdp", "lora", fsdp=True, settings=EVALUATED),
]
SLOW = [
    Job("lora-ddp", "lora", settings=EVALUATED),
    Job("full-fsdp", settings=EVALUATED, fsdp=True),
    Job("head-ddp", "head", "classification", settings=EVALUATED),
    Job("head-fsdp", "head", "classification", settings=EVALUATED, fsdp=True),
    Job("full-classification-fsdp", "full", "classification", settings=EVALUATED, fsdp=True),
    Job("lora-classification-ddp", "lora", "classification", settings=EVALUATED),
    Job("tied-fsdp", architecture="gpt2", settings=EVALUATED, fsdp=True),
    Job("softcap-fsdp", architecture="gemma2", settings=EVALUATED, fsdp=True),
    Job("one-row-left-ddp", settings=EVALUATED, rows=9),
    Job("one-row-left-fsdp", settings=EVALUATED, rows=9, fsdp=True),
    Job("checkpointing-ddp", "lora", settings={**EVALUATED, "gradient_checkpointing": True}),
    Job("checkpointing-fsdp", settings={**EVALUATED, "fsdp_config": {"activation_checkpointing": True}}, fsdp=True),
    Job("sync-each-fsdp", settings={**CUT, "accelerator_config": {"gradient_accumulation_kwargs": {"sync_each_batch": True}}},
        fsdp=True),
    Job("dora-ddp", "dora", settings=EVALUATED),
    Job("dora-fsdp", "dora", settings=EVALUATED, fsdp=True),
    Job("tokens-ddp", "tokens", settings=EVALUATED),
    Job("tokens-fsdp", "tokens", settings=EVALUATED, fsdp=True),
    Job("tokens-tied-fsdp", "tokens", model={"tie_word_embeddings": True}, settings=EVALUATED, fsdp=True),
    Job("embeddings-tied-ddp", "embeddings", model={"tie_word_embeddings": True}, settings=EVALUATED),
    Job("peft-ddp", "peft", settings=EVALUATED),
    Job("peft-fsdp", "peft", settings=EVALUATED, fsdp=True),
    Job("p-tuning-ddp", "p-tuning", settings=EVALUATED),
    Job("prefix-ddp", "prefix", settings={**EVALUATED, "gradient_checkpointing": True}),
    Job("prefix-fsdp", "prefix", settings=EVALUATED, fsdp=True),
    Job("prefix-checkpointing-fsdp", "prefix", settings={**EVALUATED, "fsdp_config": {"activation_checkpointing": True}},
        fsdp=True),
    Job("prefix-answers-fsdp", "prefix", settings=ANSWERED, fsdp=True),
    Job("bottleneck-checkpointing-fsdp", "bottleneck-sum",
        settings={**EVALUATED, "fsdp_config": {"activation_checkpointing": True}}, fsdp=True),
    *(Job(f"{name}-ddp", name, settings=EVALUATED) for name in ADDED),
    *(Job(f"{name}-fsdp", name, settings=EVALUATED, fsdp=True) for name in ADDED),
    Job("prompt-checkpointing-fsdp", "prompt", settings={**EVALUATED, "fsdp_config": {"activation_checkpointing": True}},
        fsdp=True),
    Job("prompt-answers-fsdp", "prompt", settings=ANSWERED, fsdp=True),
    Job("prompt-classification-ddp", "prompt", "classification", settings=EVALUATED),
    Job("given-fsdp", "given", settings=EVALUATED, fsdp=True),
    Job("weighted-ddp", settings=EVALUATED, weighted=True),
    Job("weighted-fsdp", settings=EVALUATED, weighted=True, fsdp=True),
    Job("stream-ddp", settings={**CUT, "max_steps": 6}, stream=True),
    Job("answers-ddp", "lora", settings=ANSWERED),
    Job("answers-fsdp", "lora", settings=ANSWERED, fsdp=True),
    Job("8x1", settings={"per_device_train_batch_size": 8}),
    Job("2x4", settings={"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4}),
    Job("4x2-fsdp", settings={"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}, fsdp=True),
]  # fmt: skip


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left of QUICK."""
    folder = tmp_path_factory.mktemp("quick")
    run_jobs(QUICK, folder)
    return folder


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left of SLOW."""
    folder = tmp_path_factory.mktemp("slow")
    run_jobs(SLOW, folder)
    return folder


@pytest.mark.parametrize("job", QUICK, ids=lambda job: job.name)
def test_two_processes_equal_one(job: Job, quick: Path, tmp_path: Path) -> None:
    _check_equal(job, quick, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("job", SLOW, ids=lambda job: job.name)
def test_two_processes_equal_one_in_every_corner(job: Job, slow: Path, tmp_path: Path) -> None:
    _check_equal(job, slow, tmp_path)


@pytest.mark.slow
def test_accumulation_does_not_matter(slow: Path) -> None:
    first, *others = (outcome(slow, name) for name in ("8x1", "2x4", "4x2-fsdp"))
    for other in others:
        assert other.facts["losses"] == pytest.approx(first.facts["losses"], rel=1e-6)
        _check_weights(other, first)


def _check_equal(job: Job, folder: Path, alone: Path) -> None:
    run(replace(job, fsdp=False, settings=_without_sharding(job)), alone)
    expected = outcome(alone, job.name)
    for rank in (0, 1):
        got = outcome(folder, job.name, rank)
        assert got.facts["ranks"] == 2
        assert got.facts["sharded"] is job.fsdp
        assert got.facts["losses"] == pytest.approx(expected.facts["losses"], rel=1e-6)
        for name in ("tokens", "supervised"):
            assert got.facts[name] == expected.facts[name]
        for when in ("before", "after"):
            for name, value in _metrics(expected, when):
                assert got.facts[when][name] == pytest.approx(value, rel=1e-6), name
        _check_weights(got, expected)


def _without_sharding(job: Job) -> dict[str, object]:
    return {name: value for name, value in job.settings.items() if name != "fsdp_config"}


def _metrics(result: Outcome, when: str) -> Iterator[tuple[str, float]]:
    speeds = ("_runtime", "_per_second")
    return ((name, value) for name, value in result.facts[when].items() if not name.endswith(speeds))


def _check_weights(got: Outcome, expected: Outcome) -> None:
    assert got.state.keys() == expected.state.keys()
    for name, value in expected.state.items():
        torch.testing.assert_close(got.state[name], value, rtol=1e-4, atol=1e-5, msg=name)
