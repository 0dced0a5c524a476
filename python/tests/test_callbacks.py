"""Events: their order, what callbacks get, and what their switches do."""

from __future__ import annotations

from pathlib import Path

import pytest
from training_support import examples, tiny_model, trainer

import vaccine_swift as vs
from vaccine_swift.training import ProgressCallback
from vaccine_swift.training.callbacks import EVENTS


class Listener:
    """Writes down every event; derives from nothing."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.keywords: dict[str, set[str]] = {}

    def __getattr__(self, name: str):
        if name not in EVENTS:
            raise AttributeError(name)

        def note(args, state, control, **kwargs):
            assert isinstance(args, vs.TrainingArguments)
            assert isinstance(state, vs.TrainerState)
            assert isinstance(control, vs.TrainerControl)
            self.events.append(name)
            self.keywords[name] = set(kwargs)

        return note


def test_events_come_in_the_order_of_transformers(tmp_path) -> None:
    listener = Listener()
    trainer(
        tmp_path,
        data=examples(3),
        evaluation=examples(1),
        callbacks=[listener],
        per_device_train_batch_size=1,
        gradient_accumulation_steps=2,
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="steps",
        save_steps=2,
    ).train()
    assert listener.events == [
        "on_init_end",
        "on_train_begin",
        "on_epoch_begin",
        "on_step_begin",
        "on_substep_end",
        "on_pre_optimizer_step",
        "on_optimizer_step",
        "on_step_end",
        "on_log",
        "on_step_begin",
        "on_pre_optimizer_step",
        "on_optimizer_step",
        "on_step_end",
        "on_log",
        "on_prediction_step",
        "on_log",
        "on_evaluate",
        "on_save",
        "on_epoch_end",
        "on_log",
        "on_train_end",
    ]
    for keywords in listener.keywords.values():
        assert {"model", "processing_class", "optimizer"} <= keywords
    assert "logs" in listener.keywords["on_log"]
    assert "metrics" in listener.keywords["on_evaluate"]


def test_epoch_strategies_act_after_the_epoch(tmp_path) -> None:
    listener = Listener()
    trainer(
        tmp_path,
        data=examples(2),
        evaluation=examples(1),
        callbacks=[listener],
        logging_strategy="epoch",
        eval_strategy="epoch",
        save_strategy="epoch",
    ).train()
    assert listener.events[-8:] == [
        "on_epoch_end",
        "on_log",
        "on_prediction_step",
        "on_log",
        "on_evaluate",
        "on_save",
        "on_log",
        "on_train_end",
    ]


class Switch(vs.TrainerCallback):
    """Sets one switch at the end of one step."""

    def __init__(self, name: str, step: int) -> None:
        self.name, self.step = name, step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            setattr(control, self.name, True)


def test_a_callback_can_stop_the_run(tmp_path) -> None:
    run = trainer(tmp_path, callbacks=[Switch("should_training_stop", 2)])
    assert run.train().global_step == 2


def test_a_callback_can_end_the_epoch(tmp_path) -> None:
    switch = Switch("should_epoch_stop", 2)
    run = trainer(tmp_path, callbacks=[switch], num_train_epochs=2)
    assert run.train().global_step == 2 + 6


def test_a_callback_can_ask_for_a_log_an_evaluation_and_a_checkpoint(tmp_path) -> None:
    names = ("should_log", "should_evaluate", "should_save")
    run = trainer(
        tmp_path,
        evaluation=examples(1),
        callbacks=[Switch(name, 3) for name in names],
        logging_strategy="no",
    )
    run.train()
    kinds = [set(entry) & {"loss", "eval_loss"} for entry in run.state.log_history]
    assert kinds == [{"loss"}, {"eval_loss"}, set()]
    assert [entry["step"] for entry in run.state.log_history] == [3, 3, 6]
    assert (tmp_path / "checkpoint-3").is_dir()


def test_a_callback_may_return_another_control(tmp_path) -> None:
    class Stopping:
        def on_step_end(self, args, state, control, **kwargs):
            return vs.TrainerControl(should_training_stop=True)

    run = trainer(tmp_path, callbacks=[Stopping])
    assert run.train().global_step == 1


def test_callbacks_are_added_removed_and_popped(tmp_path) -> None:
    run = trainer(tmp_path)
    listener = Listener()
    run.add_callback(listener)
    run.add_callback(ProgressCallback)
    assert run.pop_callback(listener) is listener
    run.remove_callback(ProgressCallback)
    assert run.pop_callback(ProgressCallback) is None
    run.train()
    assert listener.events == []


def test_what_has_no_event_is_no_callback(tmp_path) -> None:
    with pytest.raises(TypeError, match="must have a method of an event .*, got int"):
        trainer(tmp_path, callbacks=[3])


class Scripted(vs.CausalLM):
    """A model whose evaluation losses are given."""

    def __new__(cls, losses: list[float]):
        model = tiny_model()
        given = iter(losses)
        model.loss = lambda batch: (next(given), batch.supervised)
        return model


def early_stopped(tmp_path: Path, losses: list[float], **settings) -> vs.Trainer:
    patience = settings.pop("patience", 1)
    threshold = settings.pop("threshold", 0.0)
    run = trainer(
        tmp_path,
        model=Scripted(losses),
        evaluation=examples(1),
        callbacks=[vs.EarlyStoppingCallback(patience, threshold)],
        eval_strategy="steps",
        eval_steps=1,
        metric_for_best_model="eval_loss",
        **settings,
    )
    run.train()
    return run


@pytest.mark.parametrize(
    ("losses", "patience", "threshold", "steps"),
    [
        ([3.0, 2.0, 2.0, 1.0, 0.5, 0.4], 1, 0.0, 3),
        ([3.0, 2.0, 2.5, 1.9, 1.95, 1.96], 2, 0.0, 6),
        ([3.0, 2.99, 2.98, 2.5, 2.49, 2.48], 1, 0.1, 2),
        ([3.0, 2.5, 2.0, 1.5, 1.0, 0.5], 1, 0.0, 6),
    ],
)
def test_a_run_stops_early_after_its_patience(
    tmp_path, losses, patience, threshold, steps
) -> None:
    run = early_stopped(tmp_path, losses, patience=patience, threshold=threshold)
    assert run.state.global_step == steps


def test_a_greater_metric_can_be_the_better(tmp_path) -> None:
    run = early_stopped(tmp_path, [1.0, 2.0, 1.5], greater_is_better=True)
    assert run.state.global_step == 3
    assert (run.state.best_metric, run.state.best_global_step) == (2.0, 2)


def test_early_stopping_refuses_a_run_that_never_evaluates(tmp_path) -> None:
    run = trainer(tmp_path, callbacks=[vs.EarlyStoppingCallback()])
    with pytest.raises(ValueError, match="needs metric_for_best_model and an"):
        run.train()


@pytest.mark.parametrize("bad", [{"early_stopping_patience": 0}])
def test_early_stopping_refuses_a_bad_patience(bad) -> None:
    with pytest.raises(ValueError, match="early_stopping_patience must be"):
        vs.EarlyStoppingCallback(**bad)


def test_an_unknown_metric_is_refused_by_name(tmp_path) -> None:
    run = trainer(
        tmp_path,
        evaluation=examples(1),
        eval_strategy="epoch",
        metric_for_best_model="eval_los",
    )
    with pytest.raises(
        ValueError, match="metric_for_best_model .*Did you mean 'eval_loss'"
    ):
        run.train()
