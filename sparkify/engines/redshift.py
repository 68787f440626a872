"""Amazon Redshift's COPY. The engine itself is not part of this version.

COPY binds no parameters, so its literals are quoted here, by one function. No secret belongs in a statement: S3 is read
with a role.
"""

from sparkify.config import Config
from sparkify.records import Dataset

# The public bucket of the original project; its region is not that of most warehouses, so COPY has to name it.
_PUBLIC = {"events": "s3://udacity-dend/log_data", "songs": "s3://udacity-dend/song_data"}
_PUBLIC_JSONPATHS = "s3://udacity-dend/log_json_path.json"


def quote_literal(text: str) -> str:
    """A text as an SQL literal. Redshift reads a backslash in a literal as an escape, so it is doubled as well."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def copy_sql(config: Config, dataset: Dataset) -> str:
    """The COPY of one dataset's raw objects into its staging table, from the configured S3 roots or the public bucket.

    A root is a folder: without its slash COPY would take every key that begins like it. Log data needs JSONPaths:
    'auto' matches no camelCase key and loads NULLs without a word.
    """
    configured = (config.log_data if dataset == "events" else config.song_data) or ""
    root = configured if configured.startswith("s3://") else _PUBLIC[dataset]
    region = "REGION 'us-west-2' " if root.startswith("s3://udacity-dend/") else ""
    role = quote_literal(config.arn) if config.arn else "default"
    paths = quote_literal(config.log_jsonpath or _PUBLIC_JSONPATHS) if dataset == "events" else "'auto'"
    return (
        f"COPY staging_{dataset} FROM {quote_literal(root.rstrip('/') + '/')} IAM_ROLE {role} "
        f"{region}FORMAT AS JSON {paths} COMPUPDATE OFF STATUPDATE OFF"
    )
