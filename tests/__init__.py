"""Why we believe it: claims as tests, mirroring the rooms."""
