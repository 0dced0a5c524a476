"""`drift.capture`: outputs of any module of torch, against what the model says."""

from __future__ import annotations

import numpy as np
import pytest

from vaccine_swift import drift

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]


class Pictures(torch.nn.Module):
    """Two convolutions, the second of which is written over in place."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first = torch.nn.Conv2d(3, 4, 3)
        self.second = torch.nn.Conv2d(4, 4, 3)
        self.over = torch.nn.ReLU(inplace=True)
        self.head = torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.over(self.second(self.first(x))).mean((2, 3)))


def channels(x: torch.Tensor) -> torch.Tensor:
    return x.mean((2, 3))


def llama(seed: int = 0, **settings: object) -> torch.nn.Module:
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        **settings,
    )
    return transformers.LlamaForCausalLM(config).eval()


IDS = torch.arange(24).reshape(3, 8) % 50


def test_the_stream_is_what_transformers_calls_hidden_states() -> None:
    model = llama()
    with drift.capture(model, what="residual") as seen, torch.no_grad():
        told = model(IDS, output_hidden_states=True).hidden_states
    assert seen.names == tuple(f"model.layers.{k}" for k in range(3))
    taken = seen.take()
    assert taken.shape == (3, 24, 16)
    assert taken.dtype == np.float32
    # The last of transformers' is behind the final norm.
    for ours, theirs in zip(taken[:2], told[1:3], strict=True):
        np.testing.assert_array_equal(ours, theirs.reshape(-1, 16).numpy())
    normed = model.model.norm(torch.from_numpy(taken[2])).detach().numpy()
    np.testing.assert_allclose(normed, told[3].reshape(-1, 16).numpy(), atol=1e-6)


@pytest.mark.parametrize("what", ["attention", "residual", "mlp"])
def test_two_models_give_the_report_that_compare_gives(what) -> None:
    import vaccine_swift as vs

    before, after = llama(0), llama(1)
    mask = torch.tensor([[1] * 8, [1] * 5 + [0] * 3, [1] * 2 + [0] * 6])
    rows = [
        vs.Example(ids[row.bool()].numpy(), ids[row.bool()].numpy())
        for ids, row in zip(IDS, mask, strict=True)
    ]
    expected = drift.compare(before, after, rows, what=what).report(tests=[])
    found = drift.Accumulator(layers=3, width=16)
    with (
        drift.capture(before, what=what) as old,
        drift.capture(after, what=what) as new,
        torch.no_grad(),
    ):
        before(IDS, attention_mask=mask)
        after(IDS, attention_mask=mask)
        ids = np.repeat(np.arange(3), mask.sum(1))
        found.update(old.take(mask), new.take(mask.bool().tolist()), ids=ids)
    for ours, theirs in zip(
        found.report(tests=[]).to_dict()["layers"],
        expected.to_dict()["layers"],
        strict=True,
    ):
        for name in ("rms", "relative_drift", "cosine"):
            assert ours[name]["value"] == pytest.approx(theirs[name]["value"], rel=1e-5)


def test_modules_of_any_model_by_pattern_and_selection() -> None:
    model, x = Pictures(), torch.randn(5, 3, 8, 8)
    with drift.capture(model, ["second", "fir*"], select=channels) as seen:
        model(x)
    assert seen.names == ("first", "second")
    first = model.first(x)
    np.testing.assert_array_equal(seen["first"], channels(first).detach())
    second = channels(model.second(first)).detach()
    np.testing.assert_array_equal(seen["second"], second)
    assert (second < 0).any(), "the next layer writes over what is negative"
    np.testing.assert_array_equal(
        seen.take(), torch.stack([channels(first).detach(), second])
    )


def test_outputs_are_copies_of_what_the_module_put_out() -> None:
    model, x = Pictures(), torch.randn(5, 3, 8, 8)
    with drift.capture(model, "second", select=lambda x: x.permute(0, 2, 3, 1)) as seen:
        model(x)
    values = model.second(model.first(x)).permute(0, 2, 3, 1).reshape(-1, 4)
    np.testing.assert_array_equal(seen["second"], values.detach())
    assert (values < 0).any()


def test_calls_add_up_until_they_are_taken_and_the_model_stays_as_it_was() -> None:
    model = Pictures().train()
    first, second = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 9, 9)
    plain = model(first)
    seen = drift.capture(model, "head")
    model(first)
    with pytest.raises(ValueError, match="head was not called"):
        seen.take()
    with seen:
        given = model(first)
        model(second)
        with pytest.raises(RuntimeError, match="with block already"), seen:
            pass
        model(second)
    model(second)
    assert model.training
    assert not seen["head"].requires_grad
    assert torch.equal(given, plain)
    given.sum().backward()
    assert model.head.weight.grad is not None
    np.testing.assert_array_equal(
        seen.take()[0], torch.cat([plain, model(second), model(second)]).detach()
    )
    with pytest.raises(ValueError, match="head was not called since"):
        seen["head"]
    assert not model.head._forward_hooks


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_every_dtype_goes_into_an_accumulator_as_it_is(dtype) -> None:
    kind = getattr(torch, dtype)
    model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Linear(4, 4)).to(kind)
    x = torch.randn(7, 6).to(kind)
    with drift.capture(model, "*") as seen:
        model(x)
    assert seen["1"].dtype == kind
    expected = torch.stack([model[0](x), model(x)]).detach()
    taken = seen.take()
    assert taken.dtype == (np.float32 if dtype == "bfloat16" else np.dtype(dtype))
    np.testing.assert_array_equal(taken, expected.double().numpy())
    accumulator = drift.Accumulator(layers=2, width=4)
    accumulator.update(taken, taken, ids=range(7))
    assert accumulator.rows == 7


def test_what_cannot_be_captured_is_refused_by_name() -> None:
    model = Pictures()
    with pytest.raises(ValueError, match=r"no module 'frist'.* Did you mean 'first'"):
        drift.capture(model, "frist")
    with pytest.raises(ValueError, match="names must hold at least one"):
        drift.capture(model, [])
    with pytest.raises(TypeError, match="names must be str, got int"):
        drift.capture(model, [1])
    with pytest.raises(ValueError, match=r"torch\.nn\.ModuleList"):
        drift.capture(model)
    with pytest.raises(TypeError, match="select must be callable"):
        drift.capture(model, "head", select=3)
    x = torch.randn(2, 3, 8, 8)
    with drift.capture(model, ["first", "head"]) as seen:
        model(x)
    with pytest.raises(ValueError, match=r"first gave \[48, 6\], head \[2, 2\]"):
        seen.take()
    with pytest.raises(KeyError, match="Did you mean 'first'"):
        seen["frist"]
    assert seen["head"].shape == (2, 2), "nothing is forgotten"
    with drift.capture(model, "head") as seen:
        model(x)
    with pytest.raises(ValueError, match="mask must have an element for each of 2"):
        seen.take([True])
    flat = drift.capture(model, "head", select=lambda x: x.sum())
    with pytest.raises(ValueError, match=r"head: rows must be .*got shape \[\]"), flat:
        model(x)
    other = drift.capture(model, "head", select=lambda x: x.tolist())
    with pytest.raises(TypeError, match="select must return a tensor, got list"), other:
        model(x)
    assert not model.head._forward_hooks

    class Words(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> str:
            return "word"

    said = torch.nn.Sequential(Words())
    nothing = drift.capture(said, "0")
    with pytest.raises(TypeError, match="0 must put out a tensor.*got str"), nothing:
        said(x)


@pytest.mark.parametrize("kind", [tuple, list, dict])
def test_the_first_of_several_outputs_is_taken(kind) -> None:
    class Several(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> object:
            return {"one": x, "two": 0} if kind is dict else kind([x, None])

    model = torch.nn.Sequential(Several())
    with drift.capture(model, "0") as seen:
        model(torch.ones(2, 3))
    assert seen.take().shape == (1, 2, 3)
