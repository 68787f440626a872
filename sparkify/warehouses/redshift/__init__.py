"""Amazon Redshift, through AWS's own driver. docs/redshift.md names the source of each fact used here."""
