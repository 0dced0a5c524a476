"""Drift of embeddings on Spark: `mapInPandas` makes an accumulator of each partition.

A data frame has a row for each prompt: ``id`` a string, ``reference`` and ``current``
arrays of layers times width floats. The driver receives a few kilobytes per prompt.

    pip install 'vaccine-swift[drift]' pyspark
    python 02_drift_on_spark.py
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession

from vaccine_swift import drift

LAYERS, WIDTH, PROMPTS = 4, 16, 350


def accumulated(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """One accumulator for each partition, pickled."""
    accumulator = drift.Accumulator(layers=LAYERS, width=WIDTH, seed=0)
    for frame in frames:
        sides = (
            np.stack(frame[side]).astype(np.float32).reshape(-1, LAYERS, WIDTH)
            for side in ("reference", "current")
        )
        accumulator.update(
            *(np.ascontiguousarray(side.transpose(1, 0, 2)) for side in sides),
            ids=frame["id"].to_numpy(str),
        )
    yield pd.DataFrame({"state": [pickle.dumps(accumulator)]})


def stand_ins() -> pd.DataFrame:
    """In place of ``spark.read.parquet("embeddings")``."""
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(PROMPTS, LAYERS * WIDTH))
    current = reference + 0.1 * rng.normal(size=reference.shape)
    return pd.DataFrame(
        {
            "id": [f"prompt {place}" for place in range(PROMPTS)],
            "reference": list(reference),
            "current": list(current),
        }
    )


def main() -> None:
    """Compare Spark's report with that of one process."""
    frame = stand_ins()
    spark = SparkSession.builder.master("local[2]").getOrCreate()
    try:
        rows = spark.createDataFrame(frame).repartition(3)
        states = rows.mapInPandas(accumulated, schema="state binary").collect()
    finally:
        spark.stop()
    total = drift.merge_tree(pickle.loads(row.state) for row in states)
    report = total.report(tests=["signflip"])
    print(report)
    alone = pickle.loads(next(accumulated([frame]))["state"][0])
    both = [
        np.array([layer["relative_drift"]["value"] for layer in each["layers"]])
        for each in (report.to_dict(), alone.report(tests=[]).to_dict())
    ]
    np.testing.assert_allclose(both[0], both[1], rtol=1e-12)
    print(f"equal to one process, layer by layer: {both[0].round(4).tolist()}")


if __name__ == "__main__":
    main()
