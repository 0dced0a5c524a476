"""A report's layers in their order: the first one that is above or below a limit."""

from __future__ import annotations

from collections.abc import Callable

from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.drift.plain_report import PlainReport
from vaccine_swift.drift.report_schema import estimate
from vaccine_swift.drift.rounding import floor_value

__all__ = ["LayeredReport"]


class LayeredReport(PlainReport):
    """A report that has values for each layer."""

    def first_layer_above(
        self, floor: str | float, *, metric: str = "relative_drift"
    ) -> tuple[int, float] | None:
        """The first layer whose value is above a floor: where two models part.

        Parameters
        ----------
        floor : {"float16", "bfloat16"} or float
            A dtype's name stands for the relative drift that its rounding shows.
        metric : str
            Of the layers.

        Returns
        -------
        (int, float) or None
            Place among the report's layers, and value; None where there is no such
            layer. A value that is NaN is above nothing.

        Raises
        ------
        ValueError
            When the floor is none, or the report has no such metric.
        """
        limit = floor_value(floor)
        return self._first(metric, lambda value: value > limit)

    def first_layer_below(
        self, limit: float, *, metric: str = "cka"
    ) -> tuple[int, float] | None:
        """The first layer whose value is below a limit, of metrics of likeness.

        Parameters
        ----------
        limit : float
        metric : str
            Such as ``"cka"``, ``"cosine"`` or ``"knn_overlap"``.

        Returns
        -------
        (int, float) or None
            As of `first_layer_above`.

        Raises
        ------
        ValueError
            When the report has no such metric.
        """
        check_range("limit", limit)
        return self._first(metric, lambda value: value < limit)

    def _first(
        self, name: str, holds: Callable[[float], bool]
    ) -> tuple[int, float] | None:
        known = {key for layer in self.content["layers"] for key in layer}
        if name not in known:
            reason = self.content.get("left_out", {}).get(name)
            why = f": {reason}" if reason else f".{nearest(name, known)}"
            raise ValueError(f"the report has no metric {name!r}{why}")
        for place, layer in enumerate(self.content["layers"]):
            value = estimate(layer.get(name))[0]
            if holds(value):
                return place, value
        return None
