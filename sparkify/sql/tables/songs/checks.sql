-- fail: song_is_unique = unique(song_id)
-- A song that stands twice doubles its plays in every join.

-- fail: song_is_not_null = not_null(song_id)
-- Redshift declares keys and enforces none.

-- fail: songs_are_those_staged = those_staged(song_id, staging_songs, song_id)
-- A song of staging without a row here was lost; one without a record came from nowhere.

-- fail: artist_is_found = found(artist_id, artists)
-- An analyst's join to artists must not lose songs.
