"""Says what Spark finds in published tables: `published_with_spark.py JARS OUTPUT FOLDER QUERY`.

Runs in the environment of .ci/spark.lock, with the jars that .ci/spark/fetch put into JARS. The
tables of Delta Lake are those in OUTPUT itself and in FOLDER, those of Iceberg are of the namespace
`open` in the catalog below OUTPUT.

Each line of the standard input asks once, and the answer is a line of JSON: by target and table,
the columns with their types in Spark's words, and the rows as text with how often each is there,
without nulls, bytes in hexadecimal and times in microseconds of UTC, wherever Spark is. Where there
are names, also what QUERY finds in the views `entities` and `names` of each target, as `joined`.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

TABLES = ("entities", "documents", "dead_letters")


def session(jars: Path, output: str) -> SparkSession:
    """Spark with both formats, and the catalog by the name that its file has."""
    settings = {
        "spark.jars": ",".join(map(str, sorted(jars.glob("*.jar")))),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.catalog.gleaner": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.gleaner.type": "jdbc",
        "spark.sql.catalog.gleaner.uri": f"jdbc:sqlite:{output}/_iceberg/catalog.db",
        "spark.sql.catalog.gleaner.warehouse": f"{output}/_iceberg",
        "spark.sql.catalog.gleaner.cache-enabled": "false",  # it would show old tables for 30 s
        "spark.databricks.delta.snapshotPartitions": "1",  # of 50, in a row, most are empty
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.session.timeZone": "Pacific/Auckland",
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def contents(rows: DataFrame) -> Mapping[str, Mapping[str, object]]:
    """The columns of a table with their types, and its rows with how often each is there."""
    types = dict(rows.dtypes)
    columns = [
        f.unix_micros(name).alias(name) if kind == "timestamp" else f.col(name)
        for name, kind in types.items()
    ]
    found = (row.asDict() for row in rows.select(columns).toLocalIterator())
    return {"types": types, "rows": Counter(map(_as_text, found))}


def _as_text(row: Mapping[str, object]) -> str:
    known = {name: value for name, value in row.items() if value is not None}
    return json.dumps(known, sort_keys=True, default=lambda value: value.hex())


def found(
    spark: SparkSession, load: Callable[[str], DataFrame], query: str | None
) -> Mapping[str, Mapping[str, object]]:
    """The contents of each table, and with a query those of names and what it finds."""
    told = {table: contents(load(table)) for table in TABLES}
    if query:
        for table in ("entities", "names"):
            load(table).createOrReplaceTempView(table)
        told |= {"names": contents(load("names")), "joined": contents(spark.sql(query))}
    return told


def main() -> int:
    """Answer until nobody asks any more; returns the exit code."""
    jars, output, folder, query = sys.argv[1:]
    spark = session(Path(jars), output)
    delta = spark.read.format("delta")
    loads: Mapping[str, Callable[[str], DataFrame]] = {
        "in place": lambda table: delta.load(f"{output}/{table}"),
        "elsewhere": lambda table: delta.load(f"{folder}/{table}"),
        "iceberg": lambda table: spark.table(f"gleaner.open.{table}"),
    }
    for _ in sys.stdin:
        asked = query if Path(output, "names/_delta_log").exists() else None
        told = {place: found(spark, load, asked) for place, load in loads.items()}
        print(json.dumps(told), flush=True)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
