"""What a training run computes: laws and independent recomputation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from training_support import (
    Recorder,
    adapter_bytes,
    examples,
    relative_error,
    tiny_model,
    trainer,
    without_times,
)

import vaccine_swift as vs


def recorded(tmp_path, **settings) -> tuple[vs.Trainer, Recorder]:
    recorder = Recorder()
    run = trainer(tmp_path, callbacks=[recorder], **settings)
    run.train()
    return run, recorder


def test_accumulated_sft_gradients_are_those_of_the_large_batch(tmp_path) -> None:
    common = {"method": vs.SFT(), "learning_rate": 1e-3, "num_train_epochs": 2}
    small, several = recorded(
        tmp_path,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=3,
        **common,
    )
    large, one = recorded(tmp_path, per_device_train_batch_size=6, **common)
    assert len(several.gradients) == len(one.gradients) == 4
    first, expected = several.gradients[0], one.gradients[0]
    # Float32 sums over other groups of tokens: 2.2e-6 is the most that was seen, for
    # v_proj of layer 0.
    for name in expected:
        assert relative_error(first[name], expected[name]) <= 5e-6
    for mine, other in zip(several.metrics, one.metrics, strict=True):
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-6)
    for name, value in large.model.adapter_state().items():
        assert relative_error(small.model.adapter_state()[name], value) <= 1e-5


def test_accumulated_vaccine_gradients_are_the_weighted_sum(tmp_path) -> None:
    method = vs.Vaccine(rho=0.5)
    data = examples(6)
    _, recorder = recorded(
        tmp_path, data=data, method=method, gradient_accumulation_steps=3, seed=7
    )
    packed = []
    spy = tiny_model()
    order = _order(tmp_path, data)
    total = sum(data[index].supervised for index in order)
    expected: dict[str, np.ndarray] = {}
    for stream in range(3):
        batch = vs.Batch.pack(data[i] for i in order[2 * stream : 2 * stream + 2])
        packed.append(batch)
        spy.zero_gradients()
        report = spy.forward_backward(batch, method, seed=7, stream=stream)
        assert np.linalg.norm(report.perturbation_norms) == pytest.approx(0.5, rel=1e-5)
        for name, value in spy.gradients().items():
            share = batch.supervised / total * value.astype(np.float64)
            expected[name] = expected.get(name, 0.0) + share
    for name, value in recorder.gradients[0].items():
        assert relative_error(value, expected[name]) <= 1e-6


def _order(tmp_path, data: list[vs.Example]) -> list[int]:
    """The order in which the first epoch takes the examples, by watching a run."""
    taken: list[int] = []

    class Watched(list):
        def __getitem__(self, index):
            taken.append(index)
            return super().__getitem__(index)

    watched = Watched(data)
    trainer(tmp_path, data=watched, seed=7).train()
    return taken[-len(data) :]


def test_weights_follow_adamw_with_clipping_and_decay(tmp_path) -> None:
    run, recorder = recorded(
        tmp_path,
        method=vs.Vaccine(rho=2.0),
        learning_rate=5e-3,
        weight_decay=0.1,
        max_grad_norm=0.05,
        lr_scheduler_type="cosine",
        warmup_ratio=0.1,
        num_train_epochs=3,
    )
    weights = {k: v.astype(np.float64) for k, v in recorder.weights[0].items()}
    first = {name: np.zeros_like(value) for name, value in weights.items()}
    second = {name: np.zeros_like(value) for name, value in weights.items()}
    for step, gradients in enumerate(recorder.gradients):
        norm = math.sqrt(
            sum(float((g.astype(np.float64) ** 2).sum()) for g in gradients.values())
        )
        assert recorder.metrics[step]["grad_norm"] == pytest.approx(norm, rel=1e-6)
        clip = min(1.0, 0.05 / (norm + 1e-6))
        rate = recorder.metrics[step]["learning_rate"]
        for name, value in weights.items():
            g = clip * gradients[name].astype(np.float64)
            value *= 1 - rate * 0.1
            first[name] = 0.9 * first[name] + 0.1 * g
            second[name] = 0.999 * second[name] + 0.001 * g**2
            root = np.sqrt(second[name] / (1 - 0.999 ** (step + 1))) + 1e-8
            value -= rate * first[name] / (1 - 0.9 ** (step + 1)) / root
    assert len(recorder.gradients) == 18
    assert max(m["grad_norm"] for m in recorder.metrics) > 0.05
    for name, value in run.model.adapter_state().items():
        assert relative_error(value, weights[name]) <= 1e-5


def test_zero_rho_is_sft_bit_for_bit(tmp_path) -> None:
    settings = {"num_train_epochs": 2, "seed": 3}
    sft = trainer(tmp_path, model=tiny_model(dropout=0.2), method=vs.SFT(), **settings)
    zero = trainer(
        tmp_path, model=tiny_model(dropout=0.2), method=vs.Vaccine(0.0), **settings
    )
    sft.train()
    zero.train()
    assert adapter_bytes(sft.model) == adapter_bytes(zero.model)


def test_every_tau_takes_plain_steps_between(tmp_path) -> None:
    _, recorder = recorded(tmp_path, method=vs.Vaccine(rho=2.0, every=3))
    perturbed = [m["loss"] != m["clean_loss"] for m in recorder.metrics]
    assert perturbed == [True, False, False, True, False, False]


def test_equal_settings_give_equal_bits(tmp_path) -> None:
    runs = []
    for _ in range(2):
        run = trainer(
            tmp_path,
            model=tiny_model(dropout=0.1),
            evaluation=examples(5, seed=1),
            logging_steps=2,
            eval_strategy="epoch",
            num_train_epochs=2,
        )
        run.train()
        runs.append(run)
    assert adapter_bytes(runs[0].model) == adapter_bytes(runs[1].model)
    first, second = (without_times(run.state.log_history) for run in runs)
    assert first == second


@pytest.mark.parametrize("setting", [{"seed": 1}, {"data_seed": 1}])
def test_another_seed_gives_another_run(tmp_path, setting) -> None:
    runs = [trainer(tmp_path, **settings) for settings in ({}, setting)]
    for run in runs:
        run.train()
    assert adapter_bytes(runs[0].model) != adapter_bytes(runs[1].model)


@pytest.mark.parametrize(
    "method", [vs.SFT(), vs.Vaccine(rho=0.1), vs.RandomPerturbation(1e-4)]
)
def test_training_lowers_the_loss(tmp_path, method) -> None:
    data = examples(2)
    run = trainer(
        tmp_path,
        data=data,
        evaluation=data,
        method=method,
        max_steps=150,
        learning_rate=2e-2,
    )
    # The frozen head's logits have a spread of 0.08, so no loss is far below log(32).
    before = run.evaluate()["eval_loss"]
    assert run.train().global_step == 150
    assert run.evaluate()["eval_loss"] < before - 0.2


def test_every_epoch_takes_every_example_once_in_a_new_order(tmp_path) -> None:
    data = examples(7)
    identities = {id(example): index for index, example in enumerate(data)}
    orders: list[list[int]] = []

    class Watched(list):
        def __getitem__(self, index):
            orders.append(identities[id(super().__getitem__(index))])
            return super().__getitem__(index)

    trainer(tmp_path, data=Watched(data), num_train_epochs=3).train()
    survey, epochs = orders[:7], [orders[7 * n : 7 * n + 7] for n in (1, 2, 3)]
    assert survey == list(range(7))
    assert all(sorted(epoch) == survey for epoch in epochs)
    assert len({tuple(epoch) for epoch in [survey, *epochs]}) == 4


@pytest.mark.parametrize(
    ("settings", "steps", "epoch"),
    [
        ({}, 6, 1.0),
        ({"num_train_epochs": 2.5}, 15, 2.5),
        ({"max_steps": 4}, 4, 4 / 6),
        ({"max_steps": 14}, 14, 14 / 6),
        ({"per_device_train_batch_size": 5}, 3, 1.0),
        ({"per_device_train_batch_size": 5, "dataloader_drop_last": True}, 2, 1.0),
        ({"gradient_accumulation_steps": 4}, 2, 1.0),
    ],
)
def test_a_run_has_the_steps_of_transformers(tmp_path, settings, steps, epoch) -> None:
    run = trainer(tmp_path, **settings)
    assert run.train().global_step == steps
    assert run.state.max_steps == steps
    assert run.state.epoch == pytest.approx(epoch)


def test_the_evaluation_loss_weighs_tokens_not_batches(tmp_path) -> None:
    data = examples(7, seed=2)
    expected = [tiny_model().loss(vs.Batch.pack([example])) for example in data]
    mean = sum(loss * count for loss, count in expected)
    mean /= sum(count for _, count in expected)
    for size in (1, 3, 7):
        run = trainer(tmp_path, evaluation=data, per_device_eval_batch_size=size)
        assert run.evaluate()["eval_loss"] == pytest.approx(mean, rel=1e-6)


def test_evaluation_changes_nothing(tmp_path) -> None:
    runs = [
        trainer(
            tmp_path,
            model=tiny_model(dropout=0.2),
            evaluation=examples(3, seed=4),
            eval_strategy=strategy,
            eval_steps=1,
        )
        for strategy in ("no", "steps")
    ]
    for run in runs:
        run.train()
    assert adapter_bytes(runs[0].model) == adapter_bytes(runs[1].model)


@pytest.mark.parametrize("drop_last", [False, True])
def test_memory_is_reserved_for_the_largest_batch(tmp_path, drop_last) -> None:
    model = tiny_model()
    reserved, used = [], []
    reserve, forward_backward = model.reserve, model.forward_backward
    model.reserve = lambda *a, **k: (reserved.append(a), reserve(*a, **k))[1]
    model.forward_backward = lambda batch, *a, **k: (
        used.append((batch.tokens, batch.sequences)),
        forward_backward(batch, *a, **k),
    )[1]
    run = trainer(
        tmp_path,
        model=model,
        data=examples(11),
        num_train_epochs=3,
        dataloader_drop_last=drop_last,
        per_device_train_batch_size=4,
    )
    run.train()
    assert reserved == [(max(tokens for tokens, _ in used), 4)]
