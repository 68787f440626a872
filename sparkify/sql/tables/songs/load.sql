-- One row per song: the first of its records by (year, title, artist_id, duration), NULLs last.
INSERT INTO songs (song_id, title, artist_id, year, duration)
WITH ranked_records AS (
    SELECT
        song_id, title, artist_id, year, duration,
        row_number() OVER (PARTITION BY song_id ORDER BY year, title, artist_id, duration) AS record_rank
    FROM staging_songs
    WHERE song_id IN (SELECT song_id FROM sparkify_touched_songs) -- touched
)

SELECT song_id, title, artist_id, year, duration
FROM ranked_records
WHERE record_rank = 1
