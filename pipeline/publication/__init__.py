"""What counts of an output, as tables of open formats: Delta Lake and Apache Iceberg."""
