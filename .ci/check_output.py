"""Checks that an output holds a manifest, tables with rows and a report: `check_output.py DIR`."""

import sys
from pathlib import Path

import pyarrow.dataset as ds


def main() -> int:
    """Exit code 0 if the tables have rows and each run has a manifest and a report, else 1."""
    output = Path(sys.argv[1])
    manifests = sorted(output.glob("runs/*.json"))
    if not manifests:
        print(f"check_output: no manifest under {output}/runs", file=sys.stderr)
        return 1
    for manifest in manifests:
        if not (output / f"reports/{manifest.stem}.html").is_file():
            print(f"check_output: no report of {manifest.stem}", file=sys.stderr)
            return 1
    for table in ("documents", "entities"):
        files = sorted(str(path) for path in output.glob(f"{table}/run_id=*/*.parquet"))
        rows = ds.dataset(files, format="parquet").count_rows() if files else 0
        if not rows:
            print(f"check_output: no rows under {output}/{table}", file=sys.stderr)
            return 1
        print(f"check_output: {rows} rows of {table} in {len(files)} file(s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
