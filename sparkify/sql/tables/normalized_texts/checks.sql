-- fail: text_is_unique = unique(text)
-- A text with two rows doubles the plays and songs that have it.

-- fail: staged_texts_are_normalized
-- A title or name without its normalized form here is matched by exact equality alone.
SELECT staged.text
FROM (
    SELECT song AS text FROM staging_events
    WHERE page = 'NextSong'
        AND source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
    UNION
    SELECT artist AS text FROM staging_events
    WHERE page = 'NextSong'
        AND source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
    UNION
    SELECT title AS text FROM staging_songs
    WHERE source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
    UNION
    SELECT artist_name AS text FROM staging_songs
    WHERE source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
) AS staged
LEFT JOIN normalized_texts ON staged.text = normalized_texts.text
WHERE normalized_texts.text IS NULL;
