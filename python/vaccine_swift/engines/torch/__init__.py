"""The engine for GPUs: transformers models under torch, of the extra ``torch``.

Importing this package imports torch. `TorchModel` offers what a model of the Swift core
offers, so that everything over it (adapters, methods, trainer, generation, drift) is
the same code.
"""

from vaccine_swift.engines.torch.engine import TorchEngine
from vaccine_swift.engines.torch.model import TorchModel

__all__ = ["TorchEngine", "TorchModel"]
