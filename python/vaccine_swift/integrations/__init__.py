"""Parts for training scripts of others."""
