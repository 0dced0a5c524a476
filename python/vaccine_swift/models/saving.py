"""Saving a `CausalLM` as a Hugging Face directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vaccine_swift._arguments import check_range, check_word, checked_path
from vaccine_swift.checkpoints.directory import CONFIG_FILE, GENERATION_FILE
from vaccine_swift.checkpoints.saving import (
    DTYPES,
    MAX_SHARD_BYTES,
    WEIGHT_FILES,
    write_weights,
)
from vaccine_swift.families import family_of
from vaccine_swift.files import staged_files, write_json
from vaccine_swift.models.generation import Generation
from vaccine_swift.models.loading import GGUF

__all__ = ["Saving"]


class Saving(Generation):
    """Writing the base weights and what belongs to them."""

    def save_pretrained(
        self,
        directory: str | Path,
        *,
        dtype: str | None = None,
        max_shard_bytes: int = MAX_SHARD_BYTES,
    ) -> None:
        """Save the base weights as a Hugging Face directory.

        Writes ``config.json``, safetensors, the tokeniser's files and
        ``generation_config.json``, as far as there are any.

        Parameters
        ----------
        directory : str or Path
            Made where it does not exist. Weight files of an earlier save are replaced,
            other files stay.
        dtype : {"float32", "bfloat16", "float16"}, optional
            In which the weights are written, rounded to the nearest. Left out, as the
            model holds them (`CausalLM.dtype`); required where that is "gguf", whose
            blocks are decoded.
        max_shard_bytes : int
            Above this the weights go into several files with an index; one file's
            tensors are held in memory at a time.

        Raises
        ------
        RuntimeError
            When the model has an adapter: merge or remove it first.
        ValueError
            When `dtype` is unknown, or a weight is beyond its largest number.
        OSError
            When the disk refuses; files that were there stay as they were.
        """
        check_range("max_shard_bytes", max_shard_bytes, minimum=1, integer=True)
        if dtype is None:
            dtype = self._model.configuration["precision"]
            if dtype == GGUF:
                raise ValueError(
                    "dtype must be given: weights in GGUF blocks are saved as one of "
                    f"{', '.join(map(repr, DTYPES))}"
                )
        check_word("dtype", dtype, DTYPES, quoted=True)
        if self._adapter is not None or self._frozen:
            raise RuntimeError(
                "the model has an adapter; call merge_adapter or remove_adapter first "
                "(save_adapter saves the adapter alone)"
            )
        directory = checked_path("directory", directory)
        with staged_files(directory, obsolete=[WEIGHT_FILES]) as stage:
            write_weights(
                stage,
                self._shapes("weight"),
                lambda name: self._read("weight", name),
                dtype=dtype,
                max_shard_bytes=max_shard_bytes,
            )
            write_json(stage / CONFIG_FILE, self._saved_config(dtype), sort_keys=True)
            if generation := self._saved_generation_config():
                write_json(stage / GENERATION_FILE, generation, sort_keys=True)
            if self._tokenizer is not None:
                self._tokenizer.write_files(stage)

    def _saved_generation_config(self) -> dict[str, Any]:
        """The generation configuration with every token that ends a generation."""
        ends = self._end_tokens()
        if len(ends) > 1:
            return self._generation_config | {"eos_token_id": ends}
        return self._generation_config

    def _saved_config(self, dtype: str) -> dict[str, Any]:
        """The configuration of the weights as they are saved."""
        config = {"architectures": [family_of(self._config).architecture]}
        config |= self._config
        config.pop("dtype", None)
        return config | {"torch_dtype": dtype}
