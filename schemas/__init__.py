"""Data contracts without logic: records, tables, the run manifest and errors."""
