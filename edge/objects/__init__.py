"""Whole files by name, in a bucket, on a web server or in a folder; and what can keep one from them."""
