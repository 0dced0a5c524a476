"""Training on several processes: one protocol, and adapters over engines that exist."""

from vaccine_swift.distributed.collective import Alone, Collective
from vaccine_swift.distributed.engine import DataParallelEngine
from vaccine_swift.distributed.exchange import RankError

__all__ = ["Alone", "Collective", "DataParallelEngine", "RankError"]
