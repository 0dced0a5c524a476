"""Continuing prompts: transformers' loop and cache, the core's choice of tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from vaccine_swift._plurals import counted
from vaccine_swift.engines.torch.base import TorchModelBase
from vaccine_swift.engines.torch.batch import padded
from vaccine_swift.engines.torch.long_rope import has_long_rope
from vaccine_swift.engines.torch.streams import stream_key, uniforms

__all__ = ["Generation"]

_TOGETHER: Final = 64
_PADDING: Final = 0


class Generation(TorchModelBase):
    """Generation as a model of the core does it."""

    def generate(
        self,
        input_ids: npt.NDArray[Any],
        offsets: npt.NDArray[Any],
        *,
        max_new_tokens: npt.NDArray[Any],
        temperature: float,
        top_p: float,
        seed: int,
        first_prompt: int,
        end_tokens: npt.NDArray[Any],
    ) -> list[list[int]]:
        """New tokens of each prompt; an end token, if one came, is the last.

        Raises
        ------
        ValueError
            When a prompt and its continuation exceed the context, a token is outside
            the vocabulary, or logits are not finite (names the prompt and the token).
        """
        padded(input_ids, None, offsets, self.configuration, torch.device("cpu"))
        prompts = np.split(np.asarray(input_ids).astype(np.int64), offsets[1:-1])
        limits = [int(limit) for limit in max_new_tokens]
        context = self.configuration["context_length"]
        for prompt, limit in zip(prompts, limits, strict=True):
            if len(prompt) + limit > context:
                raise ValueError(
                    f"max_new_tokens: a prompt of {counted(len(prompt), 'token')} and "
                    f"{counted(limit, 'new one')} exceed the context of {context}"
                )
        ends = [int(token) for token in end_tokens]
        results: list[list[int]] = [[] for _ in prompts]
        # transformers' frequencies are those of the longest, padding included.
        together = 1 if has_long_rope(self._model) else _TOGETHER
        for limit in set(limits):
            alike = [place for place, own in enumerate(limits) if own == limit]
            alike.sort(key=lambda place: len(prompts[place]))
            for start in range(0, len(alike), together):
                chosen = alike[start : start + together]
                numbers = [first_prompt + place for place in chosen]
                choice = _Choice(temperature, top_p, seed, numbers)
                rows = [prompts[place] for place in chosen]
                found = self._continued(rows, limit, ends, choice)
                for place, tokens in zip(chosen, found, strict=True):
                    results[place] = tokens
        return results

    def _continued(
        self,
        prompts: Sequence[npt.NDArray[np.int64]],
        limit: int,
        ends: list[int],
        choice: _Choice,
    ) -> list[list[int]]:
        width = max(map(len, prompts))
        ids = np.full((len(prompts), width), _PADDING)
        mask = np.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt) :] = prompt
            mask[row, width - len(prompt) :] = 1
        settings = GenerationConfig(
            max_new_tokens=limit,
            do_sample=False,
            eos_token_id=ends or None,
            pad_token_id=_PADDING,
            # transformers' cache of a window of one token keeps every token.
            use_cache=getattr(self._model.config, "sliding_window", None) != 1,
        )
        with torch.no_grad():
            output = self._model.generate(
                torch.from_numpy(ids).to(self._device),
                attention_mask=torch.from_numpy(mask).to(self._device),
                generation_config=settings,
                logits_processor=LogitsProcessorList([choice]),
            )
        rows: list[list[int]] = output[:, width:].tolist()
        return [_ended(row, ends) for row in rows]


class _Choice(LogitsProcessor):  # type: ignore[misc]
    """Leaves one token of each row: the likeliest, or one drawn by the core's rule.

    Prompt i draws its step-th token by the step-th number of the stream of (seed,
    number of the prompt), however prompts are put together.
    """

    def __init__(
        self, temperature: float, top_p: float, seed: int, prompts: Sequence[int]
    ) -> None:
        self._temperature = temperature
        self._top_p = top_p
        self._keys = [stream_key(seed, prompt) for prompt in prompts]
        self._prompts = prompts
        self._step = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        logits = scores.float()
        self._check_finite(logits)
        if self._temperature == 0:
            tokens = logits.argmax(-1)
        else:
            rows = logits.cpu().numpy()
            drawn = [
                self._draw(row, key) for row, key in zip(rows, self._keys, strict=True)
            ]
            tokens = torch.tensor(drawn, device=scores.device)
        self._step += 1
        result = torch.full_like(scores, -math.inf)
        return result.scatter_(1, tokens[:, None], 0.0)

    def _check_finite(self, logits: torch.Tensor) -> None:
        rows = (~torch.isfinite(logits).all(-1)).nonzero()[:, 0].tolist()
        if rows:
            prompt = min(self._prompts[row] for row in rows)
            raise ValueError(
                f"the logits of prompt {prompt} are not finite at new token "
                f"{self._step}"
            )

    def _draw(self, logits: npt.NDArray[np.float32], key: np.uint64) -> int:
        distances = (logits - logits.max()).astype(np.float64)
        weights = np.exp(distances / self._temperature)
        order = (
            np.argsort(-weights, kind="stable")
            if self._top_p < 1
            else np.arange(len(weights))
        )
        masses = np.cumsum(weights[order])
        nucleus = int(np.searchsorted(masses, self._top_p * weights.sum())) + 1
        nucleus = min(nucleus, len(order)) if self._top_p < 1 else len(order)
        wanted = uniforms(key, self._step, 1)[0] * masses[nucleus - 1]
        place = int(np.searchsorted(masses[:nucleus], wanted, side="right"))
        return int(order[min(place, nucleus - 1)])


def _ended(tokens: list[int], ends: Sequence[int]) -> list[int]:
    for place, token in enumerate(tokens):
        if token in ends:
            return tokens[: place + 1]
    return tokens
