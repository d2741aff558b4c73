"""jointnn.fit: the pipeline's loop on datasets in memory."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset, TensorDataset

import jointnn
from jointnn.errors import UserError
from jointnn.tasks.base import OneLoss

SHORT = {"steps": 12, "batch_size": 8, "record_every": 6, "rounds": 2, "learning_rate": 0.05, "threads": 1}


def points(seed: int, classes: int = 3) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(30, 5, generator=random), torch.arange(30) % classes


def three(classes: int = 3) -> dict[str, tuple[Tensor, Tensor]]:
    return {name: points(seed, classes) for seed, name in enumerate(("one", "two", "three"))}


def mlp(classes: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, classes))


@pytest.fixture
def module() -> nn.Module:
    torch.manual_seed(0)
    return mlp()


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


class OneByOne(Dataset):
    """A dataset that gives an example at a time, its label as a number."""

    def __init__(self, inputs: Tensor, labels: Tensor) -> None:
        self.inputs, self.labels = inputs, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.inputs[index], int(self.labels[index])


@pytest.mark.parametrize("form", [TensorDataset, OneByOne, lambda x, y: (x.numpy(), y.numpy())])
def test_datasets_in_any_form_give_the_same_networks(module, form):
    plain = jointnn.fit(three(), module, **SHORT)
    other = jointnn.fit({name: form(*pair) for name, pair in three().items()}, module, **SHORT)
    for name in plain.networks:
        assert same(plain.networks[name], other.networks[name])


def test_what_is_given_stays_as_it_was(module, two_threads):
    before = {name: value.clone() for name, value in module.state_dict().items()}
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    torch.use_deterministic_algorithms(False)
    jointnn.fit(three(), module, **SHORT)
    assert torch.equal(torch.rand(3), expected), "torch's random numbers"
    assert torch.get_num_threads() == 2
    assert not torch.are_deterministic_algorithms_enabled()
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.training


def test_networks_are_ordinary_ones_that_train_on_alone(module):
    fitted = jointnn.fit(three(), module, couple_head=True, **SHORT)
    one, two = fitted.networks["one"], fitted.networks["two"]
    assert not one.training
    before = two[0].weight.clone()
    storage = {value.untyped_storage().data_ptr() for value in one.parameters()}
    assert len(storage) == len(list(one.parameters()))
    functional.cross_entropy(one.train()(points(0)[0]), points(0)[1]).backward()
    torch.optim.SGD(one.parameters(), lr=1.0).step()
    assert torch.equal(two[0].weight, before)


def test_networks_differ_in_their_heads_where_classes_do():
    datasets = {"one": points(0, 3), "two": points(1, 5)}
    fitted = jointnn.fit(datasets, mlp, **SHORT)
    assert [net[-1].out_features for net in fitted.networks.values()] == [3, 5]
    again = jointnn.fit(datasets, mlp, **SHORT)
    assert same(fitted.networks["one"], again.networks["one"])
    other = jointnn.fit(datasets, mlp, seed=1, **SHORT)
    assert not same(fitted.networks["one"], other.networks["one"])


def test_validation_is_held_out_or_given(module):
    seen = []

    class counting(jointnn_task()):  # noqa: N801
        def measures(self, network, split):
            seen.append(len(split))
            return super().measures(network, split)

    jointnn.fit(three(), module, counting(), validation=0.4, **SHORT)
    jointnn.fit(three(), module, counting(), validation=three(), **SHORT)
    assert set(seen) == {12, 30}


def jointnn_task() -> type:
    from jointnn.tasks.classification import classification

    return classification


class brightness(OneLoss):  # noqa: N801
    """A task of one's own on labels that are numbers."""

    def loss(self, network, batch):
        return (network(batch.images)[:, 0] - batch.labels).square().mean()


@pytest.mark.slow
def test_a_task_of_ones_own_learns_numbers():
    datasets = {name: (inputs, inputs.mean(1)) for name, (inputs, _) in three().items()}
    for task in (brightness(), "regression"):
        fitted = jointnn.fit(datasets, mlp, task, **{**SHORT, "steps": 60})
        losses = [row.value for row in fitted.history if row[1:4] == ("validation", "one", "loss")]
        assert losses[-1] < losses[0]


@pytest.mark.parametrize("method", ["isolated", "l2reg", "shareall", "finetune", "fedamp"])
def test_every_method_can_be_fitted(module, method):
    known = {key: value for key, value in SHORT.items() if key != "rounds" or method == "fedamp"}
    fitted = jointnn.fit(three(), module, method=method, **known)
    assert (fitted.weights is None) == (method != "fedamp")
    if fitted.weights is None:
        with pytest.raises(UserError, match="finds no weights, and so no groups"):
            fitted.groups()


def test_planted_groups_are_told_to_the_oracle(module):
    settings = {key: value for key, value in SHORT.items() if key != "rounds"}
    jointnn.fit(three(), module, method="oracle", groups=[["one", "two"], ["three"]], **settings)
    with pytest.raises(UserError, match="oracle needs planted groups"):
        jointnn.fit(three(), module, method="oracle", **settings)


def test_a_phase_may_begin_again_from_the_start(module):
    jointnn.fit(three(), module, **{**SHORT, "rounds": 1}, restart=True)


def test_history_is_a_table(module):
    import pandas as pd

    table = pd.DataFrame(jointnn.fit(three(), module, **SHORT).history)
    assert list(table) == ["step", "split", "dataset", "metric", "value"]
    assert {"loss", "accuracy", "learning_rate", "delta"} <= set(table["metric"])


def test_pixels_are_taken_by_an_architecture_of_the_pipeline():
    images = torch.randint(0, 256, (30, 1, 8, 8), dtype=torch.uint8)
    datasets = {name: (images, torch.arange(30) % 4) for name in ("one", "two")}
    fitted = jointnn.fit(datasets, "small_conv", options={"width": 2}, augmentation="flip_shift", **SHORT)
    assert fitted.networks["one"].head.out_features == 4


def shared(_classes: int) -> nn.Module:
    made = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3))
    made[1].weight = made[0].weight
    return made


@pytest.mark.parametrize(
    ("datasets", "network", "options", "sentence"),
    [
        ({"one": points(0)}, mlp, {}, "needs two datasets or more, but there are 1"),
        ([points(0), points(1)], mlp, {}, "Give the datasets by name"),
        ({"one": points(0), "two": torch.ones(3)}, mlp, {}, "two is no pair of inputs and labels"),
        (
            {"one": points(0), "two": (torch.ones(3, 5), torch.ones(2).long())},
            mlp,
            {},
            "3 inputs and 2 labels",
        ),
        ({n: (torch.ones(9, 5).long(), torch.arange(9)) for n in "ab"}, mlp, {}, r"inputs of torch\.int64"),
        (three(), mlp, {"validation": 1.5}, r"validation: 1\.5 is no part of a dataset"),
        (three(), mlp, {"validation": {"one": points(0)}}, "validation: two is missing"),
        (
            {n: (torch.ones(21, 5), torch.tensor([0, 1] * 10 + [2])) for n in "ab"},
            mlp,
            {},
            "a has the label 2 among its validation examples alone",
        ),
        (three(), mlp, {"learning_rat": 0.1}, r"learning_rat is no setting\. Known: .*learning_rate"),
        (three(), mlp, {"learning_rate": -1}, "learning_rate: -1 does not fit"),
        (three(), mlp, {"method": "isolated", "rounds": 3}, "isolated does not read the setting rounds"),
        (three(), mlp, {"method": "joined"}, "No method is named 'joined'; did you mean 'joint'"),
        (three(), mlp, {"others_on_disk": True}, "fit writes no files"),
        (three(), mlp, {"processes": 2}, "fit trains in this process"),
        (three(), mlp, {"scale": "trials"}, "trains a round three times, and fit trains once"),
        (three(), mlp, {"scale": "split_half"}, "networks of halves of the datasets, which fit does not"),
        (three(), mlp, {"device": "mps"}, "device: 'mps' is not to be had here"),
        (three(), mlp, {"device": "warp"}, "device: 'warp' is not to be had here"),
        (three(), mlp, {"task_options": {"a": 1}}, "task classification could not be made"),
        (
            {n: (points(0)[0], torch.ones(30)) for n in "ab"},
            mlp,
            {},
            "the task classification wants classes",
        ),
        (three(), mlp, {"task": "regression"}, "the task regression wants numbers: floats"),
        (three(), shared, {}, "has a parameter under two names"),
        (three(), "small_con", {}, "No architecture is named 'small_con'; did you mean 'small_conv'"),
        ({"one": points(0, 3), "two": points(1, 4)}, mlp, {"couple_head": True}, "set couple_head: false"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_a_sentence(datasets, network, options, sentence):
    with pytest.raises(UserError, match=sentence):
        jointnn.fit(datasets, network, **{"steps": 4, "threads": 1, **options})


def test_a_loss_that_explodes_names_its_dataset(module):
    datasets = three() | {"two": (points(1)[0] * math.inf, points(1)[1])}
    with pytest.raises(
        jointnn.DivergedError, match=r"the loss of two at step 0 is nan\. Lower learning_rate"
    ):
        jointnn.fit(datasets, module, **SHORT)
