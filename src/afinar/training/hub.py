"""A checkpoint's way to the hub while training goes on (`push_to_hub=True` with `hub_strategy`).

As transformers does it, but for what is copied to the top of the repository: all that the method exports (transformers copies
a fixed list of names, and would leave out a head's weights and `afinar.json`), and no pickle of the arguments.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, HubStrategy, SaveStrategy
from transformers.utils import PushInProgress

STATE = ("training_state.", "optimizer.", "scheduler.", "scaler.", "rng_", "progress.", "trainer_state.")
"""How the names of a checkpoint's own files begin: what resuming needs and a reader of the model does not."""


def push_checkpoint(trainer: Any, checkpoint: Path) -> None:
    """Send what `checkpoint` exports, in the background; with the strategies `checkpoint` and `all_checkpoints` it whole too.

    Where the last push is still under way this one is left out, unless `hub_always_push`.
    """
    args = trainer.args
    busy = trainer.push_in_progress is not None and not trainer.push_in_progress.is_done()
    if not trainer.is_world_process_zero() or args.hub_strategy == HubStrategy.END or (busy and not args.hub_always_push):
        return
    trainer.callback_handler.on_push_begin(args, trainer.state, trainer.control)
    for file in exported_files(checkpoint):
        shutil.copy(file, Path(args.output_dir) / file.name)
    where = f"step {trainer.state.global_step}"
    if args.save_strategy != SaveStrategy.STEPS:
        where = f"epoch {int(trainer.state.epoch)}"
    message = f"Training in progress, {where}"
    ignored = ["_*", f"{PREFIX_CHECKPOINT_DIR}-*"]
    jobs: Any = [_upload(trainer, args.output_dir, message, ignore_patterns=ignored)]
    if args.hub_strategy in (HubStrategy.CHECKPOINT, HubStrategy.ALL_CHECKPOINTS):
        last = args.hub_strategy == HubStrategy.CHECKPOINT
        place = "last-checkpoint" if last else checkpoint.name
        jobs.append(_upload(trainer, str(checkpoint), f"{message}, checkpoint", path_in_repo=place))
    if busy:
        trainer.push_in_progress.jobs.extend(jobs)
    else:
        trainer.push_in_progress = PushInProgress(jobs)


def exported_files(checkpoint: Path) -> list[Path]:
    """The files of `checkpoint` that are the model (or adapter) and its tokenizer."""
    return sorted(path for path in checkpoint.iterdir() if path.is_file() and not path.name.startswith(STATE))


def _upload(trainer: Any, folder: str, message: str, **options: Any) -> Any:
    return HfApi().upload_folder(
        repo_id=trainer.hub_model_id,
        folder_path=folder,
        commit_message=message,
        token=trainer.args.hub_token,
        run_as_future=True,
        revision=trainer.args.hub_revision,
        **options,
    )
