-- Grain: one session: a user and a session id. Events without a user are in no session.
-- Source: the view events.
CREATE OR REPLACE VIEW sessions AS
WITH spans AS (
    SELECT
        user_id,
        session_id,
        min(happened_at) AS started_at,
        max(happened_at) AS ended_at,
        count(*) AS events,
        sum(CASE WHEN page = 'NextSong' THEN 1 ELSE 0 END) AS plays
    FROM events
    WHERE user_id IS NOT NULL
    GROUP BY user_id, session_id
),

-- Only the events of a session's first moment are ordered.
ranked_events AS (
    SELECT
        events.user_id,
        events.session_id,
        events.level,
        row_number() OVER (
            PARTITION BY events.user_id, events.session_id ORDER BY events.item_in_session, events.page
        ) AS event_rank
    FROM events
    INNER JOIN spans
        ON events.user_id = spans.user_id
            AND events.session_id = spans.session_id
            AND events.happened_at = spans.started_at
)

SELECT
    spans.user_id, -- user: users.user_id
    spans.session_id, -- session id of the user: two users may have the same
    spans.started_at, -- when its first event happened, UTC
    spans.ended_at, -- when its last event happened, UTC
    spans.events, -- number of its events
    spans.plays, -- number of its plays
    ranked_events.level -- subscription at its first event: free or paid
FROM spans
INNER JOIN ranked_events
    ON spans.user_id = ranked_events.user_id
        AND spans.session_id = ranked_events.session_id
        AND ranked_events.event_rank = 1
