"""Says what Spark finds in the views of an output, as JSON: `view_with_spark.py FILE`.

Runs in the environment of .ci/spark.lock. FILE is what `jobs.runs view --engine spark` wrote; of
each view, the rows by run and source.
"""

import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession


def main() -> int:
    """Print one JSON object; returns the exit code."""
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "1")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    for statement in Path(sys.argv[1]).read_text("utf-8").removesuffix(";\n").split(";\n"):
        spark.sql(statement)
    told = {}
    for table in ("entities", "documents", "dead_letters"):
        counts = spark.table(f"current_{table}").groupBy("run_id", "source").count()
        told[table] = sorted([*row] for row in counts.collect())
    print(json.dumps(told))
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
