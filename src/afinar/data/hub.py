"""Rows of `datasets` objects and of data sets on the hub, streamed through `datasets.load_dataset`.

A hub name may carry a configuration and a split: `owner/name`, `owner/name:config`, `owner/name@split`. The cache and the
offline switch of the Hugging Face libraries (HF_HOME, HF_HUB_OFFLINE) are honoured. Nothing is downloaded unless the user
named the set. Offline, only sets that `datasets.load_dataset` has stored before can be read; streaming stores none.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from afinar.data.rows import Row
from afinar.data.splits import pick_split
from afinar.errors import DataError

_name = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?)(?::(?P<config>[\w.+-]+))?(?:@(?P<split>[\w.+-]+))?")


def is_hub_name(source: str) -> bool:
    """Whether `source` has the form of a hub name."""
    return _name.fullmatch(source) is not None


def is_datasets_object(source: Any) -> bool:
    """Whether `source` is a Dataset, IterableDataset or a dict of them, without importing `datasets` to find out."""
    if "datasets" not in sys.modules:
        return False
    import datasets

    return isinstance(
        source, datasets.Dataset | datasets.IterableDataset | datasets.DatasetDict | datasets.IterableDatasetDict
    )


def is_stream(source: Any) -> bool:
    """Whether `source` is an IterableDataset of `datasets`."""
    if not is_datasets_object(source):
        return False
    import datasets

    return isinstance(source, datasets.IterableDataset)


def load(source: str, *, offline: bool = False) -> Any:
    """The streamed data set (or dict of splits) of a hub name. Raises DataError with what the hub or the cache said."""
    import datasets

    match = _name.fullmatch(source)
    assert match is not None
    with without_network(offline):
        off = datasets.config.HF_HUB_OFFLINE
        try:
            loaded = datasets.load_dataset(match["repo"], match["config"], streaming=True)
        except failures() as error:
            key = "data.hub_offline" if off else "data.hub"
            raise DataError(key, path=source, reason=first_line(error)) from error
    if match["split"] is None:
        return loaded
    if match["split"] not in loaded:
        raise DataError("data.no_split", path=source, split=match["split"], found=", ".join(loaded))
    return loaded[match["split"]]


def hub_rows(source: str, split: str, *, offline: bool = False) -> Iterator[Row]:
    """The rows of a hub data set; a failure on the way is a DataError with the number of the row."""
    number = 0
    loaded = load(source, offline=offline)
    try:
        for row in dataset_rows(loaded, split, path=source):
            number = row.line
            yield row
    except failures() as error:
        if isinstance(error, DataError):  # our own, a ValueError too
            raise
        raise DataError("data.hub_row", path=source, line=number + 1, reason=first_line(error)) from error


def dataset_rows(dataset: Any, split: str, *, path: str = "<Dataset>") -> Iterator[Row]:
    """The rows of a `datasets` object; of a dict of splits, those of `split`. ClassLabel numbers become their names."""
    if isinstance(dataset, Mapping):
        name = pick_split(list(dataset), split, path=path)
        dataset, path = dataset[name], f"{path}@{name}"
    yield from plain_rows(dataset.with_format(None), path)


def plain_rows(dataset: Any, path: str) -> Iterator[Row]:
    """The rows of one data set without a format of its own. ClassLabel numbers become their names."""
    features = dataset.features or {}
    classes = {name: feature for name, feature in features.items() if type(feature).__name__ == "ClassLabel"}
    for number, values in enumerate(in_order(dataset), start=1):
        named = {name: _class_name(feature, values[name]) for name, feature in classes.items()}
        yield Row({**values, **named}, path, number)


def in_order(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """The rows of one `datasets` object in its own order.

    Within a worker of torch's loader a stream's plain iterator parts its shards and shuffles them with another seed, even
    where there is one worker; its batches take no notice of workers.
    """
    if not is_stream(dataset):
        return iter(dataset)
    return ({name: values[0] for name, values in batch.items()} for batch in dataset.iter(batch_size=1))


def class_names(dataset: Any) -> tuple[str, ...]:
    """The classes of the column `label` (or `labels`) by number, where `dataset` is a `datasets` object that knows them."""
    if not is_datasets_object(dataset) or isinstance(dataset, Mapping):
        return ()
    features: Mapping[str, Any] = dataset.features or {}
    feature: Any = features.get("label", features.get("labels"))
    return tuple(feature.names) if type(feature).__name__ == "ClassLabel" else ()


def _class_name(feature: Any, value: Any) -> Any:
    """The name of class number `value`; -1, the hub's sign for an unknown label, is no label."""
    return feature.int2str(value) if isinstance(value, int) and 0 <= value < feature.num_classes else None


def failures() -> tuple[type[Exception], ...]:
    """What `datasets` raises for a set that it cannot find, reach or read."""
    import datasets
    import pyarrow
    from huggingface_hub.errors import HTTPError  # of the HTTP library that this version of the hub's client uses

    return OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError, pyarrow.ArrowException, HTTPError


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def without_network(offline: bool) -> Iterator[None]:
    """Keep `datasets` off the network. It reads HF_HUB_OFFLINE once, at import, so its constants are set for the while."""
    if not offline:
        yield
        return
    import datasets
    import huggingface_hub.constants

    before = datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = huggingface_hub.constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE = before
