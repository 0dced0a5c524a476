"""Small tokenizers for the tests of the data module."""

from __future__ import annotations

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from vaccine_swift.text.tokenizer import Tokenizer

CHAT_TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}> {{ m.content }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)
CONFIG = {"bos_token": "<s>", "eos_token": "</s>", "chat_template": CHAT_TEMPLATE}
WORDS = [
    *("<unk>", "<s>", "</s>", "Hi", "Hello", "there", "!", "Instruction", "Input"),
    *("Response", "###", ":", "user", "assistant", "<", ">", "Bye", ':"', '"'),
]


def word_tokenizer(*, single: str = "<s> $A", **config: str | None) -> Tokenizer:
    """Whole words and runs of punctuation; ids are positions in `WORDS`.

    `single` says where special tokens are added, `config` replaces parts of `CONFIG`.
    """
    backend = tokenizers.Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.add_special_tokens(["<s>", "</s>"])
    backend.post_processor = processors.TemplateProcessing(
        single=single, special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return Tokenizer(backend, CONFIG | config)


def byte_tokenizer(**config: str | None) -> Tokenizer:
    """Byte-level BPE with some merges: decoding gives the text back exactly."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    text = 'Below is an instruction. ### Response: "Hi", he said ###:"a::b":: ""\n\n'
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([text] * 4, trainer)
    return Tokenizer(backend, CONFIG | config)
