-- Grain: a user's plays of one UTC day at one level.
-- Source: plays. A length beyond a billion seconds adds nothing, and a day and level without any length has no sum.
SELECT
    day,
    level,
    user_id,
    count(*) AS plays,
    -- Whole numbers: a sum of fractions depends on their order in its last digits.
    sum(CASE
        WHEN abs(song_length) <= 1000000000 THEN cast(round(song_length * 1000000) AS BIGINT)
    END) AS microseconds
FROM plays
GROUP BY day, level, user_id
