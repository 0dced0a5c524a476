"""The base model that stages share: what one leaves in it, and the same bits."""

from __future__ import annotations

import contextlib
import gc
import shutil
import warnings
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from study_support import (
    tiny_study,
    without_clock,
    write_study_gguf,
    write_study_model,
)

import vaccine_swift as vs
from vaccine_swift import _core, study
from vaccine_swift.study.base_model import Adapted, BaseModel

SETTINGS = {"dtype": "float32"}
IDS = list(range(3, 40))


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return write_study_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def adapters(path, tmp_path_factory) -> list[Path]:
    """Two that change what the model computes."""
    return [
        write_adapter(path, tmp_path_factory.mktemp("adapter"), seed) for seed in (1, 2)
    ]


def write_adapter(path: Path, directory: Path, seed: int) -> Path:
    model = vs.CausalLM.from_pretrained(path)
    model.add_adapter(vs.LoRAConfig(r=2 + seed), seed=seed)
    generator = np.random.default_rng(seed)
    for name, values in model.adapter_state().items():
        numbers = 0.1 * generator.standard_normal(values.shape)
        model.core.write("adapter", name, numbers.astype(np.float32))
    model.save_adapter(directory)
    return directory


@pytest.fixture
def opened(monkeypatch) -> list[int]:
    """For each time that a file was opened, how many models there were before."""
    found: list[int] = []
    own = vs.CausalLM.from_pretrained

    def counted(*arguments, **options):
        found.append(models())
        return own(*arguments, **options)

    monkeypatch.setattr(vs.CausalLM, "from_pretrained", counted)
    return found


def models() -> int:
    return sum(type(each) is _core.Model for each in gc.get_objects())


def plainly(path: Path, adapted: Adapted, dtype: str = "float32") -> np.ndarray:
    """Logits of a model of its own, as a stage that opens the file makes it."""
    model = vs.CausalLM.from_pretrained(path, dtype=dtype)
    if adapted.below:
        model.load_adapter(adapted.below)
        model.merge_adapter()
    if adapted.above:
        model.load_adapter(adapted.above)
    return model.logits(IDS)


@pytest.mark.parametrize("kind", ["directory", "gguf"])
@pytest.mark.parametrize("dtype", _core.dtypes())
def test_each_borrower_gets_the_model_that_it_asked_for(
    path, tmp_path, adapters, opened, kind, dtype
):
    one, other = adapters
    if kind == "gguf":
        path = write_study_gguf(tmp_path / "model.gguf")
        one, other = (
            write_adapter(path, tmp_path / str(seed), seed) for seed in (1, 2)
        )
        opened.clear()
    base = BaseModel(path)
    wanted = [
        Adapted(),
        Adapted(above=one),
        Adapted(above=other),
        Adapted(),
        Adapted(below=one),
        Adapted(below=one, above=other),
        Adapted(below=one),
        Adapted(above=other),
        Adapted(below=other),
        Adapted(below=one),
        Adapted(),
    ]
    for adapted in wanted:
        with base.lent({"dtype": dtype}, adapted) as model:
            found = model.logits(IDS)
            assert (model.adapter is None) == (adapted.above is None)
        own = opened[:]
        np.testing.assert_array_equal(found, plainly(path, adapted, dtype))
        opened[:] = own
    assert len(opened) == 1


def test_nothing_that_a_borrower_did_is_seen_by_the_next(path, adapters):
    batch = vs.Batch.pack([vs.Example(IDS, IDS)])

    def done(model: vs.CausalLM) -> list[np.ndarray]:
        """What a training with dropout and a random perturbation shows of a model."""
        model.add_adapter(vs.LoRAConfig(r=2, lora_dropout=0.5), seed=1)
        report = model.forward_backward(batch, vs.RandomPerturbation(variance=0.1))
        found = [*model.gradients().values(), model.perturbations()]
        return [np.array([report.loss, report.clean_loss]), *found]

    expected = done(vs.CausalLM.from_pretrained(path))
    base = BaseModel(path)
    with base.lent(SETTINGS, Adapted(above=adapters[0])) as model:
        for _ in range(3):
            model.forward_backward(batch, vs.Vaccine(rho=5.0))
        model.core.set_frozen(names=[name for name, _ in model.core.tensors("adapter")])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.generate(["a"], 1)
    with base.lent(SETTINGS) as model:
        with pytest.raises(RuntimeError, match="the adapter has changed since"):
            model.perturbations()
        found = done(model)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


class Stopped(BaseException):
    """As Ctrl-C, at any place."""


@pytest.mark.parametrize("error", [ValueError, Stopped])
def test_weights_are_not_used_again_after_an_error(path, adapters, opened, error):
    base = BaseModel(path)
    with contextlib.suppress(error), base.lent(SETTINGS) as model:
        model.load_adapter(adapters[0])
        model.merge_adapter()
        raise error
    with base.lent(SETTINGS) as model:
        found = model.logits(IDS)
    assert len(opened) == 2
    np.testing.assert_array_equal(found, plainly(path, Adapted()))


def test_weights_in_blocks_keep_no_frozen_adapter(tmp_path, opened):
    path = write_study_gguf(tmp_path / "model.gguf")
    adapter = write_adapter(path, tmp_path / "adapter", 1)
    base = BaseModel(path)
    opened.clear()
    found = []
    for adapted in (Adapted(), Adapted(adapter), Adapted(adapter, adapter), Adapted()):
        with base.lent({"dtype": "gguf"}, adapted) as model:
            assert len(model.frozen_adapters) == (adapted.below is not None)
            found.append(model.logits(IDS))
    assert len(opened) == 1
    np.testing.assert_array_equal(found[0], found[3])
    assert len({each.tobytes() for each in found}) == 3


def test_one_model_is_there_at_a_time(path, adapters, opened):
    base = BaseModel(path)
    gc.collect()
    before = models()
    gc.disable()
    try:
        for adapted in (Adapted(adapters[0]), Adapted(), Adapted(adapters[1])):
            with base.lent(SETTINGS, adapted) as model:
                del model
        with base.lent({"dtype": "float32", "device": "cpu"}) as model:
            del model
    finally:
        gc.enable()
    assert opened == [before] * 2
    del base
    assert models() == before


def test_borrowers_at_the_same_time_have_a_model_each(path, adapters):
    base = BaseModel(path)
    with (
        base.lent(SETTINGS, Adapted(adapters[0])) as one,
        base.lent(SETTINGS) as other,
    ):
        assert one.core is not other.core
        found = one.logits(IDS), other.logits(IDS)
    for logits, adapted in zip(found, (Adapted(adapters[0]), Adapted()), strict=True):
        np.testing.assert_array_equal(logits, plainly(path, adapted))


def test_a_model_to_keep_has_weights_of_its_own(path, adapters):
    base = BaseModel(path)
    kept = base.model(SETTINGS)
    with base.lent(SETTINGS, Adapted(adapters[0], adapters[1])):
        pass
    np.testing.assert_array_equal(kept.logits(IDS), plainly(path, Adapted()))


@pytest.mark.filterwarnings("ignore:of .* rows:UserWarning")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_study_leaves_no_model_behind(path, tmp_path, workers):
    gc.collect()
    before = models()
    config = tiny_study(path, methods=("none", "sft"))
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        executor = pool if workers else None
        study.run(config, tmp_path, executor=executor, progress=False)
    gc.collect()
    assert models() == before


class Here(Executor):
    """Does a stage when it is submitted; its workshop knows of no other stage."""

    def submit(self, function, /, *arguments, **options):
        future: Future = Future()
        future.set_result(function(*arguments, **options))
        return future


@contextlib.contextmanager
def opened_anew(self, settings, adapted) -> Iterator[vs.CausalLM]:
    """In place of `BaseModel.lent`."""
    yield self.model(settings, adapted)


def test_states_that_end_the_drift_curve_are_not_read_again(
    path, tmp_path, monkeypatch
):
    read = []
    own = vs.CausalLM.hidden_states

    def counted(self, batch, **options):
        read.append(batch.sequences)
        return own(self, batch, **options)

    monkeypatch.setattr(vs.CausalLM, "hidden_states", counted)
    config = tiny_study(path, methods=("none", "sft"))
    first = study.run(config, tmp_path / "whole", progress=False)
    # 6 prompts at the attack's start and at steps 2 and 3, for each of two methods.
    assert sum(read) == 6 * 3 * 2
    read.clear()
    shutil.copytree(tmp_path / "whole", tmp_path / "resumed")
    for folder in (tmp_path / "resumed" / "stages").glob("drift-*"):
        shutil.rmtree(folder)
    again = study.run(config, tmp_path / "resumed", progress=False)
    assert sum(read) == 6 * 2 * 2
    assert without_clock(again.rows) == without_clock(first.rows)


@pytest.mark.parametrize("lora", ["double", "single"])
@pytest.mark.parametrize("dtype", [*_core.dtypes(), "gguf"])
def test_a_study_has_the_bits_of_models_opened_for_each_stage(
    path, tmp_path, opened, monkeypatch, lora, dtype
):
    config = tiny_study(
        write_study_gguf(tmp_path / "model.gguf") if dtype == "gguf" else path,
        methods=("none", "sft", "vaccine"),
        poison=(0, 0.2),
        lora=lora,
        dtype=dtype,
    )
    shared = study.run(config, tmp_path / "shared", progress=False)
    assert len(opened) == 1
    opened.clear()
    monkeypatch.setattr(BaseModel, "lent", opened_anew)
    anew = study.run(config, tmp_path / "anew", executor=Here(), progress=False)
    # 23 stages, of which 6 read two models.
    assert len(opened) == 23 + 6
    assert without_clock(shared.rows) == without_clock(anew.rows)
    files = list((tmp_path / "anew" / "stages").glob("*/adapter_model.safetensors"))
    assert len(files) == 8
    for file in files:
        other = tmp_path / "shared" / "stages" / file.parent.name / file.name
        assert other.read_bytes() == file.read_bytes()
