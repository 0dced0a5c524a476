"""Models whose matrices are held in blocks, made of numbers."""

from __future__ import annotations

from pathlib import Path

from vaccine_swift._arguments import check_word
from vaccine_swift.checkpoints.blocks import quantisations
from vaccine_swift.models.causal_lm import CausalLM
from vaccine_swift.models.engine_choice import EngineChoice
from vaccine_swift.models.loading import GGUF
from vaccine_swift.models.opening import open_directory

__all__ = ["quantize"]


def quantize(model: CausalLM | str | Path, kind: str = "q8_0") -> CausalLM:
    """A model with its frozen matrices in GGUF blocks, of dtype "gguf".

    Norms, biases and adapters stay float32. The embedding and the vocabulary matrix
    become Q8_0 in either kind; a matrix whose rows are no multiple of 32 long stays
    float32.

    Parameters
    ----------
    model : CausalLM, str or Path
        A model without an adapter, which stays as it is; or a Hugging Face directory,
        which is read and quantised one tensor at a time. A ``.gguf`` file needs no
        quantising: load it with ``CausalLM.from_pretrained(path, dtype="gguf")``.
    kind : {"q8_0", "q4_0"}
        32 numbers share a scale and are rounded to 8 or 4 bits, with it 1.06 or 0.56
        bytes a number.

    Returns
    -------
    CausalLM

    Raises
    ------
    TypeError
        When `model` is none of these.
    ValueError
        When `kind` is unknown, the model is held in blocks already, or the directory is
        faulty, as in `CausalLM.from_pretrained`.
    RuntimeError
        When the model has an adapter: merge or remove it first.
    MemoryError
        When the result does not fit.

    Examples
    --------
    >>> import vaccine_swift as vs
    >>> model = vs.CausalLM.from_config(vs.tiny_config())
    >>> small = vs.quantize(model, "q8_0")
    >>> small.dtype
    'gguf'
    >>> float(abs(small.logits([1, 2, 3]) - model.logits([1, 2, 3])).max()) < 0.01
    True
    """
    check_word("kind", kind, quantisations(), quoted=True)
    if isinstance(model, CausalLM):
        if model.dtype == GGUF:
            raise ValueError("model is held in blocks already")
        if model.adapter is not None or model.frozen_adapters:
            raise RuntimeError(
                "the model has an adapter; call merge_adapter or remove_adapter first"
            )
        return model._quantised(kind)
    if not isinstance(model, (str, Path)):
        raise TypeError(
            f"model must be a CausalLM or a directory, got {type(model).__name__}"
        )
    directory = Path(model)
    if not directory.is_dir():
        raise ValueError(
            f"model must be a Hugging Face directory, got {directory}; a .gguf file is "
            "loaded with CausalLM.from_pretrained(path, dtype='gguf')"
        )
    opened = open_directory(directory, GGUF, EngineChoice(), kind=kind)
    return CausalLM(**opened._asdict())
