"""A random model and a small tokeniser, so that an example runs in seconds, offline."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

import vaccine_swift as vs

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}<end>\n"
    "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)


def tiny_model(directory: str | Path | None = None) -> vs.CausalLM:
    """Write a random Llama as a Hugging Face directory and load it.

    Parameters
    ----------
    directory : path, optional
        Where the files go; a temporary directory by default.
    """
    tokenizer = _tokenizer()
    config = vs.tiny_config(vocab_size=len(tokenizer))
    with tempfile.TemporaryDirectory() as temporary:
        files = Path(directory or temporary)
        vs.CausalLM.from_config(config, seed=0).save_pretrained(files)
        tokenizer.save(files)
        return vs.CausalLM.from_pretrained(files)


def _tokenizer() -> vs.Tokenizer:
    """Byte-level BPE, trained on the shipped set."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=["<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rows = vs.data.proxy("train", "restricted") + vs.data.proxy("train", "ordinary")
    texts = [f"{row['instruction']} {row['output']}" for row in rows]
    backend.train_from_iterator(texts, trainer)
    return vs.Tokenizer(backend, {"eos_token": "<end>", "chat_template": CHAT_TEMPLATE})
