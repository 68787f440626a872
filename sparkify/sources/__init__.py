"""Where records come from: which files are data, and how their bytes become bundles of lines.

Local folders and S3 alike. Opens no database and judges no record.
"""
