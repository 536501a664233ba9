"""Put what counts of an output within reach of DuckDB and pandas."""
