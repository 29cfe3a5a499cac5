"""What goes to the hub, and when; the hub itself is played here."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from tests.trajectories.training import trainer


class Hub:
    """Notes each upload with the files that it would have sent."""

    def __init__(self) -> None:
        self.uploads: list[tuple[str, str, set[str]]] = []

    def create_repo(self, repo_id: str, **kwargs: Any) -> Any:
        return huggingface_hub.RepoUrl(f"https://huggingface.co/someone/{repo_id.split('/')[-1]}")

    def upload_folder(self, *, folder_path: str, commit_message: str, path_in_repo: str = "", **kwargs: Any) -> Any:
        ignored = kwargs.get("ignore_patterns") or []
        files = {str(path.relative_to(folder_path)) for path in Path(folder_path).rglob("*") if path.is_file()}
        sent = set(huggingface_hub.utils.filter_repo_objects(files, ignore_patterns=ignored))
        self.uploads.append((path_in_repo, commit_message, sent))
        if not kwargs.get("run_as_future"):
            return "commit"
        future: Future[str] = Future()
        future.set_result("commit")
        return future


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    played = Hub()
    for name in ("create_repo", "upload_folder"):
        monkeypatch.setattr(
            huggingface_hub.HfApi, name, lambda self, *args, _name=name, **kw: getattr(played, _name)(*args, **kw)
        )
    return played


@pytest.mark.parametrize(
    ("name", "exported"),
    [
        ("lora", {"adapter_config.json", "adapter_model.safetensors", "afinar.json"}),
        ("head", {"head.safetensors", "afinar.json"}),
        ("full", {"config.json", "model.safetensors", "afinar.json"}),
        ("peft-p-tuning", {"adapter_config.json", "adapter_model.safetensors"}),
    ],
)
def test_each_save_sends_all_that_the_method_exports(name: str, exported: set[str], hub: Hub, tmp_path: Path) -> None:
    run = trainer(name, tmp_path / "model", push_to_hub=True, hub_model_id="someone/model", save_steps=3)
    run.train()
    assert [message for _, message, _ in hub.uploads] == ["Training in progress, step 3", "Training in progress, step 6"]
    for place, _, files in hub.uploads:
        assert place == ""
        assert exported | {"tokenizer.json", "chat_template.jinja"} <= files
        assert not any(file.startswith(("optimizer", "rng_", "training_state", "checkpoint-")) for file in files)
        assert not any(file.endswith((".bin", ".pt", ".pth")) for file in files)


@pytest.mark.parametrize(("strategy", "place"), [("checkpoint", "last-checkpoint"), ("all_checkpoints", "checkpoint-6")])
def test_whole_checkpoints_go_where_the_strategy_says(strategy: str, place: str, hub: Hub, tmp_path: Path) -> None:
    settings = {"push_to_hub": True, "hub_model_id": "someone/model", "hub_strategy": strategy, "save_steps": 6}
    trainer("ia3", tmp_path / "model", **settings).train()
    ((_, _, top), (where, _, whole)) = hub.uploads
    assert where == place
    assert {"optimizer.safetensors", "trainer_state.json", "adapter_model.safetensors"} <= whole
    assert not any("optimizer" in file for file in top)


def test_at_the_end_means_when_asked(hub: Hub, tmp_path: Path) -> None:
    run = trainer("lora", tmp_path / "model", push_to_hub=True, hub_model_id="someone/model", hub_strategy="end", save_steps=6)
    run.train()
    assert hub.uploads == []
    run.push_to_hub()
    ((_, message, files),) = hub.uploads
    assert message == "End of training"
    assert {"adapter_model.safetensors", "README.md", "tokenizer.json"} <= files
    assert not any(file.endswith(".bin") for file in files)


def test_save_model_writes_what_a_checkpoint_exports(tmp_path: Path) -> None:
    run = trainer("peft-p-tuning", tmp_path / "run", max_steps=1)
    run.train()
    run.save_model(str(tmp_path / "out"))
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"adapter_config.json", "adapter_model.safetensors"}
    assert not list((tmp_path / "out").glob("*.bin"))
    run.save_model()
    assert (tmp_path / "run" / "adapter_model.safetensors").is_file()
