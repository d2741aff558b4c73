"""Images in Parquet, as on the Hugging Face Hub: `image` {bytes, path} and `label`, or numbers."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jointnn.data.bounds import most_unpacked, too_much
from jointnn.data.class_names import letters
from jointnn.data.dataset_card import names_of_labels
from jointnn.data.source import ONE_CLASS, Images, checked_number
from jointnn.errors import UserError, one_line, short, shown

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
    encoded = _bytes_of(pc.struct_field(table["image"], "bytes"))
    places = [f"{where}, row {i}" for i in range(len(encoded))]
    labels, named = ([0] * len(encoded), None) if numbers else _labels(table["label"], where)
    for place, image, label in zip(places, encoded, labels, strict=True):
        if image is None or label is None:
            raise UserError(f"{place} has no {'label' if image else 'image bytes'}. Fill it in or drop it.")
    columns = [_numbers(table, name, places) for name in numbers]
    images = Images(encoded, labels, _names(table, where), places, list(zip(*columns, strict=True)))
    return images, ONE_CLASS if numbers else named or _classes(table.schema, where)


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
    labels, named = ([0] * count, None) if numbers else _labels(table["label"], str(file))
    places = [f"{file}, row {i}" for i in range(count)]
    known = [-1 if of is None else of for of in labels]
    images = Images([b""] * count, known, [""] * count, places)
    return images, ONE_CLASS if numbers else named or _classes(opened.schema_arrow, str(file))


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
    reason = one_line(error) if isinstance(error, Exception) else error
    return UserError(f"{where} is damaged: {reason}. Replace it.")


def _check_columns(schema: Any, where: str, numbers: Sequence[str]) -> None:
    import pyarrow as pa

    for column in ("image", *(numbers or ["label"])):
        if (count := schema.names.count(column)) > 1:
            raise UserError(f"{where} has {count} columns named {column!r}. Keep the one that is meant.")
        if not count:
            raise UserError(
                f"{where} has no column {column!r}, only {short(str(schema.names), 300)}. Images are read "
                "from a column `image` (struct of bytes and path) and classes from `label` "
                "(integers, or texts, which name them), or numbers from the columns that `numbers` names."
            )
    image = schema.field("image").type
    bytes_of = [image.field(i).type for i in range(image.num_fields) if image.field(i).name == "bytes"]
    if not pa.types.is_struct(image) or not bytes_of:
        raise UserError(
            f"{where}: `image` is a {short(str(image))}. It must be a struct of bytes and path."
        )
    if not _holds_bytes(bytes_of[0]):
        raise UserError(
            f"{where}: in the struct `image`, `bytes` is a {short(str(bytes_of[0]))}. It must be binary: "
            "each value all bytes of an encoded image, such as a PNG."
        )
    for name in numbers:
        kind = schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise UserError(f"{where}: `{name}` is a {short(str(kind))}. It must be a column of numbers.")
    if not numbers:
        _check_label(schema.field("label").type, where)


def _check_label(kind: Any, where: str) -> None:
    """Refuse labels of another type than integers and texts, with what leads on."""
    import pyarrow as pa

    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_integer(inner) or _is_text(inner):
        return
    if pa.types.is_floating(kind):
        raise UserError(
            f"{where}: `label` is a {kind}. Classes must be integers from 0, or texts, which name them; "
            "if labels are numbers, say so with numbers: [label]."
        )
    several = "one label for each image is read; " if pa.types.is_nested(kind) else ""
    raise UserError(
        f"{where}: `label` is a {short(str(kind))}, and {several}classes must be integers from 0, or "
        "texts, which name them. Write the column anew as one of these; or, if labels are quantities, as "
        "numbers with a name of their own, which `numbers` gives."
    )


def _is_text(kind: Any) -> bool:
    """Return whether a type is one of those that Arrow has for texts."""
    from pyarrow import types

    return any(is_one(kind) for is_one in (types.is_string, types.is_large_string, types.is_string_view))


def _holds_bytes(kind: Any) -> bool:
    """Return whether a type is one of those that can hold bytes: binary, or a list of numbers of a byte."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _holds_bytes(kind.value_type)
    if _is_list(kind):
        return bool(types.is_uint8(kind.value_type))
    of_bytes = (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary)
    return any(is_one(kind) for is_one in of_bytes)


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    return any(is_one(kind) for is_one in (types.is_list, types.is_large_list, types.is_fixed_size_list))


def _bytes_of(column: Any) -> list[Any]:
    """Return a column of bytes, of whatever type that holds them; None where there are none."""
    found: list[Any] = []
    for piece in _decoded(column).chunks:
        if not _is_list(piece.type):
            found += piece.to_pylist()
            continue
        # A number of each byte would be a hundred times as large.
        found += [_packed(of.values) if of.is_valid else None for of in piece]
    return found


def _packed(values: Any) -> bytes:
    packed: bytes = values.to_numpy(zero_copy_only=False).astype("uint8").tobytes()
    return packed


def _decoded(column: Any) -> Any:
    """Return a column whose values stand in it themselves, and not in a dictionary beside it."""
    import pyarrow as pa

    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def labels_are_names(file: Path) -> bool:
    """Return whether the labels of a file are texts: the names of classes, in the order of the alphabet.

    Of a file that cannot be read nothing is said: who reads it does.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        kind = pq.read_schema(file).field("label").type
    except (pa.ArrowException, OSError, KeyError):
        return False
    return _is_text(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _labels(column: Any, where: str) -> tuple[list[Any], list[str] | None]:
    """Return labels, None where there is none, and the names of the classes where labels are texts.

    These are numbered in the order of the alphabet, as class folders are.
    """
    column = _decoded(column)
    if not _is_text(column.type):
        return column.to_pylist(), None
    texts = [text and letters(text) for text in _texts(column, where, "label")]
    names = sorted({text for text in texts if text})  # an empty one names nothing
    label_of = {name: label for label, name in enumerate(names)}
    return [label_of[text] if text else None for text in texts], names


def _texts(column: Any, where: str, what: str) -> list[str | None]:
    """Return a column of texts; one that is not UTF-8, as Arrow lets pass, is refused by its row."""
    texts: list[str | None]
    try:
        texts = column.to_pylist()
    except UnicodeDecodeError:
        for row, value in enumerate(column):
            try:
                value.as_py()
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{where}, row {row}: its {what} is no text in UTF-8, near "
                    f"{shown(bytes(error.object[:60]))}. Write the column anew in UTF-8."
                ) from error
        raise
    return texts


def _numbers(table: Any, name: str, places: Sequence[str]) -> list[float]:
    """Return a column of numbers. Refuse one that is missing or not finite."""
    told = zip(table[name].to_pylist(), places, strict=True)
    return [checked_number(value, name, place) for value, place in told]


def _names(table: Any, where: str) -> list[str]:
    """Return the path kept for each image, or a number where there is none."""
    import pyarrow.compute as pc

    fields = [field.name for field in table.schema.field("image").type]
    paths = (
        _texts(_decoded(pc.struct_field(table["image"], "path")), where, "path") if "path" in fields else []
    )
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
