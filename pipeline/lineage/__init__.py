"""Lineage: what a run reads and writes, told to OpenLineage where that is configured."""
