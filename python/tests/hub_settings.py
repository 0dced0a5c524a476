"""Settings as configurations on the Hub hold them."""

from __future__ import annotations

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
MISTRAL = {"model_type": "mistral", "sliding_window": None}
