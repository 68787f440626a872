-- fail: song_is_unique = unique(song_id)
-- A song with two rows doubles its plays in every join.

-- fail: song_is_not_null = not_null(song_id)
-- Redshift declares keys but does not enforce them.

-- fail: songs_are_those_staged = those_staged(song_id, staging_songs, song_id)
-- A staged song without a row here was lost; a row without a staged record has no origin.

-- fail: artist_is_found = found(artist_id, artists)
-- An analyst's join to artists must not lose songs.
