-- The plays to recompute.
DELETE FROM songplays
USING touched_plays -- touched
WHERE songplays.start_time = touched_plays.start_time -- touched
    AND songplays.user_id = touched_plays.user_id -- touched
    AND songplays.session_id = touched_plays.session_id -- touched
    AND songplays.item_in_session = touched_plays.item_in_session -- touched
    AND songplays.start_time >= (SELECT min(start_time) FROM touched_plays) -- touched
    AND songplays.start_time <= (SELECT max(start_time) FROM touched_plays) -- touched
