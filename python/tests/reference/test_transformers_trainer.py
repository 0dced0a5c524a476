"""What the trainer takes from transformers: names, defaults, callbacks."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import sys
import types
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from training_support import examples, tiny_model, trainer

from vaccine_swift import TrainingArguments
from vaccine_swift.training._transformers_names import DEFAULTS, VERSION

pytestmark = pytest.mark.reference


@pytest.fixture(scope="module")
def transformers() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("transformers")


def live_defaults(transformers: Any) -> dict[str, Any]:
    return {
        field.name: (
            field.default
            if field.default is not dataclasses.MISSING
            else field.default_factory()
        )
        for field in dataclasses.fields(transformers.TrainingArguments)
    }


def test_the_table_of_names_is_that_of_the_installed_version(transformers) -> None:
    live = live_defaults(transformers)
    for name, default in live.items():
        TrainingArguments(**{name: default})
    if transformers.__version__ == VERSION:
        assert live == DEFAULTS


def test_the_settled_arguments_are_accepted_too(transformers, tmp_path) -> None:
    """As a script that passes all attributes of its own arguments on."""
    settled = transformers.TrainingArguments(str(tmp_path), use_cpu=True)
    taken = {name: getattr(settled, name) for name in DEFAULTS}
    del taken["accelerator_config"]  # an object of accelerate by now
    assert TrainingArguments(**taken).learning_rate == settled.learning_rate


class Writer:
    """Takes down what TensorBoardCallback writes."""

    def __init__(self, log_dir: str) -> None:
        self.log_dir = log_dir
        self.texts: dict[str, str] = {}
        self.scalars: list[tuple[str, float, int]] = []
        self.closed = False

    def add_text(self, name: str, text: str, *_: Any) -> None:
        self.texts[name] = text

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.append((name, value, step))

    def flush(self) -> None: ...

    def close(self) -> None:
        self.closed = True


def run_with(tmp_path, *callbacks: Any):
    run = trainer(
        tmp_path,
        model=tiny_model(),
        data=examples(12),
        evaluation=examples(3, seed=1),
        callbacks=list(callbacks),
        logging_steps=2,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="steps",
        save_steps=2,
        load_best_model_at_end=True,
    )
    return run, run.train()


def test_every_callback_of_the_trainer_s_own_works(transformers, tmp_path) -> None:
    module = importlib.import_module("transformers.trainer_callback")
    made = [
        module.DefaultFlowCallback(),
        module.PrinterCallback(),
        module.ProgressCallback(),
        module.EarlyStoppingCallback(early_stopping_patience=100),
    ]
    _, output = run_with(tmp_path, *made)
    assert output.global_step == 6


def test_an_early_stopping_callback_of_transformers_stops(
    transformers, tmp_path
) -> None:
    stop = transformers.EarlyStoppingCallback(early_stopping_patience=1)
    run = trainer(
        tmp_path,
        evaluation=examples(1),
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="steps",
        save_steps=1,
        load_best_model_at_end=True,
        num_train_epochs=2,
        callbacks=[stop],
    )
    losses = [3.0, 2.0, 2.5, 1.0]
    run.model.loss = lambda batch: (losses[run.state.global_step - 1], 1)
    assert run.train().global_step == 3


def test_tensorboard_gets_settings_and_every_logged_number(
    transformers, tmp_path, monkeypatch
) -> None:
    module = importlib.import_module("transformers.integrations.integration_utils")
    if importlib.util.find_spec("tensorboard") is None:
        monkeypatch.setattr(module, "is_tensorboard_available", lambda: True)
        writers = SimpleNamespace(SummaryWriter=Writer)
        monkeypatch.setitem(
            importlib.import_module("sys").modules, "torch.utils.tensorboard", writers
        )
    writer = Writer(str(tmp_path))
    run, _ = run_with(tmp_path, module.TensorBoardCallback(tb_writer=writer))
    assert '"learning_rate": 0.01' in writer.texts["args"]
    assert '"vocab_size": 32' in writer.texts["model_config"]
    assert writer.closed
    expected = {
        (entry["step"], entry["eval_loss"])
        for entry in run.state.log_history
        if "eval_loss" in entry
    }
    found = {
        (step, value) for name, value, step in writer.scalars if name == "eval/loss"
    }
    assert found == expected
    assert len(found) == 3


class Wandb(types.ModuleType):
    """Takes down what WandbCallback gives to the package of that name."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.run: Any = None
        self.config: dict[str, Any] = {}
        self.logged: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}

    def init(self, **settings: Any) -> None:
        self.run = SimpleNamespace(
            _label=lambda **_: None, summary=self.summary, settings=settings
        )

    def log(self, entry: dict[str, Any]) -> None:
        self.logged.append(entry)

    def define_metric(self, *_: Any, **__: Any) -> None: ...

    def termwarn(self, *_: Any, **__: Any) -> None: ...


def test_wandb_gets_settings_size_and_every_logged_number(
    transformers, tmp_path, monkeypatch
) -> None:
    module = importlib.import_module("transformers.integrations.integration_utils")
    wandb, faults = Wandb(), types.ModuleType("wandb.sdk.lib.config_util")
    faults.ConfigError = type("ConfigError", (Exception,), {})
    wandb.config = Settings()
    for name, value in {
        "wandb": wandb,
        "wandb.sdk": types.ModuleType("wandb.sdk"),
        "wandb.sdk.lib": types.ModuleType("wandb.sdk.lib"),
        "wandb.sdk.lib.config_util": faults,
    }.items():
        monkeypatch.setitem(sys.modules, name, value)
    monkeypatch.setattr(module, "is_wandb_available", lambda: True)
    run, _ = run_with(tmp_path, module.WandbCallback())
    assert wandb.config["learning_rate"] == 0.01
    assert wandb.config["vocab_size"] == 32
    assert wandb.config["model/num_parameters"] == run.model.num_parameters
    expected = [e["eval_loss"] for e in run.state.log_history if "eval_loss" in e]
    found = [e["eval/loss"] for e in wandb.logged if "eval/loss" in e]
    assert found == expected
    assert len(found) == 3


class Settings(dict[str, Any]):
    """Of a run; its `update` may replace what there is."""

    def update(self, other: dict[str, Any], *, allow_val_change: bool) -> None:
        super().update(other)


def test_a_real_tensorboard_file_is_written(transformers, tmp_path) -> None:
    pytest.importorskip("tensorboard")
    module = importlib.import_module("transformers.integrations.integration_utils")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_with(tmp_path, module.TensorBoardCallback())
    (file,) = tmp_path.rglob("events.out.tfevents.*")
    assert file.stat().st_size > 1000
