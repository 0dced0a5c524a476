"""Our side of `generation.py`, in a process of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

import generation_workload as workload
import process

import vaccine_swift as vs
from vaccine_swift import _core


def main() -> None:
    """Continue one batch of prompts several times and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a .gguf file")
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16", "gguf"], default="float32"
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    vs.set_num_threads(arguments.threads)
    model = vs.CausalLM.from_pretrained(arguments.model, dtype=arguments.dtype)
    vocabulary = model.config["vocab_size"]
    prompts = workload.prompts(vocabulary, arguments.batch)

    def generate() -> list[list[int]]:
        return model.generate_ids(prompts, workload.NEW_TOKENS, end_tokens=[])

    result = process.timed(generate, arguments.repeats)
    result["versions"] = {
        "vaccine_swift": vs.__version__,
        "core": _core.build_description(),
    }
    process.report(result)


if __name__ == "__main__":
    main()
