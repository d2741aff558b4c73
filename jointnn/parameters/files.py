"""params.yaml and the files in params/, put together: one set of parameters, and where each entry stands.

An experiment is up to three files of one name: what it is (params/experiments), the points that its search
tries (params/grids), and what the search chose (params/chosen), which a job writes. It may extend another
experiment: then it has that one's entries, and what was chosen there, where it says nothing else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jointnn.errors import UserError
from jointnn.io.yaml import read_yaml
from jointnn.parameters.schema import ChosenFile, ExperimentFile, ExperimentParams, GridFile, TopFile
from jointnn.registry import nearest
from jointnn.schema import Strict

TOP = "params.yaml"
FOLDER = "params"
SHARED = {"datasets": "params/datasets.yaml", "presets": "params/presets.yaml"}
"""Mappings of ours, by the key of params.yaml under which a user's own stand."""
PAPER = "params/paper.yaml"
KINDS: dict[str, type[Strict]] = {"experiments": ExperimentFile, "grids": GridFile, "chosen": ChosenFile}
"""Folders of the files of an experiment, and what stands in each."""


@dataclass
class ParamFiles:
    """All parameters as they are written.

    Attributes:
        raw: them as one mapping, experiments with what they inherit.
        parts: of each experiment its files, by their folder, as they are written.
        lines: mistakes in how files go together, each with its place.
        root: the project's folder.
    """

    raw: dict[str, Any]
    parts: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    root: Path = Path()

    def placed(self, line: str) -> str:
        """Return a line about a path of `raw` with the file in its place, which a user can look for."""
        path, end = _path_of(line)
        match path:
            case ["experiments", name, *inner] if name in self.parts:
                return f"{self._file_of(name, inner)}{_rest(inner, end)}"
            case ["sweeps", name, *inner] if self._is_file(f"sweeps/{name}"):
                return f"{FOLDER}/sweeps/{name}.yaml{_rest(inner, end)}"
            case ["datasets" | "presets" as key, name, *inner]:
                return self._in_mapping(key, name, inner, end)
            case ["paper", *inner]:
                return f"{PAPER}{_rest(inner, end)}"
        return f"{TOP}: {line}"

    def parent_of(self, name: str) -> str | None:
        """Return the experiment that `name` extends; None where it extends none."""
        parent = self.parts[name]["experiments"].get("extends")
        return parent if isinstance(parent, str) and parent in self.parts else None

    def _file_of(self, name: str, inner: list[str]) -> str:
        """Return the file of an experiment in which an entry stands."""
        for folder in ("chosen", "grids"):
            entry: Any = self.parts[name].get(folder)
            for key in inner[:2]:
                entry = entry.get(key, _ABSENT) if isinstance(entry, dict) else _ABSENT
            if inner and entry is not _ABSENT:
                return f"{FOLDER}/{folder}/{name}.yaml"
        return f"{FOLDER}/experiments/{name}.yaml"

    def _in_mapping(self, key: str, name: str, inner: list[str], end: str) -> str:
        for experiment, files in self.parts.items():
            own = files["experiments"].get(key)
            if isinstance(own, dict) and own.get(name) is not None:
                return f"{FOLDER}/experiments/{experiment}.yaml{_rest([key, name, *inner], end)}"
        if name in (self.raw.get(key) or {}) and name not in _mapping(read_yaml(self.root / TOP).get(key)):
            return f"{SHARED[key]}{_rest([name, *inner], end)}"
        return f"{TOP}{_rest([key, name, *inner], end)}"

    def _is_file(self, name: str) -> bool:
        return (self.root / FOLDER / f"{name}.yaml").is_file()


_ABSENT = object()


def _path_of(line: str) -> tuple[list[str], str]:
    """Return the keys at the beginning of a line, and the rest of the line."""
    ends = [at for at in (line.find(": "), line.find(" (")) if at >= 0]
    end = min(ends, default=len(line))
    return line[:end].split("."), line[end:]


def _rest(inner: list[str], end: str) -> str:
    return f": {'.'.join(inner)}{end}" if inner else end


def files_of(root: str | Path = ".") -> list[Path]:
    """Return every file that parameters are read from, params.yaml first."""
    return [Path(root, TOP), *sorted(Path(root, FOLDER).rglob("*.yaml"))]


def read_files(root: str | Path = ".") -> ParamFiles:
    """Return all parameters as they are written.

    Raises:
        UserError: a file cannot be read, or holds something else than keys and values.
    """
    root = Path(root)
    top = _read_mapping(root / TOP, TOP, "default: [digits]")
    written = ParamFiles({}, root=root)
    parts, lines = written.parts, written.lines
    lines += _misnamed(root)
    for file in sorted((root / FOLDER / "experiments").glob("*.yaml")):
        parts[file.stem] = {"experiments": _read_mapping(file, _shown(file, root), "task: classification")}
    for folder in ("grids", "chosen"):
        for file in sorted((root / FOLDER / folder).glob("*.yaml")):
            content = _read_mapping(file, _shown(file, root), "search: {...}")
            if file.stem in parts:
                parts[file.stem][folder] = content
            else:
                at, of = _shown(file, root), f"params/experiments/{file.stem}.yaml"
                lines.append(f"{at}: it is of {of}, which is not there{nearest(file.stem, parts)}")
    lines += _of_top(top, parts)
    for name in parts:
        lines += _misplaced(name, parts)
        lines += _wrong_parent(name, parts)
    datasets = _joined("datasets", top, root, lines)
    written.raw = {
        **{key: value for key, value in top.items() if key == "default"},
        "versioned": list(_mapping(top.get("experiments"))),
        "versioned_sweeps": list(_mapping(top.get("sweeps"))),
        "datasets": datasets,
        "presets": _joined("presets", top, root, lines),
        "experiments": {name: _whole(name, parts) for name in parts},
        "sweeps": _sweeps(top, root, lines),
    }
    if (root / PAPER).is_file():
        written.raw["paper"] = read_yaml(root / PAPER)
    homes = dict.fromkeys(_mapping(datasets), SHARED["datasets"])
    homes |= dict.fromkeys(_mapping(top.get("datasets")), TOP)
    _take_datasets(written, datasets, homes)
    return written


def _shown(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


PLAIN = (str, int, float, bool, type(None))
"""Types that JSON, and so a settings file, holds besides lists and mappings."""


def _read_mapping(file: Path, shown: str, example: str) -> dict[str, Any]:
    """Return the content of a file of keys and values. Only params.yaml may not be empty."""
    content = read_yaml(file)
    if content is None and shown != TOP:
        return {}
    if not isinstance(content, dict):
        found = "nothing" if content is None else f"a {type(content).__name__}"
        raise UserError(f"{shown} must hold keys and values, as in {example}, but holds {found}.")
    for place, found in _not_plain(content, ()):
        raise UserError(
            f"{shown}: {'.'.join(map(str, place))}: {found} is a {type(found).__name__}, and no text, "
            "number, list or mapping. Write it in quotes."
        )
    return content


def _not_plain(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield what is not plain, with its place: dates, bytes, sets."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, PLAIN):
                yield place, key
            yield from _not_plain(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _not_plain(inner, (*place, index))
    elif not isinstance(value, PLAIN):
        yield place, value


def _misnamed(root: Path) -> Iterator[str]:
    """Yield files in params/ that would be passed over."""
    for file in sorted((root / FOLDER).rglob("*.yml")):
        yield f"{_shown(file, root)}: files of parameters end in .yaml; rename it."
    for folder in sorted(path for path in (root / FOLDER).glob("*") if path.is_dir()):
        if folder.name not in (*KINDS, "sweeps"):
            known = ", ".join(f"params/{name}" for name in (*KINDS, "sweeps"))
            yield f"{_shown(folder, root)}: no parameters are read from this folder. Known: {known}."


def _of_top(top: Mapping[str, Any], parts: Mapping[str, Any]) -> Iterator[str]:
    """Yield mistakes in the lines of params.yaml that name experiments for DVC."""
    for key in [key for key in top if key not in TopFile.model_fields]:
        yield f"{TOP}: {key}: this key is not known{nearest(str(key), TopFile.model_fields)}"
    for key in sorted(TopFile.model_fields.keys() - top.keys() - {"default"}):
        yield f"{TOP}: {key}: this key is missing, and DVC asks for it. Write {key}: {{}}"
    listed = top.get("experiments")
    if isinstance(listed, list):
        names = "; ".join(f"{name}: {name}" for name in listed[:3])
        yield f"{TOP}: experiments: must be a line for each, as in {names}, and no list."
    for name, begins in _mapping(listed).items():
        at = f"{TOP}: experiments.{name}"
        if isinstance(begins, dict):
            yield f"{at}: an experiment is a file; move these lines to params/experiments/{name}.yaml."
        elif name not in parts:
            yield f"{at}: there is no params/experiments/{name}.yaml{nearest(str(name), parts)}"
        elif begins != (right := parts[name]["experiments"].get("extends") or name):
            yield f"{at}: {begins!r} is not what it extends; write {name}: {right}, so that DVC sees it."


OF_THE_WHOLE = ExperimentParams.model_fields.keys() - ExperimentFile.model_fields.keys()
"""Entries of an experiment that follow from its files and are written in none."""


def _misplaced(name: str, parts: Mapping[str, dict[str, dict[str, Any]]]) -> Iterator[str]:
    """Yield keys that stand in the wrong one of an experiment's files, or in two of them."""
    for folder, content in parts[name].items():
        for key in content:
            homes = [other for other, model in KINDS.items() if key in model.model_fields]
            if homes and folder not in homes:
                yield (
                    f"params/{folder}/{name}.yaml: {key}: this stands in params/{homes[0]}/{name}.yaml; "
                    "move it there."
                )
            elif not homes and (folder != "experiments" or key in OF_THE_WHOLE):
                known = KINDS[folder].model_fields
                yield f"params/{folder}/{name}.yaml: {key}: this key is not known{nearest(str(key), known)}"
    by_hand, chosen = parts[name]["experiments"], parts[name].get("chosen", {})
    twice = sorted(_mapping(by_hand.get("tuned")).keys() & _mapping(chosen.get("tuned")).keys())
    for key in [
        *(f"tuned.{method}" for method in twice),
        *({"groups_round"} & by_hand.keys() & chosen.keys()),
    ]:
        yield (
            f"params/experiments/{name}.yaml: {key}: the search wrote this into params/chosen/{name}.yaml "
            "too; keep one of the two."
        )


def _wrong_parent(name: str, parts: Mapping[str, dict[str, dict[str, Any]]]) -> Iterator[str]:
    parent, at = parts[name]["experiments"].get("extends"), f"params/experiments/{name}.yaml: extends"
    if parent is None:
        return
    if not isinstance(parent, str) or parent not in parts:
        yield f"{at}: {parent!r} is not known{nearest(str(parent), parts)}"
    elif parent == name:
        yield f"{at}: {parent!r} is this experiment itself."
    elif above := parts[parent]["experiments"].get("extends"):
        yield (
            f"{at}: {parent} extends {above} itself, and DVC follows one step. Extend {above}, and repeat "
            f"what {parent} changes."
        )


def _joined(key: str, top: Mapping[str, Any], root: Path, lines: list[str]) -> Any:
    """Return the entries of a kind, the project's own and, from params.yaml, the user's; mistakes in them
    are added to `lines`.
    """
    own, file = top.get(key) or {}, root / SHARED[key]
    ours = _read_mapping(file, SHARED[key], "name: {...}") if file.is_file() else {}
    for name in _mapping(own).keys() & ours.keys():
        lines.append(_clash(f"{TOP}: {key}.{name}", name, SHARED[key]))
    return {**ours, **own} if isinstance(own, dict) else own


def _clash(at: str, name: str, where: str) -> str:
    return f"{at}: {where} has this name already; choose another one, such as my_{name}."


def _sweeps(top: Mapping[str, Any], root: Path, lines: list[str]) -> dict[str, Any]:
    """Return the sweeps, by name; mistakes in the lines that name them for DVC are added to `lines`."""
    found = {
        file.stem: _read_mapping(file, _shown(file, root), "measure: accuracy")
        for file in sorted((root / FOLDER / "sweeps").glob("*.yaml"))
    }
    for name, again in _mapping(top.get("sweeps")).items():
        at = f"{TOP}: sweeps.{name}"
        if name not in found:
            lines.append(f"{at}: there is no params/sweeps/{name}.yaml{nearest(str(name), found)}")
        elif again != name:
            lines.append(f"{at}: write its name again, {name}: {name}.")
    return found


def _whole(name: str, parts: Mapping[str, dict[str, dict[str, Any]]]) -> Any:
    """Return an experiment with all that its files say, and the files of the one that it extends.

    A null takes away what would be inherited, also within a mapping. Datasets are named in each file, for
    DVC; a grid belongs to its experiment alone.
    """
    own = _alone(name, parts)
    parent = own.get("extends")
    if not isinstance(parent, str) or parent not in parts or parent == name:
        return own
    inherited = {key: value for key, value in _alone(parent, parts).items() if key not in NOT_INHERITED}
    merged = _merged(inherited, {key: _merged(inherited.get(key), value) for key, value in own.items()})
    # What is written by hand in the heir is no more what the search chose.
    by_hand = _mapping(own.get("tuned")).keys() - own["chosen_in"].keys()
    origins = {**inherited["chosen_in"], **own["chosen_in"]}
    there = _mapping(merged.get("tuned")).keys() - by_hand
    merged["chosen_in"] = {method: of for method, of in origins.items() if method in there}
    return merged


NOT_INHERITED = {"datasets", "finalists", "searched", *GridFile.model_fields}


def _alone(name: str, parts: Mapping[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return the content of an experiment's files, and of each tuned method the search that chose."""
    files = parts[name]
    chosen = files.get("chosen", {})
    tuned = {**_mapping(files["experiments"].get("tuned")), **_mapping(chosen.get("tuned"))}
    together = {**files["experiments"], **files.get("grids", {}), **chosen}
    if tuned:
        together["tuned"] = tuned
    return {**together, "chosen_in": dict.fromkeys(_mapping(chosen.get("tuned")), name)}


def _merged(base: Any, own: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(own, dict):
        return own
    return {key: value for key, value in {**base, **own}.items() if value is not None or key not in own}


def _take_datasets(written: ParamFiles, known: Any, homes: dict[str, str]) -> None:
    """Move datasets that an experiment's file holds to the others, and leave their names.

    Args:
        homes: the files of the others.
    """
    for name, experiment in written.raw["experiments"].items():
        own = experiment.get("datasets")
        if not isinstance(own, dict):
            continue
        file = f"params/experiments/{name}.yaml"
        for dataset, definition in own.items():
            if definition is None:  # one that is known already
                continue
            if dataset in homes:
                written.lines.append(_clash(f"{file}: datasets.{dataset}", dataset, homes[dataset]))
            else:
                homes[dataset] = file
                if isinstance(known, dict):  # else it is refused as it stands
                    known[dataset] = definition
        experiment["datasets"] = list(own)
