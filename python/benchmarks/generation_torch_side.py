"""The rival of `generation.py`: `transformers.generate`, batched, with its cache.

Prompts are padded on the left with an attention mask, as batched decoding needs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import generation_workload as workload
import process
import torch
import transformers


def main() -> None:
    """Continue one batch of prompts several times and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a Hugging Face directory")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--cache", choices=["dynamic", "static"], default="dynamic")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        arguments.model, dtype=getattr(torch, arguments.dtype)
    ).eval()
    prompts = workload.prompts(model.config.vocab_size, arguments.batch)
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(p)) + p for p in prompts])
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    mask = (torch.arange(longest) >= longest - lengths[:, None]).long()
    settings = transformers.GenerationConfig(
        max_new_tokens=workload.NEW_TOKENS,
        do_sample=False,
        use_cache=True,
        cache_implementation=arguments.cache,
        pad_token_id=0,
        eos_token_id=None,
    )

    def generate() -> list[list[int]]:
        with torch.inference_mode():
            output = model.generate(
                input_ids=ids, attention_mask=mask, generation_config=settings
            )
        return output[:, longest:].tolist()

    result = process.timed(generate, arguments.repeats)
    result["versions"] = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    process.report(result)


if __name__ == "__main__":
    main()
