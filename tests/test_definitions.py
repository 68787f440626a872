"""What a create.sql defines, and the statement that each engine gets."""

import pytest

from sparkify.sql import comment_sql, create_sql, list_columns, parse_table, quote

TEXT = """-- Grain: one visit.
-- Source: the door,
-- at any hour.
-- Keys: PRIMARY KEY (id), FOREIGN KEY (guest)
-- REFERENCES guests (guest)
-- Redshift: DISTSTYLE EVEN SORTKEY (at)
-- Uncompressed: id
-- Why: guests come in spans of time.
CREATE TABLE IF NOT EXISTS visits (
    id CHAR(32) NOT NULL, -- visit
    at TIMESTAMP NOT NULL, -- when, UTC
    guest INTEGER, -- who: guests.guest
    "raw" VARCHAR(1024), -- what was said, word for word
    hours DOUBLE PRECISION -- how long
)"""


def test_a_definition_is_read_from_its_text() -> None:
    table = parse_table("visits", TEXT)
    assert table.header["Source"] == "the door, at any hour."
    assert [(column.name, column.type, column.required) for column in table.columns] == [
        ("id", "CHAR(32)", True),
        ("at", "TIMESTAMP", True),
        ("guest", "INTEGER", False),
        ("raw", "VARCHAR(1024)", False),
        ("hours", "DOUBLE PRECISION", False),
    ]
    assert table.columns[3].meaning == "what was said, word for word"


def test_a_line_that_is_not_a_column_with_a_meaning_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a column with a comment:     a INTEGER"):
        parse_table("t", "-- Grain: x.\n-- Source: y.\nCREATE TABLE IF NOT EXISTS t (\n    a INTEGER\n)")


VIEW = """-- Grain: one guest.
-- Source: visits.
CREATE OR REPLACE VIEW guests AS
-- Who came once.
WITH firsts AS (
    SELECT
        guest, -- not a column of the view
        min(at) AS at
    FROM visits
    GROUP BY guest
)

SELECT
    firsts.guest, -- who
    CASE
        WHEN firsts.guest > 9 THEN 1
        ELSE 0
    END AS is_late, -- whether the house was full
    cast(firsts.at AS DATE) AS "day" -- which day - or night
FROM firsts
WHERE firsts.guest IS NOT NULL"""


def test_a_view_is_described_as_a_table_is() -> None:
    view = parse_table("guests", VIEW)
    assert view.header == {"Grain": "one guest.", "Source": "visits."}
    assert [(column.name, column.meaning) for column in view.columns] == [
        ("guest", "who"),
        ("is_late", "whether the house was full"),
        ("day", "which day - or night"),
    ]


def test_comments_say_what_the_definition_says() -> None:
    table, first, *_, raw, _ = comment_sql("rejected_records", "redshift")
    assert table.startswith("COMMENT ON TABLE rejected_records IS 'One row per: one rejected record. Source: ")
    assert first.startswith("COMMENT ON COLUMN rejected_records.source_id IS 'file the record came from: ")
    assert raw.startswith('COMMENT ON COLUMN rejected_records."raw" IS \'text of the record')


def test_a_literal_is_quoted_for_its_engine() -> None:
    assert quote(r"user's \xNN") == r"'user''s \xNN'"
    assert quote(r"user's \xNN", "redshift") == r"'user''s \\xNN'"


def test_redshift_gets_keys_order_and_encodings() -> None:
    assert (
        create_sql("songplays", "redshift")
        == """CREATE TABLE IF NOT EXISTS songplays (
    songplay_id CHAR(32) NOT NULL ENCODE ZSTD,
    start_time TIMESTAMP NOT NULL ENCODE RAW,
    user_id INTEGER NOT NULL ENCODE AZ64,
    level VARCHAR(1024) ENCODE ZSTD,
    song_id VARCHAR(1024) ENCODE ZSTD,
    artist_id VARCHAR(1024) ENCODE ZSTD,
    session_id INTEGER NOT NULL ENCODE AZ64,
    location VARCHAR(1024) ENCODE ZSTD,
    user_agent VARCHAR(1024) ENCODE ZSTD,
    item_in_session INTEGER NOT NULL ENCODE AZ64,
    song_title VARCHAR(1024) NOT NULL ENCODE ZSTD,
    artist_name VARCHAR(1024) NOT NULL ENCODE ZSTD,
    song_length DOUBLE PRECISION ENCODE ZSTD,
    match VARCHAR(16) ENCODE ZSTD,
    PRIMARY KEY (songplay_id),
    FOREIGN KEY (user_id) REFERENCES users (user_id),
    FOREIGN KEY (song_id) REFERENCES songs (song_id),
    FOREIGN KEY (artist_id) REFERENCES artists (artist_id),
    FOREIGN KEY (start_time) REFERENCES time (start_time)
)
DISTSTYLE KEY DISTKEY (start_time)
SORTKEY (start_time)"""
    )


def test_duckdb_gets_columns_alone() -> None:
    first, *others = create_sql("songplays", "duckdb").splitlines()[1:-1]
    assert first == "    songplay_id CHAR(32) NOT NULL USING COMPRESSION uncompressed,"
    columns = [line.strip(" ,").removesuffix(" NOT NULL").split(" ", 1) for line in others]
    assert {name: kind.partition("(")[0] for name, kind in columns} == dict([*list_columns("songplays").items()][1:])
