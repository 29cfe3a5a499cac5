"""Hub names without a network: a hand-made cache, and snapshot_download replaced where the hub would answer."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from afinar.errors import AfinarError
from afinar.models import embedded, sources
from afinar.models.config import ModelConfig
from afinar.models.load import describe, load_model, load_tokenizer
from afinar.models.sources import locate
from tests.tiny import tiny_model, tiny_tokenizer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache; also the working directory, so that no folder there is taken for a model."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


@pytest.fixture
def cached(cache: Path) -> Path:
    """The snapshot of `ana/mini` as huggingface_hub lays it out."""
    repository = cache / "models--ana--mini"
    snapshot = repository / "snapshots" / COMMIT
    tiny_model().save_pretrained(snapshot)
    tiny_tokenizer().save_pretrained(snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return snapshot


def error_of(name: str, **kwargs: Any) -> AfinarError:
    fields = {"revision": kwargs.pop("revision", None)}
    with pytest.raises(AfinarError) as caught:
        locate(ModelConfig(name=name, **fields), **kwargs)
    assert str(caught.value)
    return caught.value


def test_a_cached_hub_model_loads_offline(cached):
    config = ModelConfig(name="ana/mini", device="cpu", dtype="float32")
    tokenizer = load_tokenizer(config, offline=True)
    model = load_model(config, task="causal", tokenizer=tokenizer, offline=True)
    ids = torch.tensor([tokenizer("olá").input_ids])
    with torch.no_grad():
        assert torch.equal(model(ids).logits, tiny_model()(ids).logits)
    assert model.config._name_or_path == "ana/mini"
    assert describe(config, offline=True).task == "causal"


def test_a_revision_that_is_cached(cached):
    assert locate(ModelConfig(name="ana/mini", revision=COMMIT), offline=True).samefile(cached)
    assert error_of("ana/mini", revision="v2", offline=True).key == "models.not_cached"


def test_a_half_cached_model_says_what_is_missing(cached):
    (cached / "model.safetensors").unlink()
    with pytest.raises(AfinarError) as caught:
        load_model(ModelConfig(name="ana/mini", device="cpu"), task="causal", offline=True)
    assert caught.value.key == "models.no_weights"


def test_a_partial_snapshot_is_used_as_far_as_it_goes(cached, monkeypatch):
    class Incomplete(LocalEntryNotFoundError):
        snapshot_path = str(cached)

    monkeypatch.setattr(sources, "snapshot_download", raising(Incomplete("some other file is missing")))
    assert locate(ModelConfig(name="ana/mini")) == cached


@pytest.mark.parametrize("name", ["ana/other", "gpt2"])
def test_not_cached_while_offline(cache, name):
    error = error_of(name, offline=True)
    assert (error.key, error.values["name"]) == ("models.not_cached", name)
    assert "HF_HOME" in error.hint


def test_the_offline_variable_is_honoured(cache, monkeypatch):
    asked = {}
    monkeypatch.setattr(sources, "snapshot_download", lambda name, **kwargs: asked.update(kwargs) or cache)
    locate(ModelConfig(name="ana/mini"))
    assert asked["local_files_only"] is True  # the tests run with HF_HUB_OFFLINE=1
    monkeypatch.setattr(sources, "is_offline_mode", lambda: False)
    locate(ModelConfig(name="ana/mini"))
    assert asked["local_files_only"] is False
    locate(ModelConfig(name="ana/mini"), offline=True)
    assert asked["local_files_only"] is True


def test_only_what_is_read_is_downloaded(cache, monkeypatch):
    from huggingface_hub.utils import filter_repo_objects

    read = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer.model", "merges.txt", "chat_template.jinja"]
    weights = ["model-00001-of-00002.safetensors", "model.safetensors.index.json"]
    other = ["README.md", "pytorch_model.bin", "flax_model.msgpack", "model.gguf", "consolidated.safetensors", "own.py"]
    other += ["model.fp16.safetensors", "original/params.json", "onnx/model.onnx", "original/consolidated.safetensors"]
    files = [*read, *weights, *other]
    asked: dict[str, Any] = {}
    monkeypatch.setattr(sources, "snapshot_download", lambda name, **kwargs: asked.update(kwargs) or cache)

    def taken() -> set[str]:
        return set(
            filter_repo_objects(files, allow_patterns=asked["allow_patterns"], ignore_patterns=asked["ignore_patterns"])
        )

    locate(ModelConfig(name="ana/mini"))
    assert taken() == {*read, *weights}
    locate(ModelConfig(name="ana/mini"), weights=False)
    assert taken() == {*read, "model.safetensors.index.json"}
    locate(ModelConfig(name="ana/mini", trust_remote_code=True))
    assert taken() == {*read, *weights, "own.py"}


def raising(error: BaseException) -> Any:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    return fail


def answer(kind: type[HfHubHTTPError]) -> HfHubHTTPError:
    """An error of the hub without the response it came with, whose class depends on the version of huggingface_hub."""
    return kind.__new__(kind)


@pytest.mark.parametrize(
    ("raised", "key"),
    [
        (answer(RepositoryNotFoundError), "models.not_on_hub"),
        (answer(GatedRepoError), "models.gated"),
        (answer(RevisionNotFoundError), "models.no_revision"),
        (answer(HfHubHTTPError), "models.hub_unreachable"),
        (HTTPError("proxy or socket"), "models.hub_unreachable"),
        (LocalEntryNotFoundError("no connection"), "models.hub_unreachable"),
        (OSError(errno.ENOSPC, "No space left on device"), "models.no_space"),
    ],
)
def test_what_the_hub_may_answer(cache, monkeypatch, raised, key):
    monkeypatch.setattr(sources, "is_offline_mode", lambda: False)
    monkeypatch.setattr(sources, "snapshot_download", raising(raised))
    error = error_of("ana/mini")
    assert (error.key, error.exit_code) == (key, 6 if key == "models.no_space" else 2)


def test_another_error_of_the_disk_is_not_hidden(cache, monkeypatch):
    monkeypatch.setattr(sources, "snapshot_download", raising(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(OSError, match="Input/output"):
        locate(ModelConfig(name="ana/mini"))


@pytest.mark.parametrize("name", ["a b/c", "ana--mini", "-ana"])
def test_what_is_no_hub_name(cache, name):
    assert error_of(name, offline=True).key == "models.bad_name"


@pytest.mark.parametrize("name", ["./none", "/none", "~/none-such", "a/b/c", "models\\mini", "C:/mini", "ana/"])
def test_a_path_that_is_not_there_is_not_looked_up_on_the_hub(cache, monkeypatch, name):
    monkeypatch.setattr(sources, "snapshot_download", raising(AssertionError("asked the hub")))
    error = error_of(name)
    assert (error.key, error.values["path"]) == ("models.folder_missing", name)


def test_a_file_is_not_a_model(cache):
    Path("model.gguf").write_bytes(b"GGUF")
    assert error_of("model.gguf").key == "models.not_a_folder"


def test_a_folder_wins_over_a_hub_name(cached):
    shutil.copytree(cached, "ana/mini")
    assert locate(ModelConfig(name="ana/mini")) == Path("ana/mini")


def test_the_home_folder_is_expanded(cached, monkeypatch):
    monkeypatch.setenv("HOME", str(cached.parent))
    assert locate(ModelConfig(name=f"~/{COMMIT}")) == cached


def test_the_embedded_model_is_a_folder_of_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "__file__", str(tmp_path / "embedded.py"))
    assert error_of("afinar-mini").key == "models.embedded_missing"
    (tmp_path / "afinar_mini").mkdir()
    (tmp_path / "afinar_mini" / "config.json").write_text("{}")
    assert locate(ModelConfig()) == tmp_path / "afinar_mini"
