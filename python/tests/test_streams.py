"""Data streams beside the training rows, and a method's state in checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from training_support import adapter_bytes, examples, tiny_model

import vaccine_swift as vs
from vaccine_swift.training.streams import MethodState, Stream


@pytest.fixture
def mixing():
    """Adds a share of another stream's gradient, and keeps a running mean of it."""

    @dataclass(frozen=True)
    class Mixing(vs.Method):
        """Some of the gradient of other rows."""

        name = "mixing"
        streams = ("other",)
        share: float = vs.option(0.5, minimum=0.0)

        def gradient(self, step: vs.Step) -> vs.StepReport:
            step.forward_backward(step.next_batch("other"), weight=self.share)
            mean = step.vector("mean")
            mean.scale(0.9)
            mean.axpy(0.1, step.gradient)
            noise = step.random().standard_normal(mean.numpy().size)
            jitter = step.engine.zeros()
            jitter.write(1e-3 * noise)
            step.gradient.axpy(1.0, jitter)
            step.gradient.axpy(0.5, mean)
            step.state["count"] = step.state.get("count", np.zeros(2, np.int64)) + 1
            return step.forward_backward()

    yield Mixing
    vs.methods.unregister("mixing")


def trainer(directory, method, streams, **changes) -> vs.Trainer:
    settings = {
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 3,
        "max_steps": 6,
        "save_steps": 2,
        "disable_tqdm": True,
        "report_to": "none",
    } | changes
    return vs.Trainer(
        tiny_model(dropout=0.1),
        vs.TrainingArguments(directory, **settings),
        train_dataset=examples(7),
        method=method,
        streams=streams,
    )


def test_a_resumed_run_draws_the_same_streams_and_has_the_same_bits(
    mixing, tmp_path
) -> None:
    streams = {"other": examples(5, seed=9)}
    whole = trainer(tmp_path / "whole", mixing(), streams)
    whole.train()
    for step in (2, 4):
        again = trainer(tmp_path / f"from-{step}", mixing(), streams)
        again.train(tmp_path / "whole" / f"checkpoint-{step}")
        assert adapter_bytes(again.model) == adapter_bytes(whole.model), step
    kept = load_file(tmp_path / "whole" / "checkpoint-4" / "method.safetensors")
    assert kept["stream.other"] == 4
    np.testing.assert_array_equal(kept["state.count"], [4, 4])
    assert set(kept) == {"stream.other", "state.count", "state.mean"}


def test_methods_without_state_write_no_file_of_it(tmp_path) -> None:
    trainer(tmp_path, vs.Vaccine(), None).train()
    assert not (tmp_path / "checkpoint-6" / "method.safetensors").exists()


def test_a_run_on_other_streams_is_another_run(mixing, tmp_path) -> None:
    trainer(tmp_path, mixing(), {"other": examples(5, seed=9)}).train()
    other = trainer(tmp_path, mixing(), {"other": examples(5, seed=10)})
    with pytest.raises(ValueError, match=r"streams\['other'\] \(fingerprint\) was"):
        other.train(tmp_path / "checkpoint-2")


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        (None, "streams must have 'other' for mixing, got"),
        ({}, "streams must have 'other' for mixing, got"),
        ({"other": [], "harmful": []}, "mixing reads other, got a stream 'harmful'"),
        ({3: []}, "streams must have names of letters"),
        ({"a b": []}, "streams must have names of letters"),
        ([("other", [])], "streams must map names"),
    ],
)
def test_streams_are_those_that_the_method_reads(
    mixing, tmp_path, streams, message
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        trainer(tmp_path, mixing(), streams)


def test_a_method_without_streams_takes_none(tmp_path) -> None:
    with pytest.raises(ValueError, match="vaccine reads none, got a stream 'other'"):
        trainer(tmp_path, vs.Vaccine(), {"other": examples(2)})


def test_a_stream_is_checked_like_the_training_rows(mixing, tmp_path) -> None:
    unsupervised = [vs.Example([1, 2], [-100, -100])]
    with pytest.raises(ValueError, match=r"streams\['other'\]\[0\] must supervise"):
        trainer(tmp_path, mixing(), {"other": unsupervised}).train()
    beyond = [vs.Example([1, 10**6], [-100, 1])]
    with pytest.raises(ValueError, match=r"streams\['other'\] must hold token ids"):
        trainer(tmp_path, mixing(), {"other": beyond}).train()


def test_every_epoch_of_a_stream_has_each_row_once_in_another_order() -> None:
    rows = [vs.Example([index, 1], [-100, 1]) for index in range(10)]
    stream = Stream("a", rows, 4, seed=3)
    epochs = []
    for _ in range(3):
        batches = [stream() for _ in range(3)]
        assert [batch.sequences for batch in batches] == [4, 4, 2]
        epochs.append([int(b.input_ids[i]) for b in batches for i in b.offsets[:-1]])
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    other = Stream("b", rows, 10, seed=3)()
    assert other.input_ids[::2].tolist() != epochs[0]
    assert Stream("a", rows, 4, seed=3).largest_batch() == 8


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"stream.other": np.array([1, 2])},
        {"stream.other": np.array(-1)},
        {"stream.other": np.array(2**60)},
        {"stream.other": np.array(np.nan)},
        None,
    ],
)
def test_a_damaged_state_is_refused_by_its_file(tmp_path, tensors) -> None:
    path = tmp_path / "method.safetensors"
    if tensors is None:
        path.write_bytes(b"nothing of the kind")
    else:
        save_file(tensors, path)
    state = MethodState([Stream("other", examples(3), 2, seed=0)])
    with pytest.raises(ValueError, match=r"method.safetensors is no state"):
        state.load(tmp_path)


def test_a_state_that_no_file_can_hold_is_refused(tmp_path) -> None:
    state = MethodState([])
    state.values["words"] = ["a"]
    with pytest.raises(TypeError, match="numeric arrays and vectors, got list under"):
        state.save(tmp_path)


def test_what_a_method_freezes_is_trained_again_by_the_next_one(tmp_path) -> None:
    @dataclass(frozen=True)
    class Frozen(vs.Method):
        """Trains nothing."""

        def gradient(self, step: vs.Step) -> vs.StepReport:
            step.freeze(step.engine.names)
            return step.forward_backward()

    model = tiny_model()
    batch = vs.Batch.pack(examples(3))
    model.forward_backward(batch, Frozen())
    assert not any(value.any() for value in model.gradients().values())
    model.forward_backward(batch, vs.SFT())
    assert all(value.any() for value in model.gradients().values())
    name = model.engine.names[0]
    model.engine.freeze([name])
    model.zero_gradients()
    for _ in range(2):
        model.forward_backward(batch, vs.SFT())
        assert not model.gradients()[name].any()
