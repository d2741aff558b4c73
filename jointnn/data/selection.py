"""Selection of a source's images: classes, parts, the pool, another labelling; and the checks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from jointnn.data.class_names import letters
from jointnn.data.schema import DatasetParams
from jointnn.data.source import ONE_CLASS, Images, Splits
from jointnn.errors import UserError, short
from jointnn.registry import nearest


def arrange(splits: Splits, params: DatasetParams, name: str) -> tuple[Images, Images, list[str]]:
    """Return training images (validation included), test images and class names of a dataset.

    Args:
        splits: all images of the source.
        params: which classes, part and pool, and which labelling.
        name: the dataset, for messages.

    Raises:
        UserError: labels out of range, an empty class, a missing split, a choice that does not fit.
    """
    if params.ignore_labels:
        splits = without_labels(splits)
    refuse_labels_outside(splits)
    if params.first_classes is not None:
        splits = first_classes_of(splits, params.first_classes, name)
    if params.only_class is not None:
        splits = named_classes_of(splits, [params.only_class], "only_class", name)
    if params.only_classes is not None:
        splits = named_classes_of(splits, params.only_classes, "only_classes", name)
    refuse_gaps(splits)
    train, test = nth_part(splits.train, *params.which_part()), splits.test
    is_official = test is not None
    if test is not None:
        if params.pool is not None:
            raise UserError(
                f"{name}: the source has its own test images, so `pool` has no meaning. Leave it out."
            )
        test = nth_part(test, *params.which_part())
    elif params.pool is None:
        if len(train) < 2:
            raise UserError(f"{name}: {_too_few(len(train), splits.classes)}")
        raise UserError(
            f"{name}: the source has no official test images. Say with `pool` how many images "
            f"training and validation may draw from; the rest of the {len(train)} is the test."
        )
    else:
        train, test = draw_pool(train, params.pool, splits.classes, name)
    check_filled(train, test, splits.classes, name, None if is_official else params.pool)
    order = params.permute_labels or list(range(len(splits.classes)))
    return permute_labels(train, test, splits.classes, order, name)


def without_labels(splits: Splits) -> Splits:
    """Return the images with all labels 0: one class."""
    train, test = splits.train, splits.test
    train = replace(train, labels=[0] * len(train))
    return Splits(train, replace(test, labels=[0] * len(test)) if test else None, ONE_CLASS)


def refuse_labels_outside(splits: Splits) -> None:
    """Refuse a label outside of 0..classes-1, naming its place."""
    for images in (splits.train, splits.test):
        for label, place in zip(images.labels, images.places, strict=True) if images else ():
            if label < 0 and not splits.classes:
                raise UserError(f"{place} has the label {label}, and labels count from 0. Mend the label.")
            if not 0 <= label < len(splits.classes):
                raise UserError(
                    f"{place} has the label {label}, but the {len(splits.classes)} classes have "
                    f"the labels 0 to {len(splits.classes) - 1}. {_mended(splits)}"
                )


def _mended(splits: Splits) -> str:
    """Return what to do about labels outside of 0..classes-1."""
    used = {*splits.train.labels, *(splits.test.labels if splits.test else ())}
    if min(used) == 1 and max(used) == len(splits.classes):
        return "Labels count from 0: subtract 1 from each."
    return "Mend the label."


def refuse_gaps(splits: Splits) -> None:
    """Refuse numbers of classes that have no image at all: years, codes, numbers that count from 1.

    Names of classes that are not their numbers come from the source: then the class is empty, which
    `check_filled` says.
    """
    count = len(splits.classes)
    if splits.classes != [str(label) for label in range(count)]:
        return
    labels = [*splits.train.labels, *(splits.test.labels if splits.test else ())]
    places = [*splits.train.places, *(splits.test.places if splits.test else ())]
    used = set(labels)
    missing = [label for label in range(count) if label not in used]
    beyond = next((k for k, label in enumerate(labels) if missing and label > missing[0]), None)
    if beyond is None:
        return
    said = f"{places[beyond]} has the label {labels[beyond]}, "
    if missing == [0]:
        raise UserError(
            f"{said}and no image has the label 0: are classes numbered from 1? Labels count from 0: "
            "subtract 1 from each."
        )
    few = ", ".join(map(str, missing[:3])) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    raise UserError(
        f"{said}but no image has {few}: labels are the numbers of classes, and count from 0 without gaps. "
        f"Number the {len(used)} classes that have images from 0 to {len(used) - 1}; or, if labels are "
        "quantities, such as years, name them with `numbers`."
    )


def first_classes_of(splits: Splits, count: int, name: str) -> Splits:
    """Return the images of the first `count` classes, in the order of the labels, which stay the same."""
    if count > len(splits.classes):
        raise UserError(
            f"{name}: first_classes asks for {count} classes, but there are {len(splits.classes)}. "
            "Ask for fewer, or leave the line out to take all."
        )
    return _of_classes(splits, range(count))


def named_classes_of(splits: Splits, chosen: Sequence[str], field: str, name: str) -> Splits:
    """Return the images of the classes `chosen`. Their labels become 0, 1, ... in this order.

    Args:
        field: the parameter that names them, for messages: only_class or only_classes.
    """
    classes = [letters(each) for each in splits.classes]
    for one in chosen:
        if letters(one) not in classes:
            raise UserError(
                f"{name}: {field} asks for {one!r}, which is no class of it{nearest(letters(one), classes)}"
            )
    return _of_classes(splits, [classes.index(letters(one)) for one in chosen])


def _of_classes(splits: Splits, labels: Sequence[int]) -> Splits:
    """Return the images with one of `labels`, relabelled from 0 in their order."""

    def taken(images: Images) -> Images:
        kept = images.take([i for i, label in enumerate(images.labels) if label in labels])
        return replace(kept, labels=[labels.index(label) for label in kept.labels])

    test = None if splits.test is None else taken(splits.test)
    return Splits(taken(splits.train), test, [splits.classes[label] for label in labels])


def nth_part(images: Images, k: int, n: int) -> Images:
    """Return the k-th of n disjoint parts, k from 1: of each class every n-th image, from the k-th on."""
    seen: Counter[int] = Counter()
    chosen = []
    for i, label in enumerate(images.labels):
        if seen[label] % n == k - 1:
            chosen.append(i)
        seen[label] += 1
    return images.take(chosen)


def draw_pool(images: Images, pool: int, classes: list[str], name: str) -> tuple[Images, Images]:
    """Return (pool, rest). Each class gives pool/classes images, spread evenly over its own order.

    The first classes give one more where the division leaves a remainder. Nothing is random: the
    rest is the test, and it must not depend on a seed.
    """
    members: list[list[int]] = [[] for _ in classes]
    for i, label in enumerate(images.labels):
        members[label].append(i)
    chosen: set[int] = set()
    for label, indices in enumerate(members):
        count = pool // len(classes) + (label < pool % len(classes))
        if count > len(indices):
            raise UserError(
                f"{name}: a pool of {pool} needs {count} images of class {classes[label]!r}, but "
                f"there are {len(indices)}. {_another_pool([len(of) for of in members], classes)}"
            )
        chosen.update(spread(indices, count))
    inside = [i for i in range(len(images)) if i in chosen]
    outside = [i for i in range(len(images)) if i not in chosen]
    return images.take(inside), images.take(outside)


def spread(indices: Sequence[int], count: int) -> list[int]:
    """Return `count` of the indices, evenly spread over their order. Nothing is random."""
    return [indices[(2 * j + 1) * len(indices) // (2 * count)] for j in range(count)]


def largest_pool(counts: Sequence[int]) -> int:
    """Return the largest pool that leaves a rest, of classes of so many images; 0 where there is none."""
    least = min(counts)
    # Each class gives as many as the rarest has, and those before it one more.
    most = min(len(counts) * least + list(counts).index(least), sum(counts) - 1)
    return most if least and most >= len(counts) else 0


def _another_pool(counts: list[int], classes: list[str]) -> str:
    """Return the advice where a pool cannot be drawn from classes of so many images."""
    if most := largest_pool(counts):
        return f"Take a pool of at most {most}, or fewer parts."
    if 0 in counts:
        return f"Add images of {classes[counts.index(0)]!r}, or take the class out."
    return _too_few(sum(counts), classes)


def _too_few(count: int, classes: list[str]) -> str:
    """Return the sentence on images that are too few to be split."""
    there = "is 1 image" if count == 1 else f"are {count} images"
    return (
        f"There {there}, and {len(classes) + 1} are needed at least: one of each class for training, one "
        "for the test. Add images."
    )


def check_filled(
    train: Images, test: Images, classes: list[str], name: str, pool: int | None = None
) -> None:
    """Refuse a class without a training image, and a dataset without test images.

    Args:
        pool: how many images were drawn for training and validation; None where the source says which.
    """
    empty = [repr(short(classes[label])) for label in sorted(set(range(len(classes))) - set(train.labels))]
    if empty:
        more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
        advice = "Add images, take the class out, or set `ignore_labels` for a task without classes."
        if pool is not None and pool < len(classes):
            advice = f"The pool of {pool} is less than the {len(classes)} classes; take a larger one."
        elif labels := set(test.labels) & (set(range(len(classes))) - set(train.labels)):
            same = {classes[label].casefold().strip(): classes[label] for label in set(train.labels)}
            near = same.get(classes[min(labels)].casefold().strip())
            meant = f"; did you mean {near!r}?" if near else "."
            advice = f"The test has images of it{meant} {advice}"
        raise UserError(f"{name}: no training image has the class {', '.join(empty[:3])}{more}. {advice}")
    if len(test):
        return
    if pool is None:
        advice = "The source says which images are the test: add some there, or take fewer parts."
    elif len(train) > len(classes):
        advice = f"Take a `pool` of at most {len(train) - 1} or fewer parts."
    else:
        advice = _too_few(len(train), classes)
    raise UserError(f"{name}: no image is left for the test. {advice}")


def permute_labels(
    train: Images, test: Images, classes: list[str], order: list[int], name: str
) -> tuple[Images, Images, list[str]]:
    """Return the images with label order[y] for y, and the names of the classes in the new order."""
    if len(order) != len(classes):
        raise UserError(
            f"{name}: permute_labels names {len(order)} labels, but there are {len(classes)} "
            "classes. Each label must stand in it once."
        )
    train = replace(train, labels=[order[label] for label in train.labels])
    test = replace(test, labels=[order[label] for label in test.labels])
    return train, test, [classes[order.index(label)] for label in range(len(classes))]
