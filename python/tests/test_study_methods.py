"""Methods of the registry as arms: one of a user's own joins a study."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from study_support import tiny_study, without_clock, write_study_model

import vaccine_swift as vs
from vaccine_swift import study
from vaccine_swift.cli.entry import build_parser
from vaccine_swift.cli.study_options import study_config
from vaccine_swift.study.arms import arm_label, arms_of
from vaccine_swift.study.grid import Trial, trials
from vaccine_swift.study.inputs import STREAMS, Inputs
from vaccine_swift.study.report.content import Content
from vaccine_swift.study.report.metric_drawings import parameters, sweep
from vaccine_swift.study.stages import Workshop
from vaccine_swift.study.store import Store


@dataclass(frozen=True)
class Share(vs.Method):
    """Plain fine-tuning with a share of the gradient."""

    name = "share"
    title = "Share of it"
    kept: float = vs.option(0.5, help="what is kept", symbol="k", minimum=0.0)
    twice: bool = vs.option(False, help="whether the pass is made again")

    def gradient(self, step: vs.Step) -> vs.StepReport:
        report = step.forward_backward(weight=self.kept / (1 + self.twice))
        if self.twice:
            report = step.forward_backward(weight=self.kept / 2)
        return report


@dataclass(frozen=True)
class Unlearn(vs.Method):
    """Down on the alignment rows, a little up on harmful ones."""

    name = "unlearn"
    streams = ("harmful",)
    share: float = vs.option(0.1, help="weight of the harmful rows", minimum=0.0)

    def gradient(self, step: vs.Step) -> vs.StepReport:
        step.forward_backward(step.next_batch("harmful"), weight=-self.share)
        return step.forward_backward()


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """The methods above are in the registry during the tests of this file alone."""
    for method in (Share, Unlearn):
        vs.methods.base.register(method)
    yield
    for method in (Share, Unlearn):
        vs.methods.unregister(method.name)


for _method in (Share, Unlearn):
    vs.methods.unregister(_method.name)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_study_model(tmp_path_factory.mktemp("model"))


def test_a_method_of_ones_own_trains_and_is_an_arm(model, tmp_path, worked) -> None:
    config = tiny_study(
        model,
        methods=("sft", "share"),
        parameters={"kept": (1.0, 0.0)},
        align_steps=4,
    )
    result = study.run(config, tmp_path / "out", progress=False)
    labels = [row["label"] for row in result.rows]
    assert labels == ["SFT", "Share of it k=1", "Share of it k=0"]
    sft, whole, part = result.rows
    # The whole gradient is plain fine-tuning's.
    assert whole["losses"]["align"] == sft["losses"]["align"]
    assert whole["metrics"] == sft["metrics"]
    assert part["losses"]["align"] != sft["losses"]["align"]
    assert part["parameters"] == {"kept": 0.0, "twice": False}
    assert Trial.of_row(json.loads(json.dumps(part))).label == part["label"]
    assert worked["align"] == 3
    compared = {each["label"] for each in result.differences()}
    assert compared == set(labels[1:])
    page = result.to_html().read_text("utf-8")
    assert page.count("Share of it k=0") > 5
    aligned = result.model(part, attacked=False)
    assert aligned.adapter is None

    worked.clear()
    again = study.run(config, tmp_path / "out", progress=False)
    assert not worked
    assert without_clock(again.rows) == without_clock(result.rows)


def test_a_sweep_of_a_methods_setting_is_an_axis(model, tmp_path) -> None:
    config = tiny_study(
        model, methods=("sft", "share"), parameters={"kept": (1.0, 0.5, 0.25)}
    )
    result = study.run(config, tmp_path / "out", progress=False)
    content = Content.of(result.rows, "sft")
    assert parameters(content) == ["kept"]
    (chart,) = sweep(content, "fine_tune_accuracy", "kept")
    assert [curve.label for curve in chart.curves] == ["SFT", "Share of it"]
    assert [point.x for point in chart.curves[1].points] == [0.25, 0.5, 1.0]


def test_a_stream_of_harmful_rows_reaches_the_method(model, tmp_path) -> None:
    config = tiny_study(
        model,
        methods=("sft", "unlearn"),
        parameters={"share": (0.0, 0.5)},
        align_steps=4,
        dropout=0.0,  # whose random numbers would be others for the second pass
    )
    sft, none, some = study.run(config, tmp_path / "out", progress=False).rows
    assert none["losses"]["align"] == sft["losses"]["align"]
    assert some["losses"]["align"] != sft["losses"]["align"]


_OF_ALIGNMENT = [
    name
    for name, method in vs.methods.registered().items()
    if set(method.streams) <= set(STREAMS)
]


@pytest.mark.parametrize("name", _OF_ALIGNMENT)
def test_every_shipped_method_of_the_alignment_joins_a_study(
    model, tmp_path, name
) -> None:
    config = tiny_study(model, methods=("sft", name), align_steps=4)
    rows = study.run(config, tmp_path / "out", progress=False).rows
    assert [row["method"] for row in rows] == list(dict.fromkeys(("sft", name)))


def stages(model: Path, **changes) -> list[str]:
    config = tiny_study(model, methods=("unlearn",), seeds=1, **changes)
    (trial,) = trials(config)
    found = Workshop(Inputs(str(model)), Store(model)).stages(trial)
    return [stage.folder for stage in found.values()]


def test_what_determines_a_method_is_in_the_key(model, monkeypatch) -> None:
    first = stages(model)
    assert stages(model) == first
    assert stages(model, parameters={"share": 0.3})[0] != first[0]
    monkeypatch.setattr(Inputs, "stream", lambda *_: [{"instruction": "another"}])
    other_rows = stages(model)
    assert other_rows[0] != first[0]
    monkeypatch.setattr(
        "vaccine_swift.study.arms.inspect.getsource", lambda _: "another source"
    )
    assert stages(model)[0] not in (first[0], other_rows[0])


def test_a_stream_that_a_study_has_not_is_named(model) -> None:
    @dataclass(frozen=True)
    class Odd(vs.Method):
        name = "odd"
        streams = ("odd-rows",)

        def gradient(self, step: vs.Step) -> vs.StepReport:
            return step.forward_backward()

    try:
        (trial,) = trials(tiny_study(model, methods=("odd",), seeds=1))
        with pytest.raises(ValueError, match="odd reads a stream 'odd-rows'"):
            Workshop(Inputs(str(model)), Store(model)).stages(trial)
    finally:
        vs.methods.unregister("odd")


def test_arms_are_the_product_of_the_values_with_defaults_for_the_rest() -> None:
    values = {"rho": (1, 2.5), "every": (1, 3), "kept": (0.5, 0.75)}
    assert list(arms_of("none", values)) == [{}]
    assert list(arms_of("sft", values)) == [{}]
    assert list(arms_of("random", values)) == [{"rho": 1.0}, {"rho": 2.5}]
    assert list(arms_of("random", values | {"variance": (0.1,)})) == [{"variance": 0.1}]
    assert list(arms_of("vaccine", values)) == [
        {"rho": rho, "every": every} for rho in (1.0, 2.5) for every in (1, 3)
    ]
    assert list(arms_of("share", values)) == [
        {"kept": 0.5, "twice": False},
        {"kept": 0.75, "twice": False},
    ]
    with pytest.raises(ValueError, match="parameters must have values of 'rho'"):
        list(arms_of("random", {}))


def test_labels_follow_from_titles_symbols_and_defaults() -> None:
    assert arm_label("none", {}) == "No alignment"
    assert arm_label("share", {"kept": 0.5, "twice": True}) == (
        "Share of it k=0.5 twice=True"
    )
    assert arm_label("share", {"kept": 0.5, "twice": False}) == "Share of it k=0.5"
    assert arm_label("gone", {"x": 1}) == "gone x=1"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kept": -1}, "kept must be at least 0"),
        ({"kept": "much"}, "kept must be a number"),
        ({"keept": 1}, "parameters must name a setting of kept, twice, got 'keept'"),
        ({"rho": 1}, "parameters must name a setting of kept, twice, got 'rho'"),
        (3, "parameters must map names to values, got 3"),
    ],
)
def test_bad_values_of_a_methods_setting_are_named(model, parameters, message) -> None:
    with pytest.raises(ValueError, match="must") as caught:
        tiny_study(model, methods=("share",), parameters=parameters)
    assert message in str(caught.value)


def test_a_methods_settings_are_options_of_the_command_line(capsys) -> None:
    words = ["study", "--out", "x", "--methods", "share", "--kept", "0.25,1"]
    config = study_config(build_parser().parse_args([*words, "--twice", "yes,no"]))
    assert config.methods == ("share",)
    assert config.parameters == {"kept": (0.25, 1.0), "twice": (True, False)}
    with pytest.raises(SystemExit):
        build_parser().parse_args(["study", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "--kept X,… share: what is kept" in told
    for name in vs.methods.registered():
        assert f" {name}," in told or f" {name};" in told


def test_an_unknown_method_names_those_that_are_registered(model) -> None:
    with pytest.raises(ValueError, match="methods must be among none, sft") as caught:
        tiny_study(model, methods=("shere",))
    assert "Did you mean 'share'?" in str(caught.value)
