-- fail: artist_is_unique = unique(artist_id)
-- An artist with two rows doubles their plays in every join.

-- fail: artist_is_not_null = not_null(artist_id)
-- Redshift declares keys but does not enforce them.

-- fail: artists_are_those_staged = those_staged(artist_id, staging_songs, artist_id)
-- A staged artist without a row here was lost; a row without a staged record has no origin.

-- warn: coordinates_are_on_earth
-- A latitude beyond 90 or a longitude beyond 180 degrees is not a place.
SELECT artist_id, latitude, longitude
FROM artists
WHERE latitude NOT BETWEEN -90 AND 90 OR longitude NOT BETWEEN -180 AND 180;
