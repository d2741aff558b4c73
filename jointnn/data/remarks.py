"""Remarks on images that a person must know before believing a score: for the manifest and below tables."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from PIL import Image

from jointnn.data.images import to_channels
from jointnn.data.source import Images

OF_DUPLICATES = ("in training and test", "different labels", "more than once")
"""Remarks on pictures that are there more than once: what `refuse: duplicates` refuses."""
SAME = "pixel for pixel in the 8 bits that networks see"
"""How pictures are compared: two of 16 bits that differ by less are one for a network."""
NAMED = 3
"""Classes or pictures that a sentence names."""


def picture(image: Image.Image) -> bytes:
    """Return the digest of a picture: of its size and its pixels in 8 bits, however it is encoded."""
    digest = hashlib.blake2b(repr(image.size).encode(), digest_size=16)
    digest.update(to_channels(image, 3).tobytes())
    return digest.digest()


def remarks(
    train: Images, test: Images, pictures: tuple[Sequence[bytes], Sequence[bytes]], classes: Sequence[str]
) -> dict[str, str]:
    """Return sentences on remarkable things about images, by kind. A kind without one is left out.

    Args:
        pictures: `picture` of each training and of each test image.
        classes: names of the labels.
    """
    by_kind = {
        **_of_classes(train, test, classes),
        **dict(zip(OF_DUPLICATES, _of_duplicates(train, test, *pictures), strict=True)),
    }
    return {kind: sentence for kind, sentence in by_kind.items() if sentence}


def _of_classes(train: Images, test: Images, classes: Sequence[str]) -> dict[str, str]:
    if train.numbers:
        return {}
    if len(classes) == 1:
        sentence = f"All images are of one class, {classes[0]!r}: a classification of them is always right."
        return {"one class": sentence}
    said = []
    for split, images in (("training and validation", train), ("the test", test)):
        counts = Counter(images.labels)
        for most, number in ((0, "no image"), (1, "one image")):
            names = [repr(name) for label, name in enumerate(classes) if counts[label] == most]
            if names:
                more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
                said.append(f"{number} for {split}: {', '.join(names[:NAMED])}{more}")
    return {"rare classes": f"Classes with {'; with '.join(said)}." if said else ""}


def _of_duplicates(
    train: Images, test: Images, of_train: Sequence[bytes], of_test: Sequence[bytes]
) -> tuple[str, str, str]:
    """Return sentences on pictures in both splits, of different labels, and twice in one; "" for none."""
    everywhere: dict[bytes, list[tuple[Images, int]]] = {}
    for images, pictures in ((train, of_train), (test, of_test)):
        for index, one in enumerate(pictures):
            everywhere.setdefault(one, []).append((images, index))
    several = [places for places in everywhere.values() if len(places) > 1]
    both = [places for places in several if places[0][0] is train and places[-1][0] is test]
    unlike = [places for places in several if len({_label(*place) for place in places}) > 1]
    again = [places for places in several if places[1][0] is train]
    in_test = sum(images is test for places in both for images, _ in places)
    labels = "numbers" if train.numbers else "classes"
    return (
        f"{in_test} of {len(test)} test images are training images, too, {SAME} "
        f"({_pairs([(places[0], places[-1]) for places in both])}): the test asks for memory."
        if both
        else "",
        f"{_pictures(len(unlike))} of different {labels}, {SAME} "
        f"({_pairs([_two_labels(places) for places in unlike])}): no answer is right for all."
        if unlike
        else "",
        f"{_pictures(len(again))} among the training images more than once, {SAME} "
        f"({_pairs([(places[0], places[1]) for places in again])}): validation can ask for memory."
        if again
        else "",
    )


def _pictures(count: int) -> str:
    return f"{count} picture{' is' if count == 1 else 's are'}"


def _label(images: Images, index: int) -> tuple[float, ...]:
    return images.numbers[index] if images.numbers else (images.labels[index],)


Located = tuple[Images, int]


def _two_labels(places: Sequence[Located]) -> tuple[Located, Located]:
    """Return the first place, and the first place with another label."""
    return places[0], next(place for place in places if _label(*place) != _label(*places[0]))


def _pairs(pairs: Sequence[tuple[Located, Located]]) -> str:
    """Return pairs of images in words, by their names: "a/1.png = b/2.png, ..."."""
    said = [" = ".join(images.names[index] for images, index in pair) for pair in pairs[:NAMED]]
    return ", ".join([*said, *(["..."] if len(pairs) > NAMED else [])])
