"""Pictures of walking people that the project itself makes."""

from pathlib import Path

import numpy as np

from jointnn.data.pedestrians.camera import HEIGHT, SEED, WIDTH, picture
from jointnn.data.schema import DatasetParams
from jointnn.data.source import Source, Splits, accept
from jointnn.data.sources import dataset
from jointnn.data.sources.bundled_digits import of_arrays
from jointnn.errors import UserError

MOST = 100_000


@dataset
def synthetic_pedestrians(params: DatasetParams) -> Source:
    """Return the source of drawn people who walk in streets, 64 x 128 in colour: `pool` and a fifth more.

    Size and place in the picture are those of the pedestrians of INRIA. The fifth is the test; every part
    has as many. There is no file: the seed stands for the content, and the code that draws is among the
    digests of the job that runs it, as all that this module imports.
    """
    accept(params, "pool")
    return Source(
        files=(),
        root=Path(),
        origin="walking people, drawn by this project (jointnn/data/pedestrians)",
        licence="MIT, that of the project",
        read=lambda: _drawn(how_many(params)),
        packages=("numpy",),
        checksums={"seed": str(SEED)},
    )


def how_many(params: DatasetParams) -> int:
    """Return the number of pictures to make: for each part the pool, and a fifth of it for the test.

    Raises:
        UserError: there is no `pool`, or it asks for more than MOST pictures.
    """
    if params.pool is None:
        raise UserError(
            f"The source {params.source} needs a `pool`: how many pictures training and validation may "
            "draw from; a fifth more are made for the test."
        )
    count = (params.pool + -(-params.pool // 5)) * params.which_part()[1]
    if count > MOST:
        raise UserError(
            f"The source {params.source} makes at most {MOST} pictures, but a `pool` of {params.pool} with "
            f"its test and parts needs {count}. Take a smaller pool or fewer parts."
        )
    return count


def _drawn(count: int) -> Splits:
    """Return the first `count` pictures in one class, without a split of their own."""
    pixels = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
    for index in range(count):
        pixels[index] = picture(index)
    return Splits(of_arrays(pixels, [0] * count, "synthetic_pedestrians"), None, ["person"])
