"""The page on what the data of several experiments tell apart."""

from pathlib import Path

from jointnn.io import paths
from jointnn.parameters.resolve import method_settings
from jointnn.parameters.rows import printed, shown_in_rounds
from jointnn.parameters.schema import Params
from jointnn.reporting.pages import sections
from jointnn.reporting.pages.page import Destination, caption, figure, rendered
from jointnn.reporting.split_halves import read_ratios
from jointnn.reporting.words import in_words

NAME = "what_is_shared"


def experiments_of(params: Params) -> list[str]:
    """Return the experiments that have ratios."""
    return [name for name in params.experiments if Path(paths.ratios(name)).exists()]


def page_of(params: Params, place: Destination) -> str:
    """Return the text of the page on what the data tell apart."""
    found = []
    for name in experiments_of(params):
        experiment, drawn = params.experiments[name], Path(paths.figure(name, paths.SPLIT_HALVES))
        seeds = list(dict.fromkeys(read_ratios(name).seed))
        count = experiment.train_images or "all"
        said = f"Task `{experiment.task}`, network `{experiment.architecture}`, {count} training images of "
        said += f"each of {len(experiment.datasets)} datasets; L2 start of {_pull(params, name)}; "
        said += f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds)) or 'none, since all diverged'}."
        found.append(
            {
                "name": name,
                "said": said,
                "table": sections.ratios(name, experiment) or "There is no chance to measure by.",
                "figure": figure(drawn, f"{name}_{paths.SPLIT_HALVES}", caption(paths.SPLIT_HALVES), place)
                if drawn.exists()
                else "",
            }
        )
    return rendered("what_is_shared.md", NAME, place, experiments=found)


def _pull(params: Params, name: str) -> str:
    """Return the method under whose L2 start the halves were trained, and how hard it pulls, in words.

    The page is made where parameters and the record of the ratios agree.
    """
    method = shown_in_rounds(params.experiments[name].methods) or ""
    strength = method_settings(params, name, method).strength
    return f"`{printed(method)}`, {in_words(strength.model_dump(exclude_none=True))}"
