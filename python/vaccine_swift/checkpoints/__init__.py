"""Checkpoint files: Hugging Face directories, GGUF, PEFT adapters.

Depends on numpy, ``safetensors`` and ``gguf``; knows nothing of the model but the names
and shapes of its tensors. A reader offers `TensorSource`: what is there, and one tensor
at a time as float32. Writers put files beside their target and rename them.
"""
