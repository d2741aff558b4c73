"""The content of a table of results in any language: its sentences, its cells, its footnotes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from jointnn.parameters.rows import ALONE, JOINING, printed, row_of
from jointnn.reporting.tables.results import AVERAGE, LEAST_SEEDS, Results, mean_and_deviation
from jointnn.reporting.words import HARMS, listed
from jointnn.tasks.measures import FEATURES

MISSING = "X"
OURS = ("jae", *JOINING)
"""Rows that are compared with every other: those of the two papers, and `joint` without a search."""


@dataclass(frozen=True)
class Markup:
    """Marks of a language for what a table needs."""

    bold: str
    note: str
    plus_minus: str
    minus: str


@dataclass
class Notes:
    """Footnotes a, b, ...: one for every set of seeds that a cell lacks, or that diverged or collapsed."""

    seeds: Sequence[int]
    letters: dict[tuple[tuple[int, ...], ...], str] = field(default_factory=dict)

    def letter(
        self, there: Mapping[int, float], collapsed: Sequence[int] = (), diverged: Sequence[int] = ()
    ) -> str:
        """Return the letter of a cell's footnote; "" if there is nothing to say."""
        missing = tuple(seed for seed in self.seeds if seed not in there)
        has_no_value = not there and len(diverged) < len(self.seeds)
        if has_no_value or not (missing or collapsed):
            return ""
        key = (missing, tuple(collapsed), tuple(diverged))
        return self.letters.setdefault(key, chr(ord("a") + len(self.letters)))

    def sentences(self) -> list[tuple[str, str]]:
        """Return (letter, sentence) of each footnote, in the order in which cells asked for them."""
        return [(letter, self._sentence(*key)) for key, letter in self.letters.items()]

    def _sentence(self, missing: Sequence[int], collapsed: Sequence[int], diverged: Sequence[int]) -> str:
        said = []
        if missing:
            why = (
                [f"the run of seed {_with_commas(diverged)} diverged: its log says where"]
                if diverged
                else []
            )
            if absent := [seed for seed in missing if seed not in diverged]:
                why.append(f"no result for seed {_with_commas(absent)}")
            there = len(self.seeds) - len(missing)
            said.append(f"over {there} of {len(self.seeds)} seeds; {', and '.join(why)}")
        if collapsed:
            said.append(
                f"the network of seed {_with_commas(collapsed)} raised an alarm: its log says which"
            )
        return "; ".join(said) + "."


def _with_commas(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def capitalised(text: str) -> str:
    """Return `text` with its first letter as a capital; other letters stay, as in names."""
    return text[:1].upper() + text[1:]


def header(results: Results, *, first: bool = True) -> list[str]:
    """Return the sentences over a table: what it shows, over which seeds, how it was selected.

    Args:
        first: whether it is the first table, above which the sentences on all tables stand.
    """
    seeds = ", ".join(map(str, results.seeds))
    count = f"{len(results.seeds)} seed{'s' * (len(results.seeds) > 1)} ({seeds})"
    spread = "mean ± standard deviation over " if len(results.seeds) > 1 else ""
    sentences = [
        f"{capitalised(results.measure.title)} on the test split in {results.measure.unit} "
        f"({results.measure.better} is better), {spread}{count}."
    ]
    if results.measure.least:
        sentences.append(
            f"Of datasets with at least {results.measure.least} test images; {MISSING} elsewhere."
        )
    if not first:
        return sentences
    if results.selection:
        sentences.append(f"Selection: {results.selection.rstrip('.')}.")
    sentences.append(f"The best of a column is bold; {MISSING} marks a missing result.")
    sentences += [
        f"{printed(name)} is the method by the letter of the paper."
        for name in results.methods
        if row_of(name).preset == "paper"
    ]
    if results.seen:
        names = " and ".join(map(printed, results.seen))
        sentences.append(
            f"Networks begin with weights learned on ImageNet, from which {names} are taken: they have "
            "probably seen these images, test images too."
        )
    if results.features:
        network, size = FEATURES[results.features]
        made = f" on {results.generated} made images" if results.generated else ""
        sentences.append(
            f"Measured{made} in the pooled features of {network} at {size} pixels, which knows ImageNet."
        )
    if results.reference:
        names = ", ".join(map(printed, results.reference))
        sentences.append(f"Below the rule, references and no competitors: {names}.")
    return sentences


def sources(results: Results) -> list[str]:
    """Return the source of each dataset, and what was left out of it: "leaves: class_folders"."""
    left_out = results.notes.left_out
    return [
        f"{printed(name)}: {source}" + (f"; left out: {left_out[name]}" if name in left_out else "")
        for name, source in results.sources.items()
    ]


def remarks(results: Results) -> list[str]:
    """Return what to know of the images of each dataset before believing a score, in words."""
    return [f"{printed(name)}: {' '.join(said)}" for name, said in results.notes.remarks.items()]


def columns(results: Results) -> list[str]:
    """Return the names of the columns."""
    return ["method", *map(printed, results.columns)]


def name_in(results: Results, method: str) -> str:
    """Return the printed name of a row, with the method that it equals where it is a corner."""
    name = printed(method)
    return f"{name} (= {printed(results.corners[method])})" if method in results.corners else name


def rows(results: Results, methods: Sequence[str], notes: Notes, markup: Markup) -> list[list[str]]:
    """Return a row of texts per method: its name and a cell per dataset."""
    return [
        [
            name_in(results, method),
            *(_cell(results, method, column, notes, markup) for column in results.columns),
        ]
        for method in methods
    ]


def _cell(results: Results, method: str, dataset: str, notes: Notes, markup: Markup) -> str:
    values, key = results.cell(method, dataset), (method, dataset)
    letter = notes.letter(values, results.collapsed.get(key, ()), results.diverged.get(key, ()))
    note = markup.note.format(letter) if letter else ""
    if not values:
        return MISSING + note
    mean, deviation = mean_and_deviation(list(values.values()))
    text = results.measure.number(mean).replace("-", markup.minus)
    if deviation is not None:
        text += markup.plus_minus + results.measure.number(deviation)
    if results.is_best(method, dataset):
        text = markup.bold.format(text)
    return text + note


def compared(results: Results) -> list[str]:
    """Return the methods that a table compares with every other one, where they have an average."""
    return [name for name in OURS if name in results.methods and results.cell(name, AVERAGE)]


def paired_rows(results: Results, ours: str, markup: Markup) -> list[list[str]]:
    """Return a row per method: `ours` minus it on average, mean and deviation over seeds, seeds won."""
    found = []
    for method in [*results.methods, *results.reference]:
        differences = results.paired(ours, method)
        if method == ours:
            continue
        cells = [difference(differences, results.measure.number, markup)]
        if results.measure.relative:
            cells.append(difference(results.relative(ours, method), _per_cent, markup))
        cells.append(f"{results.won(ours, method)} of {len(differences)}" if differences else MISSING)
        found.append([name_in(results, method), *cells])
    return found


def joining(results: Results) -> str:
    """Return the row that tells what joining does to each dataset; "" where there is none."""
    there = [name for name in (*JOINING, ALONE) if name in results.methods and results.cell(name, AVERAGE)]
    ours = next((name for name in there if name != ALONE), "")
    return ours if ALONE in there and results.corners.get(ours) != ALONE else ""


def dataset_columns(results: Results, markup: Markup) -> list[str]:
    """Return the names of the columns of the table by dataset."""
    ours = printed(joining(results))
    return ["dataset", f"{ours} {markup.minus} {ALONE}", f"seeds with {ours} {_better(results)}"]


def dataset_rows(results: Results, markup: Markup) -> list[list[str]]:
    """Return a row per dataset: joining minus `isolated`, mean and deviation over seeds, seeds won."""
    found, ours = [], joining(results)
    for dataset in results.datasets:
        differences = results.paired(ours, ALONE, dataset)
        won = f"{results.won(ours, ALONE, dataset)} of {len(differences)}" if differences else MISSING
        found.append([printed(dataset), difference(differences, results.measure.number, markup), won])
    return found


def harm(results: Results) -> str:
    """Return the sentence on the datasets that joining harms."""
    harmed = results.harmed(joining(results), ALONE)
    return harm_where(listed(list(map(printed, harmed))), results.seeds, ": there, train alone")


def harm_where(where: str, seeds: Sequence[int], advice: str = "") -> str:
    """Return the sentence on the datasets that joining harms.

    The text `where` lists them; it is empty if there are none.
    """
    if len(seeds) < LEAST_SEEDS:
        return f"Fewer than {LEAST_SEEDS} seeds do not tell whether joining harms one of them."
    test = "paired t-test over seeds, one-sided, 5 %"
    if not where:
        return f"{HARMS} none of them beyond noise ({test})."
    return f"{HARMS} {where} beyond noise ({test}){advice}."


def difference(values: Sequence[float], number: Callable[..., str], markup: Markup) -> str:
    """Return mean and deviation of differences in print, with a sign."""
    if not values:
        return MISSING
    mean, deviation = mean_and_deviation(values)
    text = number(mean, "+").replace("-", markup.minus)
    return text if deviation is None else text + markup.plus_minus + number(deviation)


def _per_cent(value: float, sign: str = "") -> str:
    return format(value, f"{sign}.1f")


def paired_columns(results: Results, ours: str, markup: Markup) -> list[str]:
    """Return the names of the columns of the paired table."""
    relative = ["in per cent of it"] if results.measure.relative else []
    name = printed(ours)
    return ["method", f"{name} {markup.minus} method", *relative, f"seeds with {name} {_better(results)}"]


def _better(results: Results) -> str:
    """Return the side on which the better of two lies, in a word."""
    better = results.measure.better
    return {"higher": "above", "lower": "below"}.get(better, better)
