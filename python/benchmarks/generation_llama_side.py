"""A rival in generation: llama.cpp, by llama-cpp-python.

Prompts are read in batches of at most 512 tokens and then advance together, each in a
sequence of its own; tokens are chosen greedily from the logits.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import generation_workload as workload
import llama_cpp
import numpy as np
import process

READ_AT_ONCE = 512
FILE_TYPES = {
    "float32": llama_cpp.LLAMA_FTYPE_ALL_F32,
    "bfloat16": llama_cpp.LLAMA_FTYPE_MOSTLY_BF16,
}


def rewritten(model: Path, dtype: str, folder: Path) -> Path:
    """The same weights in a file of another precision."""
    target = folder / f"{dtype}.gguf"
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = FILE_TYPES[dtype]
    settings.allow_requantize = True
    paths = (str(model).encode(), str(target).encode())
    if llama_cpp.llama_model_quantize(*paths, settings) != 0:
        raise RuntimeError(f"llama.cpp could not write {target.name}")
    return target


def loaded(model: Path, dtype: str | None) -> Any:
    """A model of llama.cpp as its file is, or in another precision."""
    settings = llama_cpp.llama_model_default_params()
    if dtype is None:
        return llama_cpp.llama_model_load_from_file(str(model).encode(), settings)
    settings.use_mmap = False
    with tempfile.TemporaryDirectory() as folder:
        path = rewritten(model, dtype, Path(folder))
        return llama_cpp.llama_model_load_from_file(str(path).encode(), settings)


def context(model: Any, sequences: int, tokens: int, threads: int) -> Any:
    """A context of llama.cpp for so many sequences and tokens in all."""
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx = tokens
    settings.n_batch = settings.n_ubatch = READ_AT_ONCE
    settings.n_seq_max = sequences
    settings.n_threads = settings.n_threads_batch = threads
    settings.kv_unified = True
    return llama_cpp.llama_init_from_model(model, settings)


class Decoding:
    """Batches for `llama_decode`."""

    def __init__(self, context: Any, vocabulary: int) -> None:
        self._context = context
        self._vocabulary = vocabulary
        self._batch = llama_cpp.llama_batch_init(READ_AT_ONCE, 0, 1)
        self._places: dict[int, int] = {}

    def add(self, sequence: int, token: int, position: int, *, last: bool) -> None:
        """One token; with `last` its logits are wanted."""
        if self._batch.n_tokens == READ_AT_ONCE:
            raise ValueError("the batch is full")
        place = self._batch.n_tokens
        self._batch.token[place] = token
        self._batch.pos[place] = position
        self._batch.n_seq_id[place] = 1
        self._batch.seq_id[place][0] = sequence
        self._batch.logits[place] = last
        self._batch.n_tokens = place + 1
        if last:
            self._places[sequence] = place

    @property
    def is_full(self) -> bool:
        """Whether it must be decoded before the next token."""
        return bool(self._batch.n_tokens == READ_AT_ONCE)

    def run(self) -> dict[int, int]:
        """Decode: the likeliest next token of each sequence that wants logits."""
        if llama_cpp.llama_decode(self._context, self._batch) != 0:
            raise RuntimeError("llama_decode failed")
        chosen = {}
        for sequence, place in self._places.items():
            logits = llama_cpp.llama_get_logits_ith(self._context, place)
            values = np.ctypeslib.as_array(logits, shape=(self._vocabulary,))
            chosen[sequence] = int(values.argmax())
        self._batch.n_tokens = 0
        self._places.clear()
        return chosen


def main() -> None:
    """Continue one batch of prompts several times and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a .gguf file")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=FILE_TYPES, help="default: the file's own")
    arguments = parser.parse_args()
    llama_cpp.llama_backend_init()
    quiet = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(quiet, None)
    model = loaded(arguments.model, arguments.dtype)
    vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    prompts = workload.prompts(vocabulary, arguments.batch)
    room = sum(map(len, prompts)) + len(prompts) * (workload.NEW_TOKENS + 1)
    own = context(model, len(prompts), room, arguments.threads)
    memory = llama_cpp.llama_get_memory(own)
    decoding = Decoding(own, vocabulary)

    def generate() -> list[list[int]]:
        llama_cpp.llama_memory_clear(memory, True)
        chosen: dict[int, int] = {}
        for sequence, prompt in enumerate(prompts):
            for position, token in enumerate(prompt):
                last = position == len(prompt) - 1
                decoding.add(sequence, token, position, last=last)
                if decoding.is_full:
                    chosen |= decoding.run()
        chosen |= decoding.run()
        texts = [[chosen[sequence]] for sequence in range(len(prompts))]
        for step in range(workload.NEW_TOKENS - 1):
            for sequence, (text, prompt) in enumerate(zip(texts, prompts, strict=True)):
                decoding.add(sequence, text[-1], len(prompt) + step, last=True)
            chosen = decoding.run()
            for sequence, text in enumerate(texts):
                text.append(chosen[sequence])
        return texts

    result = process.timed(generate, arguments.repeats)
    result["versions"] = {"llama_cpp_python": llama_cpp.__version__}
    process.report(result)


if __name__ == "__main__":
    main()
