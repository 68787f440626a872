-- Grain: one distinct text by which a play was ever matched: a title or the name of an artist.
-- Source: staging_events with page NextSong, staging_songs; texts stay when their records leave.
-- Keys: PRIMARY KEY (text)
-- Redshift: DISTSTYLE AUTO SORTKEY (text)
-- Why: it is only ever joined by the text.
CREATE TABLE IF NOT EXISTS normalized_texts (
    text VARCHAR(1024) NOT NULL, -- the text as staged
    normalized VARCHAR(4096) -- the form by which similar texts are equal; NULL where no letter or digit is left
)
