"""Amazon Redshift, reached by AWS's own driver. `docs/redshift.md` names the source of every fact obeyed here."""
