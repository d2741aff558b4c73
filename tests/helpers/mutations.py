"""Parameters that are written wrong in every way, drawn by a seed, and what reading them then gives."""

import copy
import random
import shutil
import signal
import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.params import edited, write_files
from jointnn.errors import refused
from jointnn.io.yaml import from_yaml, to_yaml
from jointnn.jobs.graph import Jobs
from jointnn.jobs.kept_params import KEPT, read_kept_params

LONGEST = 300
PATIENCE = 60
"""Seconds that reading may take on a busy machine."""
MARK = "mark0of0a0mutation"
"""Stands in YAML for what is written there by hand, since a writer would write no wrong YAML."""

NUMBERS = [
    *("0", "-1", "-0.0", "1", "2", "3.5", "1e-300", "1e308", "-1e308", "1e999", ".inf", "-.inf", ".nan"),
    *(
        "1e3",
        "0x1F",
        "0o17",
        "010",
        "1_000",
        "2147483648",
        "9223372036854775808",
        "9" * 400,
        "-" + "9" * 5000,
    ),
    *("1e9", "1000000000", "0.1e", "1/2", "3/2", "0/0"),
]
TEXTS = [
    *("''", "x", "'a b'", "a.b", "a:b", "'a: b'", "a:b:c", "os:system", "'../../etc/passwd'", "/dev/null"),
    *("helpers.training:normed_conv", "'{x}'", "'%s'", "'${x}'", "first", "toy", "joint", "average", "all"),
    *(
        "z" * 5000,
        "'\\n'",
        '"\\0"',
        '"\\ud800"',
        '"\\U0010ffff"',
        '"\\x85"',
        "ünïcödé",
        "数据",
        "😀" * 40,
        "'é'",
    ),
    *('"a\\nb"', "'a\u202eb'", "a\u0301", "ﬁrst", "١٢", "true ", "~", "null", "yes", "no", "on", "True"),
]
OTHERS = [
    *(
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[null]",
        "[[]]",
        "[1, [2, [3]]]",
        "{a: 1}",
        "{1: 2}",
        "{null: 1}",
    ),
    *(
        "{true: x}",
        "{1.5: x}",
        "{? [a, b] : 1}",
        "{? {a: 1} : 1}",
        "{2024-01-01: x}",
        "[{}]",
        "[x, x]",
        "[1, true]",
    ),
    *("2024-01-01", "2024-01-01T10:00:00Z", "2024-13-45", "12:30:45", "!!binary aGFsbG8=", "!!binary '%'"),
    *(
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!!pairs [a: 1, a: 2]",
        "!!str 1",
        "!!int x",
        "!!float x",
        "!!timestamp x",
    ),
    *("!!python/object:os.system x", "!own x", "&a [*a]", "&a {b: *a}", "*nowhere", "{<<: {steps: 3}}"),
    *("[" * 60 + "]" * 60, "[" * 5000 + "]" * 5000, "{a: " * 400 + "1" + "}" * 400, ", ".join(["x"] * 3)),
    *("[" + ", ".join(["7"] * 3000) + "]", "{" + ", ".join(f"k{n}: {n}" for n in range(500)) + "}"),
    "[&a [1, 1], &b [*a, *a], &c [*b, *b], &d [*c, *c], [*d, *d]]",
]
KEYS = [
    *("1", "null", "true", "1.5", "2024-01-01", "? [a]", "<<", "Name", "a b", "a.b", "a/b", "_a", "é", "数")
]
KEYS += ["''", '"\\0"', '"\\ud800"', "k" * 3000, "'a: b'", "steps", "first", "toy", "joint", "extends"]
CHARACTERS = [
    "\t",
    "\0",
    "\x07",
    "\ufeff",
    "\u2028",
    "{",
    "}",
    "[",
    "]",
    ":",
    "-",
    "#",
    "&",
    "*",
    "!",
    "|",
    ">",
]
CHARACTERS += ["'", '"', "%", "@", "`", "?", ",", "\r", "\n", "  ", "---\n", "...\n", "<<: ", "😀"]


def whole() -> dict[str, Any]:
    """Parameters of every kind of file: of toy, with an own dataset, what a search chose, and a sweep."""
    toy = edited({})["experiments"]["toy"]
    return edited(
        {
            "experiments.toy.measures": ["accuracy", "loss"],
            "experiments.toy.tuned": {"isolated": {"learning_rate": 0.05}},
            "experiments.toy.search": {
                method: {"learning_rate": [0.01, 0.1]} for method in ("isolated", "joint")
            },
            "experiments.toy.chosen": {
                "searched": {"seeds": [1000], "points": 2, "edges": {"joint": ["learning_rate"]}},
                "groups_round": 2,
                "tuned": {"joint": {"learning_rate": 0.01, "strength": {"half_life": 3}}},
            },
            "experiments.own": {
                **{key: toy[key] for key in ("task", "architecture", "image_size", "channels", "seeds")},
                "datasets": {
                    "first": None,
                    "mine": {"source": "optical_digits", "pool": 90, "only_classes": ["1", "2"]},
                },
                "validation_images": 20,
                "augmentation": "flip_shift",
                "methods": ["isolated", "joint"],
                "settings": {"steps": 60, "rounds": 2},
            },
            "sweeps": {
                "sizes": {
                    "dataset": "first",
                    "along": "pixels",
                    "experiments": {"toy": 8, "heir": 16},
                    "yardsticks": {"others": {"value": 0.9, "source": "A. Body"}},
                }
            },
            "paper": ["heir"],
        }
    )


@dataclass(frozen=True)
class Mutation:
    """Files that are written wrong.

    Attributes:
        kind: the change, in words.
        contents: the present content of each file; None where it is gone.
    """

    kind: str
    contents: dict[str, bytes | None]


class Parameters:
    """A project's parameters in the present folder, which is empty, and what reading gives of them."""

    def __init__(self) -> None:
        write_files(Path.cwd(), whole())
        self.files = {str(path): path.read_bytes() for path in sorted(Path().rglob("*.yaml"))}
        list(_jobs())

    def outcome(self, mutation: Mutation) -> str:
        """Write the parameters so, read them as the workflow does, and return what came of it.

        Raises:
            AssertionError: anything but lines that a person reads was raised, or it takes a minute.
        """
        shutil.rmtree("params")
        Path(KEPT).unlink(missing_ok=True)
        for file, content in {**self.files, **mutation.contents}.items():
            if content is not None:
                Path(file).parent.mkdir(parents=True, exist_ok=True)
                Path(file).write_bytes(content)
            else:
                Path(file).unlink(missing_ok=True)
        try:
            with _at_most(PATIENCE):
                first, again = list(_jobs()), list(_jobs())
        except Exception as error:
            said = refused(error)
            if said is None:
                raise AssertionError(f"{mutation.kind}: {error!r}"[:2000]) from error
            lines = str(said).split("\n")
            assert lines and all(0 < len(line) <= LONGEST for line in lines), (mutation.kind, lines)
            assert all(line.isprintable() for line in lines), (mutation.kind, lines)
            return "refused"
        assert first == again, f"{mutation.kind}: read from what is kept, the jobs are others"
        return "accepted"


def _jobs() -> Iterator[str]:
    """Yield the settings file of every job, as the workflow writes them."""
    jobs = Jobs(read_kept_params())
    for name in jobs.params.experiments:
        yield from (job.text for job in jobs.of_experiment(name))
    yield from (job.text for job in jobs.in_order(*map(jobs.sweep, jobs.params.sweeps)))


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError(f"reading takes more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def mutation(files: dict[str, bytes], seed: int, number: int) -> Mutation:
    """Draw a mutation: one of every kind in turn, at times two at once.

    Args:
        files: as they are when right.
        seed, number: the same ones give the same mutation.
    """
    draw = random.Random(f"{seed} {number}")
    kinds = list(KINDS)
    chosen, contents, said = [kinds[number % len(kinds)]], {}, []
    if draw.random() < 0.2:
        chosen.append(draw.choice(kinds))
    for kind in chosen:
        file = draw.choice([*files, *(file for file in files if "experiments" in file)])
        before = contents.get(file, files[file])
        if before is None:
            continue
        name, after = KINDS[kind](file, before, draw)
        contents[name] = after
        if name != file and kind == "a file under another name":
            contents[file] = None
        said.append(f"{kind} in {file}")
    return Mutation(f"{number} of seed {seed}: {' and '.join(said)}", contents)


def _in_tree(change: Any) -> Any:
    """Return the kind of mutation that changes one place of a file's content.

    MARK in the result of `change` stands for YAML by hand.
    """

    def kind(file: str, before: bytes, draw: random.Random) -> tuple[str, bytes]:
        try:
            tree = from_yaml(before.decode())
        except Exception:  # what was done first
            return file, before
        places = list(_places(tree))
        if not places:
            return file, before
        tree = copy.deepcopy(tree)
        keys = draw.choice(places)
        above = tree
        for key in keys[:-1]:
            above = above[key]
        by_hand = change(above, keys[-1], draw)
        return file, to_yaml(tree).replace(MARK, by_hand).encode("utf-8", "surrogatepass")

    return kind


def _places(tree: Any) -> Iterator[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        yield (key,)
        yield from ((key, *rest) for rest in _places(value))


def _replaced(values: list[str]) -> Any:
    def change(above: Any, key: Any, draw: random.Random) -> str:
        above[key] = MARK
        return draw.choice(values)

    return change


def _renamed(above: Any, key: Any, draw: random.Random) -> str:
    """Give a key another name: one by hand, or its own with a letter less, more or in capitals."""
    if isinstance(above, list):
        above.append(above[key])
        return ""
    slip = str(key)
    at = draw.randrange(len(slip))
    slips = [
        slip[:at] + slip[at + 1 :],
        slip[:at] + draw.choice(string.ascii_letters) + slip[at:],
        slip.upper(),
    ]
    entries = list(above.items())
    above.clear()
    above.update((MARK if name == key else name, value) for name, value in entries)
    return draw.choice([*slips, draw.choice(KEYS)]) or "x"


def _deleted(above: Any, key: Any, _: random.Random) -> str:
    del above[key]
    return ""


def _twice(above: Any, key: Any, draw: random.Random) -> str:
    """Write a key a second time, or an entry of a list."""
    if isinstance(above, list):
        above.insert(draw.randrange(len(above) + 1), above[key])
        return ""
    above[MARK] = draw.choice([above[key], None, 1])
    return str(key)


def _wrapped(above: Any, key: Any, draw: random.Random) -> str:
    """Write a list for a scalar, a scalar for a list, a mapping for either."""
    value = above[key]
    ways = [[value], {"value": value}, [value, value], str(value)]
    if isinstance(value, list | dict) and value:
        ways += [
            next(iter(value)),
            *([next(iter(value.values())), list(value)] if isinstance(value, dict) else []),
        ]
    above[key] = draw.choice(ways)
    return ""


def _elsewhere(above: Any, key: Any, draw: random.Random) -> str:
    """Write what belongs to another place."""
    everything = whole()
    keys = draw.choice(list(_places(everything)))
    for each in keys:
        everything = everything[each]
    above[draw.choice([key, str(keys[-1])]) if isinstance(above, dict) else key] = everything
    return ""


def _typed(file: str, before: bytes, draw: random.Random) -> tuple[str, bytes]:
    """Type a character or two anywhere."""
    text = before.decode("utf-8", "surrogateescape")
    for _ in range(draw.randint(1, 2)):
        at = draw.randrange(len(text) + 1)
        text = text[:at] + draw.choice(CHARACTERS) + text[at + draw.randint(0, 1) :]
    return file, text.encode("utf-8", "surrogateescape")


def _cut(file: str, before: bytes, draw: random.Random) -> tuple[str, bytes]:
    return file, before[: draw.randrange(len(before) + 1)]


def _bytes(file: str, before: bytes, draw: random.Random) -> tuple[str, bytes]:
    """Other bytes, often no UTF-8."""
    changed = bytearray(before)
    for _ in range(draw.randint(1, 4)):
        changed.insert(draw.randrange(len(changed) + 1), draw.randrange(256))
    return file, bytes(changed)


def _lines(file: str, before: bytes, draw: random.Random) -> tuple[str, bytes]:
    """A line that is gone, stands twice, or begins elsewhere."""
    lines = before.splitlines(keepends=True)
    if not lines:
        return file, before
    at = draw.randrange(len(lines))
    line = lines[at]
    ways: list[list[bytes]] = [
        [],
        [line, line],
        [b"  " + line],
        [line.lstrip()],
        [b"\t" + line],
        [line[:-1]],
    ]
    ways += [[line.replace(b": ", b":")], [line.replace(b": ", b" ")], [line.replace(b": ", b": - ")]]
    lines[at : at + 1] = draw.choice(ways)
    return file, b"".join(lines)


def _encoded(file: str, before: bytes, draw: random.Random) -> tuple[str, bytes]:
    """Another encoding, other ends of lines, or all in one document more."""
    text = before.decode("utf-8", "replace")
    ways = [text.encode("utf-16"), text.encode("utf-8-sig"), text.replace("\n", "\r\n").encode()]
    return file, draw.choice([*ways, before + b"---\n" + before, b"", b"[]\n", b"text\n", b"null\n"])


def _named(file: str, before: bytes, draw: random.Random) -> tuple[str, bytes]:
    names = [
        "x",
        "A",
        "a b",
        "é",
        "1",
        "a.b",
        "all",
        "sweeps",
        "fetch",
        "toy",
        "heir",
        "own",
        "sizes",
        "first",
    ]
    return str(Path(file).with_name(f"{draw.choice(names)}.yaml")), before


KINDS = {
    "another number": _in_tree(_replaced(NUMBERS)),
    "another text": _in_tree(_replaced(TEXTS)),
    "another type": _in_tree(_replaced(OTHERS)),
    "a renamed key": _in_tree(_renamed),
    "a deleted entry": _in_tree(_deleted),
    "an entry twice": _in_tree(_twice),
    "a list for a scalar": _in_tree(_wrapped),
    "what belongs elsewhere": _in_tree(_elsewhere),
    "typed over": _typed,
    "cut": _cut,
    "other bytes": _bytes,
    "another line": _lines,
    "another encoding": _encoded,
    "a file under another name": _named,
    "a file more": _named,
}
"""Changes of a file, by kind: from its name, bytes and a draw to its name and bytes afterwards."""
