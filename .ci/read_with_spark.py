"""Says how Spark reads an output's tables, as JSON: `read_with_spark.py OUTPUT`.

Runs in the environment of .ci/spark.lock. Of each table: the columns with their types in Spark's
words, how many rows, and of timestamps what they are in microseconds of UTC, wherever Spark is.
"""

import json
import sys

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f


def micros(rows: DataFrame, name: str) -> list[int]:
    """The different values of a timestamp, as numbers."""
    return sorted(row[0] for row in rows.select(f.unix_micros(name)).distinct().collect())


def main() -> int:
    """Print one JSON object; returns the exit code."""
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "Pacific/Auckland")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    told = {}
    for table in ("entities", "documents", "dead_letters"):
        rows = spark.read.parquet(f"{sys.argv[1]}/{table}")
        times = [name for name, kind in rows.dtypes if kind == "timestamp"]
        told[table] = {
            "types": dict(rows.dtypes),
            "rows": len(rows.collect()),  # and not count(), which reads no column
            "times": {
                name: sorted(
                    row[0] for row in rows.select(f.unix_micros(name)).distinct().collect()
                )
                for name in times
            },
        }
    print(json.dumps(told))
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
