"""Check what the runs of an output wrote against their manifests and their input."""
