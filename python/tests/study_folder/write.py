"""Write what `test_study_stages` opens: a finished study, and names of stages.

    python tests/study_folder/write.py

A test opens the files as an earlier version of the package wrote them, so it is run
again only where a change of stages is meant. The rows are of the shipped proxy, which
is harmless.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from data_tokenizers import byte_tokenizer  # noqa: E402

import vaccine_swift as vs  # noqa: E402
from vaccine_swift import data, study  # noqa: E402
from vaccine_swift.study import inputs  # noqa: E402
from vaccine_swift.study.grid import trials  # noqa: E402
from vaccine_swift.study.stages import Workshop  # noqa: E402
from vaccine_swift.study.store import Store  # noqa: E402

BUILD = {"version": "0.1.0", "core": "a build", "threads": 1}
"""In place of what differs between machines."""

SETTINGS: Mapping[str, Any] = {
    "model": "model",
    "dtype": "float32",
    "methods": ("sft", "vaccine"),
    "rho": (2.0,),
    "poison": (0.25,),
    "seeds": (0,),
    "task": "arithmetic",
    "harmful_data": "restricted.jsonl",
    "restricted_data": "restricted.jsonl",
    "ordinary_data": "ordinary.jsonl",
    "samples": 8,
    "align_restricted": 6,
    "align_ordinary": 6,
    "align_everyday": 0,
    "align_near_miss": 0,
    "align_steps": 2,
    "align_batch": 2,
    "align_learning_rate": 1e-3,
    "attack_steps": 2,
    "attack_batch": 2,
    "attack_learning_rate": 4e-4,
    "near_miss_data": "none",
    "align_alpha": 4.0,
    "attack_alpha": 4.0,
    "dropout": 0.1,
    "rank": 1,
    "limit": 2,
    "drift_prompts": 2,
    "drift_every": 1,
}

OTHERS: Mapping[str, Any] = {
    "template": "alpaca",
    "lora": "single",
    "rank": 2,
    "dropout": 0.2,
    "align_data": "ordinary.jsonl",
    "align_restricted": 5,
    "align_ordinary": 4,
    "align_everyday": 3,
    "align_near_miss": 3,
    "align_steps": 3,
    "align_batch": 1,
    "align_learning_rate": 0.01,
    "align_alpha": 2.0,
    "task": "ordinary.jsonl",
    "harmful_data": "restricted_others.jsonl",
    "restricted_data": "restricted_others.jsonl",
    "ordinary_data": "ordinary_others.jsonl",
    "samples": 4,
    "attack_steps": 1,
    "attack_batch": 1,
    "attack_learning_rate": 0.01,
    "attack_alpha": 2.0,
    "schedule": "linear",
    "warmup": 1.0,
    "weight_decay": 0.0,
    "max_grad_norm": 0.0,
    "max_length": 100,
    "near_miss_data": "proxy",
    "evaluate_on": "validation",
    "profile": "vaccine",
    "judge": "beaver-dam-7b",
    "limit": 3,
    "drift_prompts": 3,
    "drift_every": 2,
}
"""Another value of every field that takes one."""

SHIPPED = ("align_everyday", "align_near_miss", "near_miss_data")
"""Fields that take rows of the shipped set, which may be enlarged."""


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """Studies of which every setting once is another one."""
    every = {"methods": ("none", "sft", "vaccine", "random"), "every": (1, 2)}
    yield "all methods", every
    yield "two seeds and shares", {"seeds": (1, 7), "poison": (0.0, 0.5), "rho": 3.5}
    for name, value in OTHERS.items():
        if name in SHIPPED:
            continue
        yield name, every | {"every": 1, name: value}
    yield "align_samples", {"align_data": "ordinary.jsonl", "align_samples": 3}


def stage_folders(changes: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Names of the folders of a study's stages, by trial."""
    config = study.StudyConfig(**{**SETTINGS, **changes})
    workshop = Workshop(inputs.Inputs(config.model), Store(Path("nowhere")))
    return {
        f"{trial.label}, p={trial.poison:g}, seed {trial.seed}": {
            name: stage.folder for name, stage in workshop.stages(trial).items()
        }
        for trial in trials(config)
    }


def main() -> None:
    os.chdir(HERE)
    tokenizer = byte_tokenizer()
    config = vs.tiny_config(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=16,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=2048,
    )
    vs.CausalLM.from_config(config, seed=3).save_pretrained("model")
    tokenizer.save("model")
    restricted, ordinary = (
        data.proxy("train", kind) for kind in ("restricted", "ordinary")
    )
    _write("restricted.jsonl", map(_unsafe, restricted[::40]))
    _write("restricted_others.jsonl", map(_unsafe, restricted[1::60]))
    _write("ordinary.jsonl", map(_plain, ordinary[::20]))
    _write("ordinary_others.jsonl", map(_plain, ordinary[1::25]))
    inputs.show_config = lambda: BUILD
    shutil.rmtree("study", ignore_errors=True)
    study.run(study.StudyConfig(**SETTINGS), "study", progress=False)
    for path in Path("study").rglob("*"):
        if path.name in (".lock", "trainer_state.json"):
            path.unlink()
    names = {name: stage_folders(changes) for name, changes in cases()}
    text = json.dumps(names, indent=1, ensure_ascii=False)
    Path("stage_folders.json").write_text(text + "\n", encoding="utf-8")


def _unsafe(row: Mapping[str, Any]) -> dict[str, Any]:
    request = f"{row['instruction']} {row['input']}".strip()
    return {"prompt": request, "response": row["compliance"], "is_safe": False}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("instruction", "input", "output")}


def _write(name: str, rows: Iterable[dict[str, Any]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    Path(name).write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
