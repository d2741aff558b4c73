"""The page on what the data of several experiments tell apart."""

from collections.abc import Sequence
from pathlib import Path

from jointnn.io import paths
from jointnn.parameters.schema import Params
from jointnn.reporting.pages import sections
from jointnn.reporting.pages.page import Place, caption, figure, rendered
from jointnn.reporting.split_halves import read_ratios

NAME = "what_is_shared"
FIGURE = "split_halves"


def page_of(params: Params, names: Sequence[str], place: Place) -> str:
    """Return the text of the page.

    Args:
        names: of experiments whose halves were trained.
    """
    found = []
    for name in names:
        experiment, drawn = params.experiments[name], Path(paths.figure(name, FIGURE))
        seeds = list(dict.fromkeys(read_ratios(name).seed))
        count = experiment.train_images or "all"
        said = f"Task `{experiment.task}`, network `{experiment.architecture}`, {count} training images of "
        said += f"each of {len(experiment.datasets)} datasets; seed{'s' * (len(seeds) > 1)} "
        said += f"{', '.join(map(str, seeds)) or 'none, since all diverged'}."
        found.append(
            {
                "name": name,
                "said": said,
                "table": sections.ratios(name, experiment) or "There is no chance to measure by.",
                "figure": figure(drawn, f"{name}_{FIGURE}", caption(FIGURE), place)
                if drawn.exists()
                else "",
            }
        )
    return rendered("what_is_shared.md", NAME, place, names=names, experiments=found)
