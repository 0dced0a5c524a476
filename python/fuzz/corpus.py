"""Small whole files of every format that is read, and how each is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import checkpoint_files
import data_files
import numpy as np
import sentencepiece_models
import torch_archives
import training_support
from data_tokenizers import word_tokenizer
from drift_accumulators import filled
from safetensors.numpy import save_file

import vaccine_swift as vs
from vaccine_swift import drift
from vaccine_swift.drift.files import read_embeddings
from vaccine_swift.drift.two_sample_report import TwoSampleReport
from vaccine_swift.study.result import StudyResult
from vaccine_swift.training.checkpoint import Checkpoint

__all__ = ["Kind", "make_corpus"]


@dataclass(frozen=True)
class Kind:
    """A file or a directory of a format, and what reads it."""

    name: str
    path: Path
    read: Callable[[Path], object]


def make_corpus(directory: Path) -> list[Kind]:
    """Write every format below a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    kinds = [*_models(directory), *_embeddings(directory), *_rows(directory)]
    kinds += [*_training(directory), *_reports(directory)]
    return sorted(kinds, key=lambda kind: kind.name)


def _use(model: vs.CausalLM) -> None:
    """What a loaded model may be asked for."""
    model.logits([1, 2])
    model.generate_ids([[1, 2]], 2)
    if model.tokenizer is not None:
        model.generate(["a"], max_new_tokens=2)


def _load_model(path: Path) -> None:
    _use(vs.CausalLM.from_pretrained(path))


def _models(directory: Path) -> list[Kind]:
    config = checkpoint_files.gguf_config()
    weights = checkpoint_files.random_weights(config)
    kinds = []
    for quantization in ("F32", "Q8_0", "Q4_0"):
        path = checkpoint_files.write_gguf(
            directory / f"{quantization}.gguf",
            config,
            weights,
            quantization=quantization,
            metadata=checkpoint_files.tokenizer_metadata(),
        )
        kinds.append(Kind(f"gguf {quantization}", path, _load_model))
    tiny = vs.tiny_config()
    weights = checkpoint_files.random_weights(tiny)
    model = checkpoint_files.write_directory(directory / "model", tiny, weights)
    word_tokenizer()._backend.save(str(model / "tokenizer.json"))
    settings = {"bos_token": "<s>", "eos_token": "</s>"}
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    kinds.append(Kind("model directory", model, _load_model))
    pickled = directory / "pickled"
    shutil.copytree(model, pickled, dirs_exist_ok=True)
    (pickled / "model.safetensors").unlink()
    torch_archives.write(pickled / "pytorch_model.bin", weights)
    kinds.append(Kind("torch directory", pickled, _load_model))
    pieces = directory / "pieces"
    pieces.mkdir(exist_ok=True)
    sentencepiece_models.trained("bpe", pieces / "tokenizer.model")
    kinds.append(Kind("tokenizer.model", pieces, _load_tokenizer))
    adapter = directory / "adapter"
    adapted = vs.CausalLM.from_config(tiny, seed=0)
    adapted.add_adapter(vs.LoRAConfig(r=2), seed=0)
    adapted.save_adapter(adapter)
    return [*kinds, Kind("adapter", adapter, _load_adapter)]


def _load_tokenizer(path: Path) -> None:
    from vaccine_swift.text.tokenizer import Tokenizer

    tokenizer = Tokenizer.from_directory(path)
    tokenizer.decode(tokenizer.encode("Hello there, 12 worlds é"))


def _load_adapter(path: Path) -> None:
    model = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    model.load_adapter(path)
    model.logits([1, 2, 3])


def _embeddings(directory: Path) -> list[Kind]:
    import pyarrow as pa
    from pyarrow import feather, parquet

    rows = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    ids = np.arange(12)
    np.save(directory / "e.npy", rows)
    np.savez(directory / "e.npz", x=rows, id=ids)
    np.savez_compressed(directory / "packed.npz", x=rows, id=ids)
    save_file({"x": rows, "id": ids}, directory / "e.safetensors")
    table = pa.table({"id": ids, "x": pa.array(rows.tolist(), pa.list_(pa.float32()))})
    parquet.write_table(table, directory / "e.parquet")
    feather.write_feather(table, directory / "e.arrow", compression="uncompressed")
    header = ",".join(f"x{i}" for i in range(5))
    np.savetxt(directory / "e.csv", rows, delimiter=",", header=header, comments="")
    names = ("e.npy", "e.npz", "packed.npz", "e.safetensors", "e.parquet", "e.arrow")
    return [
        Kind(f"embeddings {name}", directory / name, _compare)
        for name in (*names, "e.csv")
    ]


def _compare(path: Path) -> None:
    values = np.asarray(read_embeddings(path).values)
    if values.size <= 1 << 16:
        drift.hed(values, values)


def _rows(directory: Path) -> list[Kind]:
    kinds = []
    for suffix in ("json", "jsonl", "csv", "parquet"):
        path = data_files.write(directory / f"rows.{suffix}", data_files.ALPACA)
        kinds.append(Kind(f"rows {suffix}", path, _load_rows))
    rows = [
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello", "weight": 1},
            ],
            "tools": "[]",
        }
    ]
    path = data_files.write(directory / "messages.jsonl", rows)
    return [*kinds, Kind("rows of messages", path, _load_rows)]


def _load_rows(path: Path) -> None:
    vs.data.load(path, word_tokenizer())


def _training(directory: Path) -> list[Kind]:
    run = directory / "run"
    training_support.trainer(
        run, save_strategy="steps", save_steps=3, max_steps=3
    ).train()
    sealed = run / "checkpoint-3"
    earlier = directory / "earlier"
    shutil.copytree(sealed, earlier, dirs_exist_ok=True)
    (earlier / "SHA256SUMS").unlink()
    file = earlier / "training_args.json"
    content = json.loads(file.read_text())
    content.pop("id", None)
    file.write_text(json.dumps(content))
    return [
        Kind("checkpoint", sealed, _restore),
        Kind("earlier checkpoint", earlier, _restore),
        Kind("resumed checkpoint", earlier, _resume),
    ]


def _restore(path: Path) -> None:
    trainer = training_support.trainer(path.parent / "out")
    optimiser = _optimiser(trainer)
    Checkpoint.read(path).restore(trainer.model, optimiser)
    optimiser.learning_rate = 1e-3
    ids = np.arange(3)
    trainer.model.core.forward_backward(ids, ids, [0, 3])
    optimiser.step()


def _optimiser(trainer: Any) -> Any:
    from vaccine_swift.training.optimiser import Optimiser

    return Optimiser(trainer.model, trainer.args)


def _resume(path: Path) -> None:
    trainer = training_support.trainer(path.parent / "out", max_steps=4)
    trainer.train(resume_from_checkpoint=str(path))


def _reports(directory: Path) -> list[Kind]:
    kinds = []
    for tier in ("light", "sketch", "full"):
        path = directory / f"{tier}.npz"
        accumulator = filled(tier)
        accumulator.save(path)
        kinds.append(Kind(f"accumulator {tier}", path, _report))
    report = directory / "report.json"
    accumulator.report().to_json(report)
    kinds.append(
        Kind("drift report", report, lambda path: drift.Report.load(path).to_json())
    )
    rng = np.random.default_rng(0)
    two = directory / "two.json"
    drift.two_sample(rng.normal(size=(9, 3)), rng.normal(size=(8, 3))).to_json(two)
    kinds.append(
        Kind(
            "two-sample report", two, lambda path: TwoSampleReport.load(path).to_json()
        )
    )
    results = directory / "results.jsonl"
    whole = Path(checkpoint_files.__file__).parent / "study_folder" / "study"
    shutil.copyfile(whole / "results.jsonl", results)
    return [*kinds, Kind("study results", results, lambda path: StudyResult.load(path))]


def _report(path: Path) -> None:
    accumulator = drift.load(path)
    accumulator.report().to_dict()
    rows = np.random.default_rng(0).normal(size=(2, 3, 20))
    accumulator.update(rows, rows, ids=["new"] * 3)
