"""Images in Parquet, as on the Hugging Face Hub: `image` {bytes, path} and `label`, or numbers."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jointnn.data.bounds import most_unpacked, too_much
from jointnn.data.dataset_card import names_of_labels
from jointnn.data.source import ONE_CLASS, Images, checked_number
from jointnn.errors import UserError

AT_ONCE = 256
"""Rows that are unpacked before what they hold is looked at."""
ROWS = 10_000
HEAVY = 1 << 30
"""Rows of a row group, and the bytes of a split from which on it has a tenth of them: the images of one
must stay below the 2 GiB that Arrow's offsets reach."""


def to_parquet(images: Images, classes: list[str], numbers: Sequence[str] = ()) -> bytes:
    """Return images as a Parquet file: columns `image` (struct of `bytes` and `path`) and `label` (int64).

    Where labels are numbers, a column of each (float64) stands in the place of `label`. The names of the
    classes stand in the schema's metadata under `huggingface`. Equal images give equal bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    features: dict[str, Any] = {"image": {"_type": "Image"}}
    if numbers:
        features |= {name: {"dtype": "float64", "_type": "Value"} for name in numbers}
    else:
        features["label"] = {"names": classes, "_type": "ClassLabel"}
    rows = ROWS if sum(map(len, images.content)) < HEAVY else ROWS // 10
    chunks = []
    for first in range(0, len(images), rows):
        content = pa.array(images.content[first : first + rows], pa.binary())
        names = pa.array(images.names[first : first + rows], pa.string())
        chunks.append(pa.StructArray.from_arrays([content, names], ["bytes", "path"]))
    image = pa.chunked_array(chunks, pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    labels = {
        name: pa.array(of, pa.float64())
        for name, of in zip(numbers, zip(*images.numbers, strict=True), strict=True)
    }
    table = pa.table({"image": image, **(labels or {"label": pa.array(images.labels, pa.int64())})})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    buffer = pa.BufferOutputStream()
    # Encoded images do not compress any further.
    pq.write_table(table, buffer, compression="none", use_dictionary=False, row_group_size=rows)
    written: bytes = buffer.getvalue().to_pybytes()
    return written


def from_parquet(
    content: bytes, where: str, numbers: Sequence[str] = ()
) -> tuple[Images, list[str] | None]:
    """Return the images of a Parquet file, and the names of their classes if the file has them.

    Args:
        content: the file.
        where: names the file in messages.
        numbers: columns of numbers, which are then the labels.

    Raises:
        UserError: the file is damaged, has other columns, or a row has no image, no label, or a number
            that is none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        _check_size(file, where, len(content))
        pieces = list(_unpacked(file, where, len(content)))
        table = pa.concat_tables([file.schema_arrow.empty_table(), *pieces])
    except (pa.ArrowException, OSError) as error:
        raise _damaged(where, error) from error
    _check_columns(table.schema, where, numbers)
    encoded = pc.struct_field(table["image"], "bytes").to_pylist()
    places = [f"{where}, row {i}" for i in range(len(encoded))]
    labels = [0] * len(encoded) if numbers else table["label"].to_pylist()
    for place, image, label in zip(places, encoded, labels, strict=True):
        if image is None or label is None:
            raise UserError(f"{place} has no {'label' if image else 'image bytes'}. Fill it in or drop it.")
    columns = [_numbers(table, name, places) for name in numbers]
    images = Images(encoded, labels, _names(table), places, list(zip(*columns, strict=True)))
    return images, ONE_CLASS if numbers else _classes(table.schema, where)


def labels_from_parquet(file: Path, numbers: Sequence[str] = ()) -> tuple[Images, list[str] | None]:
    """Return the images of a Parquet file without their bytes, and the names of their classes.

    Raises:
        UserError: the file is damaged, or has other columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(file, page_checksum_verification=True)
        _check_size(opened, str(file), file.stat().st_size)
        _check_columns(opened.schema_arrow, str(file), numbers)
        table = opened.read([] if numbers else ["label"])
        count = opened.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise _damaged(str(file), error) from error
    labels = [0] * count if numbers else [-1 if of is None else of for of in table["label"].to_pylist()]
    places = [f"{file}, row {i}" for i in range(count)]
    images = Images([b""] * count, labels, [""] * count, places)
    return images, ONE_CLASS if numbers else _classes(opened.schema_arrow, str(file))


def _check_size(file: Any, where: str, size: int) -> None:
    """Refuse a file that says to hold more than it can: nothing was made of it yet."""
    told = file.metadata
    if told.num_rows > size:
        raise _damaged(where, f"it says to have {told.num_rows:,} rows, in {size:,} bytes")
    groups = (told.row_group(i) for i in range(told.num_row_groups))
    if sum(group.total_byte_size for group in groups) > most_unpacked(size):
        raise too_much(where, size)


def _unpacked(file: Any, where: str, size: int) -> Iterator[Any]:
    """Yield what a file holds, in pieces, as long as it is not more than images can be."""
    import pyarrow as pa

    met = 0
    for piece in file.iter_batches(batch_size=AT_ONCE):
        met += piece.nbytes
        if met > most_unpacked(size):
            raise too_much(where, size)
        yield pa.Table.from_batches([piece])


def _damaged(where: str, error: Exception | str) -> UserError:
    return UserError(f"{where} is damaged: {str(error).splitlines()[0].rstrip('.')}. Replace it.")


def _check_columns(schema: Any, where: str, numbers: Sequence[str]) -> None:
    import pyarrow as pa

    for column in ("image", *(numbers or ["label"])):
        if (count := schema.names.count(column)) > 1:
            raise UserError(f"{where} has {count} columns named {column!r}. Keep the one that is meant.")
        if not count:
            raise UserError(
                f"{where} has no column {column!r}, only {schema.names}. Images are read "
                "from a column `image` (struct of bytes and path) and classes from `label` "
                "(integers), or numbers from the columns that `numbers` names."
            )
    image = schema.field("image").type
    fields = [image.field(i) for i in range(image.num_fields)]
    if not any(f.name == "bytes" and _holds_bytes(f.type) for f in fields):
        raise UserError(f"{where}: `image` is a {image}. It must be a struct of bytes and path.")
    for name in numbers:
        kind = schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise UserError(f"{where}: `{name}` is a {kind}. It must be a column of numbers.")
    if not numbers and not pa.types.is_integer(label := schema.field("label").type):
        raise UserError(
            f"{where}: `label` is a {label}. Classes must be integers from 0; if labels are numbers, "
            "say so with numbers: [label]."
        )


def _holds_bytes(kind: Any) -> bool:
    """Return whether a type of Arrow holds bytes."""
    from pyarrow import types

    return any(is_one(kind) for is_one in (types.is_binary, types.is_large_binary, types.is_binary_view))


def _numbers(table: Any, name: str, places: Sequence[str]) -> list[float]:
    """Return a column of numbers. Refuse one that is missing or not finite."""
    told = zip(table[name].to_pylist(), places, strict=True)
    return [checked_number(value, name, place) for value, place in told]


def _names(table: Any) -> list[str]:
    """Return the path of each image, or numbers as names where paths are missing."""
    import pyarrow.compute as pc

    fields = [field.name for field in table.schema.field("image").type]
    paths = pc.struct_field(table["image"], "path").to_pylist() if "path" in fields else []
    return (
        [str(path) for path in paths] if all(paths) and paths else [f"{i:05d}" for i in range(len(table))]
    )


def _classes(schema: Any, where: str) -> list[str] | None:
    """Return the names of classes in the file's own metadata, as libraries of the Hub write them."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        names = features["label"]["names"]
    except (TypeError, KeyError, ValueError):
        return None
    return names_of_labels(names, where) if isinstance(names, dict | list) and names else None
