"""Small models, tokenisers and adapters in every format that is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import checkpoint_files
import gguf
import numpy as np
import sentencepiece_models
import torch_archives
from data_tokenizers import CHAT_TEMPLATE, word_tokenizer
from safetensors.numpy import save_file

import vaccine_swift as vs
from fuzz.kinds import Kind
from vaccine_swift.text.tokenizer import Tokenizer

__all__ = ["model_kinds"]


def model_kinds(directory: Path) -> list[Kind]:
    """Write them below a directory."""
    return [
        *_quantised(directory),
        *_directories(directory),
        *_tokenizers(directory),
        _adapter(directory),
    ]


def _load(path: Path) -> None:
    """Read a model, and ask for what a model may be asked for."""
    model = vs.CausalLM.from_pretrained(path)
    model.logits([1, 2])
    model.generate_ids([[1, 2]], 2)
    if model.tokenizer is not None:
        model.generate(["a"], max_new_tokens=2)


def _load_blocks(path: Path) -> None:
    model = vs.CausalLM.from_pretrained(path, dtype="gguf")
    model.logits([1, 2, 3, 4])
    model.generate_ids([[1, 2]], 2)


def _quantised(directory: Path) -> list[Kind]:
    """Files of llama.cpp's, with numbers or blocks and both kinds of vocabulary."""
    tokens = checkpoint_files.tokenizer_metadata()
    config = checkpoint_files.gguf_config()
    kinds = []
    for name in ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"):
        path = checkpoint_files.write_gguf(
            directory / f"{name}.gguf",
            config,
            checkpoint_files.random_weights(config),
            quantization=name,
            metadata=tokens,
        )
        kinds += [Kind(f"gguf {name}", path, _load)]
        kinds += [Kind(f"gguf {name} in blocks", path, _load_blocks)]
    for name in ("Q4_K", "Q5_K", "Q6_K"):
        path = _super_blocks(directory / f"{name}.gguf", name, tokens)
        kinds += [Kind(f"gguf {name} in blocks", path, _load_blocks)]
    pieces = sentencepiece_models.trained("bpe", directory / "pieces.model")
    metadata = sentencepiece_models.gguf_metadata(pieces)
    size = len(metadata["tokenizer.ggml.tokens"])
    config = vs.tiny_config(vocab_size=size)
    weights = checkpoint_files.random_weights(config)
    path = directory / "llama-vocabulary.gguf"
    checkpoint_files.write_gguf(path, config, weights, metadata=metadata)
    return [*kinds, Kind("gguf with scores", path, _load)]


def _super_blocks(path: Path, name: str, metadata: dict[str, Any]) -> Path:
    """A file whose matrices are blocks of 256 numbers, all small."""
    config = checkpoint_files.gguf_config(
        hidden_size=256, intermediate_size=256, num_hidden_layers=1
    )
    kind = gguf.GGMLQuantizationType[name]
    size, length = gguf.GGML_QUANT_SIZES[kind]
    weights = checkpoint_files.random_weights(config)
    generator = np.random.default_rng(0)
    blocks = {}
    for each, values in list(weights.items()):
        if values.ndim == 2:
            shape = (len(values), values.shape[1] // size * length)
            raw = generator.integers(0, 20, shape, np.uint8)
            blocks[checkpoint_files.gguf_name(each)] = (raw, kind)
            del weights[each]
    return checkpoint_files.write_gguf(
        path, config, weights, metadata=metadata, extra=blocks
    )


def _directories(directory: Path) -> list[Kind]:
    """Hugging Face directories: whole, in parts, and as torch saves them."""
    tiny = vs.tiny_config()
    weights = checkpoint_files.random_weights(tiny)
    model = checkpoint_files.write_directory(directory / "model", tiny, weights)
    word_tokenizer()._backend.save(str(model / "tokenizer.json"))
    settings = {"bos_token": "<s>", "eos_token": "</s>"}
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    (model / "generation_config.json").write_text(json.dumps({"eos_token_id": [2]}))
    parts = _in_parts(directory / "parts", model, weights, "model", "safetensors")
    pickled = _copy(model, directory / "pickled")
    torch_archives.write(pickled / "pytorch_model.bin", weights)
    both = _in_parts(directory / "both", model, weights, "pytorch_model", "bin")
    return [
        Kind("model directory", model, _load),
        Kind("model in parts", parts, _load),
        Kind("torch directory", pickled, _load),
        Kind("torch directory in parts", both, _load),
    ]


def _copy(model: Path, to: Path) -> Path:
    shutil.copytree(model, to, dirs_exist_ok=True)
    (to / "model.safetensors").unlink()
    return to


def _in_parts(
    to: Path, model: Path, weights: dict[str, np.ndarray], stem: str, suffix: str
) -> Path:
    """A copy with its weights in two files and an index."""
    _copy(model, to)
    names = sorted(weights)
    places = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = to / f"{stem}-{number:05}-of-00002.{suffix}"
        tensors = {name: weights[name] for name in part}
        if suffix == "bin":
            torch_archives.write(file, tensors)
        else:
            save_file(tensors, file)
        places |= dict.fromkeys(part, file.name)
    index = {"metadata": {}, "weight_map": places}
    (to / f"{stem}.{suffix}.index.json").write_text(json.dumps(index))
    return to


def _tokenizers(directory: Path) -> list[Kind]:
    """SentencePiece's files, byte-level ones, and those with a chat template."""
    kinds = []
    for kind in ("bpe", "unigram"):
        pieces = directory / f"pieces-{kind}"
        pieces.mkdir(exist_ok=True)
        sentencepiece_models.trained(kind, pieces / "tokenizer.model")
        kinds.append(Kind(f"tokenizer.model {kind}", pieces, _encode))
    words = directory / "words"
    words.mkdir(exist_ok=True)
    tokens, _ = checkpoint_files.vocabulary()
    table = {token: index for index, token in enumerate(tokens)}
    (words / "vocab.json").write_text(json.dumps(table))
    (words / "merges.txt").write_text("\n".join(checkpoint_files.MERGES))
    (words / "added_tokens.json").write_text(json.dumps({"<more>": len(tokens)}))
    settings = {"tokenizer_class": "GPT2Tokenizer", "eos_token": "<end>"}
    (words / "tokenizer_config.json").write_text(json.dumps(settings))
    spoken = directory / "spoken"
    spoken.mkdir(exist_ok=True)
    word_tokenizer()._backend.save(str(spoken / "tokenizer.json"))
    settings = {"chat_template": CHAT_TEMPLATE, "eos_token": "</s>"}
    (spoken / "tokenizer_config.json").write_text(json.dumps(settings))
    return [
        *kinds,
        Kind("vocab.json", words, _encode),
        Kind("chat template", spoken, _render),
    ]


def _encode(path: Path) -> None:
    tokenizer = Tokenizer.from_directory(path)
    tokenizer.decode(tokenizer.encode("Hello there, 12 worlds é"))


def _render(path: Path) -> None:
    tokenizer = Tokenizer.from_directory(path)
    if tokenizer.chat_template is not None:
        vs.data.render_prompt("Hi there", tokenizer, "chat")


def _adapter(directory: Path) -> Kind:
    adapter = directory / "adapter"
    adapted = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    adapted.add_adapter(vs.LoRAConfig(r=2), seed=0)
    adapted.save_adapter(adapter)
    return Kind("adapter", adapter, _load_adapter)


def _load_adapter(path: Path) -> None:
    model = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    model.load_adapter(path)
    model.logits([1, 2, 3])
