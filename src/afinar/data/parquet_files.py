"""Reader of Parquet files, a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

from afinar.data.rows import Row
from afinar.errors import DataError

BATCH_ROWS = 1024


def read_parquet(path: str) -> Iterator[Row]:
    """The rows of a Parquet file; `line` is the row's number. A damaged or cut file is a DataError at the row reached."""
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            names = file.schema_arrow.names
            if len(set(names)) < len(names):
                raise DataError("data.csv_header", path=path, line=1, column=max(names, key=names.count))
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(values, path, number)
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, NotImplementedError) as error:
        if isinstance(error, DataError):  # our own, a ValueError too
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError("data.parquet", path=path, line=number + 1, reason=reason) from error
