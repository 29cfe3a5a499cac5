"""From a model's name to a folder on this machine: the embedded model, a local folder, or a hub repository.

A hub repository is brought into huggingface_hub's cache (HF_HOME, HF_HUB_CACHE, HF_ENDPOINT and HF_HUB_OFFLINE are
honoured) and then read like any folder, so one set of checks serves both and nothing is fetched behind them. Only the files
that are read are downloaded: configuration, tokenizer and safetensors at the top of the repository.
"""

from __future__ import annotations

import errno
from pathlib import Path

from huggingface_hub import is_offline_mode, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from afinar.errors import ModelError, ResourceError
from afinar.models import embedded
from afinar.models.config import ModelConfig

TEXT_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
# Second copies of the same weights: nested folders, Mistral's own format, half-precision variants.
SECOND_COPIES = ("*/*", "consolidated*", "*.fp16.safetensors", "*.fp16-*.safetensors", "*.bf16.safetensors")


def locate(config: ModelConfig, *, offline: bool = False, weights: bool = True) -> Path:
    """The folder with the files of `config.name`, downloaded first if it is a hub name and is not cached.

    A local folder wins over a hub name, as in transformers. With `weights=False` only configuration and tokenizer are fetched.

    Raises ModelError if there is no such folder or repository, or it is not cached while offline; ResourceError if the disk
    is full.
    """
    if config.name == embedded.NAME:
        return embedded.path()
    folder = Path(config.name).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise ModelError("models.not_a_folder", path=config.name)
    if _looks_like_a_path(config.name):
        raise ModelError("models.folder_missing", path=config.name)
    return _from_hub(config, offline=offline or is_offline_mode(), weights=weights)


def _looks_like_a_path(name: str) -> bool:
    """Hub names are `name` or `owner/name`; everything else that is no folder is a mistyped path."""
    return name.startswith((".", "/", "~")) or "\\" in name or ":" in name or name.count("/") > 1 or name.endswith("/")


def _from_hub(config: ModelConfig, *, offline: bool, weights: bool) -> Path:
    patterns = [*TEXT_FILES, *(["*.safetensors"] if weights else []), *(["*.py"] if config.trust_remote_code else [])]
    named = {"name": config.name, "revision": config.revision or "main"}
    try:
        folder = snapshot_download(
            config.name,
            revision=config.revision,
            allow_patterns=patterns,
            ignore_patterns=list(SECOND_COPIES),
            local_files_only=offline,
        )
    except LocalEntryNotFoundError as error:
        # A repository that another program has cached in part: what is missing, and whether it matters, is checked later.
        partial = getattr(error, "snapshot_path", None)  # newer versions of huggingface_hub have it
        if partial is None:
            raise ModelError("models.not_cached" if offline else "models.hub_unreachable", **named) from error
        folder = partial
    except HFValidationError as error:
        raise ModelError("models.bad_name", **named) from error
    except GatedRepoError as error:  # before its base class, RepositoryNotFoundError
        raise ModelError("models.gated", **named) from error
    except RepositoryNotFoundError as error:
        raise ModelError("models.not_on_hub", **named) from error
    except RevisionNotFoundError as error:
        raise ModelError("models.no_revision", **named) from error
    except HTTPError as error:  # of httpx or httpx2, whichever this version of huggingface_hub is built on
        raise ModelError("models.hub_unreachable", **named) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise ResourceError("models.no_space", **named) from error
        raise
    return Path(folder)
