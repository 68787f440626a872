-- The names that the changed catalogue records match plays by: a play is matched by its artist, whatever the kind.
INSERT INTO sparkify_touched_names (artist_name)
WITH changed_names AS (
    SELECT DISTINCT artist_name
    FROM staging_songs
    WHERE source_id IN (SELECT source_id FROM sparkify_changed_files)
)

SELECT artist_name
FROM changed_names
UNION
SELECT other.text AS artist_name
FROM changed_names
INNER JOIN normalized_texts AS changed ON changed_names.artist_name = changed.text
INNER JOIN normalized_texts AS other ON changed.normalized = other.normalized
