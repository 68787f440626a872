-- The plays to recompute.
DELETE FROM songplays
USING sparkify_touched_plays -- touched
WHERE songplays.start_time = sparkify_touched_plays.start_time -- touched
    AND songplays.user_id = sparkify_touched_plays.user_id -- touched
    AND songplays.session_id = sparkify_touched_plays.session_id -- touched
    AND songplays.item_in_session = sparkify_touched_plays.item_in_session -- touched
    AND songplays.start_time >= (SELECT min(start_time) FROM sparkify_touched_plays) -- touched
    AND songplays.start_time <= (SELECT max(start_time) FROM sparkify_touched_plays) -- touched
