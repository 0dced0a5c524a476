"""The parts of a `CausalLM` out of files: weights, configuration, tokeniser."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from vaccine_swift import _core
from vaccine_swift.checkpoints.directory import (
    CONFIG_FILE,
    GENERATION_FILE,
    WeightsDirectory,
)
from vaccine_swift.checkpoints.gguf import GGUFFile
from vaccine_swift.checkpoints.gguf_vocabulary import UnknownVocabularyError
from vaccine_swift.checkpoints.hub import hub_hint
from vaccine_swift.checkpoints.json_files import read_json, read_json_if_any
from vaccine_swift.checkpoints.tensors import TensorSource
from vaccine_swift.checkpoints.text_part import text_settings, text_tensors
from vaccine_swift.checkpoints.tokenizer_files import TOKENIZER_FILES
from vaccine_swift.families import core_configuration
from vaccine_swift.files import settle
from vaccine_swift.models.core_weights import CoreWeights
from vaccine_swift.models.loading import GGUF, loaded_model
from vaccine_swift.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from vaccine_swift.engines.torch import TorchModel
    from vaccine_swift.models.engine_choice import EngineChoice

__all__ = ["OpenedModel", "open_directory", "open_path", "restore_weights"]


class OpenedModel(NamedTuple):
    """What `CausalLM` is made of, named as its constructor names it."""

    model: _core.Model | TorchModel
    config: Mapping[str, Any]
    generation_config: Mapping[str, Any]
    tokenizer: Tokenizer | None
    name: str


def open_path(
    path: Path, dtype: str, choice: EngineChoice, *, mapped: bool
) -> OpenedModel:
    """A model of a Hugging Face directory or a ``.gguf`` file.

    Parameters
    ----------
    path : Path
        Where it is.
    dtype : str
        One that `choice` has.
    choice : EngineChoice
        What holds the weights.
    mapped : bool
        Whether the blocks of a ``.gguf`` file are read where it is mapped.

    Raises
    ------
    FileNotFoundError, ValueError, MemoryError
        As `CausalLM.from_pretrained`.
    """
    if path.is_dir():
        if dtype == GGUF:
            raise ValueError(
                f"dtype 'gguf' is for .gguf files, but {path} is a directory; "
                "vaccine_swift.quantize makes blocks of its weights"
            )
        return open_directory(path, dtype, choice)
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: no such Hugging Face directory or .gguf file (models are "
            f"not downloaded){hub_hint(path)}"
        )
    if path.suffix.lower() != ".gguf":
        raise ValueError(
            f"path must be a Hugging Face directory or a .gguf file, got {path}"
        )
    return _open_gguf(path, dtype, choice, mapped=mapped)


def open_directory(
    directory: Path, dtype: str, choice: EngineChoice, *, kind: str | None = None
) -> OpenedModel:
    """A model of a Hugging Face directory, quantised where `kind` says how.

    Raises
    ------
    FileNotFoundError, ValueError, MemoryError
        As `CausalLM.from_pretrained`.
    """
    settle(directory)
    place = directory / CONFIG_FILE
    if not place.is_file():
        adapter = (directory / "adapter_config.json").exists()
        remedy = (
            "; it holds an adapter: load the base model, then call model.load_adapter"
        )
        raise FileNotFoundError(f"{directory}: no {CONFIG_FILE}{remedy * adapter}")
    whole = read_json(place)
    config = text_settings(whole, str(place))
    fields = core_configuration(config, dtype=dtype, source=str(place))
    model = loaded_model(
        fields,
        text_tensors(whole, WeightsDirectory(directory)),
        kind=kind,
        model=choice.empty(fields, config),
    )
    generation_config = read_json_if_any(directory / GENERATION_FILE)
    tokenizer = None
    if any((directory / name).is_file() for name in TOKENIZER_FILES):
        tokenizer = Tokenizer.from_directory(directory)
    return OpenedModel(model, config, generation_config, tokenizer, str(directory))


def _open_gguf(
    path: Path, dtype: str, choice: EngineChoice, *, mapped: bool
) -> OpenedModel:
    file = GGUFFile(path, mapped=mapped)
    if dtype == GGUF and not mapped:
        file.require_memory()
    fields = core_configuration(file.config, dtype=dtype, source=str(path))
    tokenizer = None
    if "tokenizer.ggml.model" in file.metadata:
        try:
            tokenizer = Tokenizer.from_gguf(file.metadata)
        except UnknownVocabularyError as error:
            warnings.warn(f"{path}: no tokenizer: {error}", stacklevel=4)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    source = file if dtype == GGUF else _numbers(file, fields)
    model = loaded_model(fields, source, model=choice.empty(fields, file.config))
    return OpenedModel(model, file.config, {}, tokenizer, str(path))


def restore_weights(model: _core.Model | TorchModel, path: Path) -> None:
    """Write a model's weights anew, as the file has them that it was opened from.

    Raises
    ------
    FileNotFoundError, ValueError
        As `CausalLM.from_pretrained`; the model is of no use then.
    """
    fields = model.configuration
    if path.is_dir():
        config = read_json(path / CONFIG_FILE)
        source: TensorSource = text_tensors(config, WeightsDirectory(path))
    else:
        source = _numbers(GGUFFile(path), fields)
    loaded_model(fields, source, model=model)


def _numbers(file: GGUFFile, fields: dict[str, Any]) -> TensorSource:
    """What a file holds as float32.

    The core decodes blocks faster than the gguf package, to the same numbers.
    """
    if not file.is_held:
        return file
    blocks = loaded_model(fields | {"precision": GGUF}, file)
    return CoreWeights(cast(_core.Model, blocks), file.name)
