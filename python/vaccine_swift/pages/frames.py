"""pandas where tables need it."""

from __future__ import annotations

from typing import Any

__all__ = ["required_pandas"]


def required_pandas() -> Any:
    """The module pandas, for a ``to_dataframe``.

    Raises
    ------
    ImportError
        Without pandas; names the extra that brings it.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "to_dataframe needs pandas: pip install 'vaccine-swift[drift]'"
        ) from error
    return pd
