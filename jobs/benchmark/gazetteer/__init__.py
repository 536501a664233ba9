"""What a gazetteer costs."""
