"""What each answer comes to, in a sentence or two for who does not look at the drawing. Nothing here judges."""

from collections.abc import Callable, Sequence

from sparkify.formats import count_of, format_day, format_number, format_share
from sparkify.report.marks import Record
from sparkify.report.words import isolate


def tell(name: str, records: Sequence[Record]) -> str | None:
    """What the answer to a question says; None where it says nothing, for there is no data for it."""
    return _FINDINGS[name](records) if records else None


def _audience(records: Sequence[Record]) -> str | None:
    days = [record["dau"] for record in records]
    if not any(days):
        return None
    busiest = max(records, key=lambda record: record["dau"])
    text = (
        f"{format_number(sum(days) / len(days))} people listened on an average day, "
        f"{format_number(busiest['dau'])} on the busiest, {format_day(busiest['day'])}."
    )
    last = records[-1]
    if last["mau"] is None:
        return text + " The log is shorter than 30 days, so MAU and stickiness are undefined."
    if last["mau"] == 0:
        return text + " Nobody listened in the last 30 days."
    return (
        text + f" {format_number(last['mau'])} listened in the last 30 days. Stickiness is "
        f"{format_share(last['stickiness'])}: on an average day so many of them listened."
    )


def _heatmap(records: Sequence[Record]) -> str | None:
    busiest = max(records, key=lambda record: (record["plays_per_occurrence"], record["plays"]))
    most = max(records, key=lambda record: (record["plays"], record["plays_per_occurrence"]))
    if not most["plays"]:
        return None
    text = f"Busiest is {_hour(busiest)}, with {format_number(busiest['plays_per_occurrence'])} plays each time"
    if most == busiest:
        return f"{text} ({format_number(busiest['plays'])} in all)."
    return f"{text}. {_hour(most)} has the most in all: {format_number(most['plays'])} on {most['occurrences']} days."


def _hour(record: Record) -> str:
    return f"{record['weekday_name']} from {record['hour']:02}:00 UTC"


def _sessions(records: Sequence[Record]) -> str | None:
    answer = records[0]
    if not answer["sessions"]:
        return None
    mean = format_number(answer["mean_minutes"])
    pulled = answer["mean_minutes"] > answer["median_minutes"]
    return (
        f"Half of the {count_of(answer['sessions'], 'session')} took at most "
        f"{format_number(answer['median_minutes'])} minutes, and nine of ten at most "
        f"{format_number(answer['p90_minutes'])}. {'Long ones pull the mean up to' if pulled else 'The mean is'} "
        f"{mean} minutes. A session has {format_number(answer['mean_plays'])} plays on average, and "
        f"{format_share(answer['one_event_share'])} of them are a single event."
    )


def _session_lengths(records: Sequence[Record]) -> str | None:
    sessions = sum(record["sessions"] for record in records)
    moments = sum(record["sessions"] for record in records if record["to_minutes"] == 0)
    long = sum(record["sessions"] for record in records if (record["over_minutes"] or 0) >= 60)
    return (
        f"{format_share(moments / sessions)} of sessions are over in the moment they begin, and "
        f"{format_share(long / sessions)} last longer than an hour."
    )


def _hours(records: Sequence[Record]) -> str | None:
    whole = records[-1]
    if whole["day"] is not None or whole["hours"] is None:
        return None
    return (
        f"{format_number(whole['hours'])} hours of music began to play. The ten heaviest listeners have "
        f"{format_share(whole['heaviest_users_share'])} of the plays."
    )


def _winner(records: Sequence[Record], name: Callable[[Record], str]) -> str:
    first = [record for record in records if record["place"] == 1]
    plays = count_of(first[0]["plays"], "play")
    if len(first) > 3:
        return f"{format_number(len(first))} share the first place with {plays} each."
    return f"{' and '.join(map(name, first))} {'lead' if len(first) > 1 else 'leads'} with {plays}."


def _top_songs(records: Sequence[Record]) -> str | None:
    return _winner(records, lambda record: f"“{isolate(record['song_title'])}” by {isolate(record['artist_name'])}")


def _top_artists(records: Sequence[Record]) -> str | None:
    return _winner(records, lambda record: isolate(record["artist_name"]))


def _levels(records: Sequence[Record]) -> str | None:
    whole = {record["level"]: record for record in records if record["day"] is None}
    plays, users = (sum(record[field] for record in whole.values()) for field in ("plays", "users_at_end"))
    if not users:
        return None
    paid = whole.get("paid", {"plays": 0, "users_at_end": 0})
    played = f"{format_share(paid['plays'] / plays)} of plays were at the level paid. " if plays else ""
    return (
        f"{played}At their last event {format_number(paid['users_at_end'])} of {count_of(users, 'user')} paid "
        f"({format_share(paid['users_at_end'] / users)})."
    )


def _conversion(records: Sequence[Record]) -> str | None:
    answer = records[0]
    if not (answer["first_free_users"] or answer["active_free_users"]):
        return None
    text = (
        f"{count_of(answer['conversions'], 'user')} upgraded. Of those first seen free "
        f"{format_share(answer['share_a'])} did (A); over the free players of the period it is "
        f"{format_share(answer['share_b'])} (B)."
    )
    days = answer["median_days_since_registration"]
    return text if days is None else text + f" Half did within {format_number(days)} days of registering."


def _funnel(records: Sequence[Record]) -> str | None:
    users = {record["step"]: record["users"] for record in records}
    if not users[1]:
        return None
    return (
        f"Of {count_of(users[1], 'user')} first seen free, {format_number(users[2])} played, "
        f"{format_number(users[3])} then opened Upgrade, and {format_number(users[4])} then sent it."
    )


def _churn(records: Sequence[Record]) -> str | None:
    answer = {record["outcome"]: record for record in records}
    silent = answer["silent"]
    if not silent["of_users"]:
        return None
    return (
        f"{format_number(silent['users'])} of {count_of(silent['of_users'], 'player')} "
        f"({format_share(silent['share'])}) have been silent for {silent['silent_days']} days or more. "
        f"{format_number(answer['cancelled']['users'])} cancelled, "
        f"{format_number(answer['downgraded']['users'])} downgraded. Of the other "
        f"{format_number(answer['censored']['users'])} players it cannot be told yet."
    )


def _retention(records: Sequence[Record]) -> str | None:
    # Who came in the log's first days may have come long before; a week in part has fewer days to come back in.
    second = [
        record
        for record in records
        if record["week_number"] == 1
        and record["active_users"] is not None
        and not (record["is_week_in_part"] or record["is_cut_off_on_left"])
    ]
    users = sum(record["cohort_users"] for record in second)
    if not users:
        return "The log is too short to tell who comes back."
    active = sum(record["active_users"] for record in second)
    of = f"{format_number(active)} of {format_number(users)}"
    return f"{format_share(active / users)} of new listeners listened in the week after their first ({of})."


def _discovery(records: Sequence[Record]) -> str | None:
    whole = records[-1]
    if whole["week"] is not None or not whole["plays"]:
        return None
    return f"{format_share(whole['first_play_share'])} of plays are a listener's first of that artist in the log."


def _places(records: Sequence[Record]) -> str | None:
    first = records[0]
    # The page may be without the places of a single listener, and one of those may have more plays.
    among = "" if any(record["users"] == 1 for record in records) else "Of places with more than one listener, "
    place = isolate(first["location"] or "what was not logged")
    return (
        f"{among}{place} has the most plays: {format_number(first['plays'])}, by "
        f"{count_of(first['users'], 'listener')}."
    )


def _health(records: Sequence[Record]) -> str | None:
    answer = records[0]
    if not answer["events"]:
        return None
    text = (
        f"{count_of(answer['errors'], 'error')} in {count_of(answer['events'], 'event')} "
        f"({format_number(answer['errors_per_1000_events'])} per 1,000) hit "
        f"{count_of(answer['sessions_hit'], 'session')}. {format_share(answer['rejected_share'])} of the records were "
        "rejected."
    )
    matched = answer["match_rate"]
    return text if matched is None else f"{text} The catalogue knows the songs of {format_share(matched)} of plays."


_FINDINGS: dict[str, Callable[[Sequence[Record]], str | None]] = {
    "audience": _audience,
    "heatmap": _heatmap,
    "sessions": _sessions,
    "session_lengths": _session_lengths,
    "hours": _hours,
    "top_songs": _top_songs,
    "top_artists": _top_artists,
    "levels": _levels,
    "conversion": _conversion,
    "funnel": _funnel,
    "churn": _churn,
    "retention": _retention,
    "discovery": _discovery,
    "places": _places,
    "health": _health,
}
