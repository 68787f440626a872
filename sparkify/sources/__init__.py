"""Where records come from: which files are data, and how their bytes are read as bundles of lines.

Works for local folders and S3. Opens no database and judges no record.
"""
