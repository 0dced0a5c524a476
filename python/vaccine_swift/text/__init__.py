"""Text and token ids: tokenisers and chat templates."""
