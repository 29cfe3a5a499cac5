"""What callbacks counted comes back; what the caller set now stays."""

from __future__ import annotations

from transformers import EarlyStoppingCallback, TrainerCallback
from transformers.trainer_callback import TrainerControl

from afinar.training.callbacks import restore_callbacks


def counted(patience: int, count: int) -> EarlyStoppingCallback:
    callback = EarlyStoppingCallback(early_stopping_patience=patience)
    callback.early_stopping_patience_counter = count
    return callback


def test_the_count_comes_back_and_the_setting_stays() -> None:
    mine = EarlyStoppingCallback(early_stopping_patience=5)
    restore_callbacks([TrainerCallback(), mine], {"EarlyStoppingCallback": counted(2, 1).state()})
    assert (mine.early_stopping_patience_counter, mine.early_stopping_patience) == (1, 5)


def test_several_of_one_kind_keep_their_order() -> None:
    first, second, third = EarlyStoppingCallback(2), EarlyStoppingCallback(2), EarlyStoppingCallback(2)
    restore_callbacks([first, second, third], {"EarlyStoppingCallback": [counted(2, 1).state(), counted(2, 2).state()]})
    assert [callback.early_stopping_patience_counter for callback in (first, second, third)] == [1, 2, 0]


def test_others_in_the_file_are_left_there() -> None:
    mine = counted(2, 1)
    restore_callbacks(
        [mine], {"TrainerControl": TrainerControl(should_training_stop=True).state(), "Gone": {"attributes": {}}}
    )
    assert mine.early_stopping_patience_counter == 1
