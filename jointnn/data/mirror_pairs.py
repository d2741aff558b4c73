"""Which images are one picture, seen as it is and in a mirror."""

import numpy as np

from jointnn.errors import UserError

THUMBNAIL = 8
"""Pixels of a side at which images are compared: what compression did to one of two alone is gone."""
LEVELS = 1.0
"""Grey levels of 256 by which thumbnails of one picture differ at most, root mean square. Of INRIA Person's
mirror images none differs by more than half of one."""


def pictures_of(thumbnails: np.ndarray, name: str) -> np.ndarray:
    """Return the number of each image's picture: images that mirror each other have the same one.

    Args:
        thumbnails: grey uint8 images, shape (N, 1, `THUMBNAIL`, `THUMBNAIL`).
        name: the dataset, for messages.

    Returns:
        int64, shape (N,).

    Raises:
        UserError: no image is another's mirror image.
    """
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    seen, mirrored = (
        KDTree(images.reshape(len(images), -1).astype(np.float64))
        for images in (thumbnails, thumbnails[..., ::-1])
    )
    near = seen.sparse_distance_matrix(mirrored, LEVELS * THUMBNAIL, output_type="coo_matrix")
    near.data[:] = 1.0  # a distance of 0 is one, and no missing entry
    count, pictures = connected_components(near, directed=False)
    if count == len(thumbnails):
        raise UserError(
            f"{name} is said to be mirrored, but none of its {count} images is another's mirror image. "
            "Leave the line `mirrored` out."
        )
    return np.asarray(pictures, np.int64)
