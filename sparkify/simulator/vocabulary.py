"""The words and tables that the simulator draws from.

Data only. Places and user agents are public facts; people, artists and titles are combined from word lists. Order
matters: a seed gives indexes into these tuples.
"""

WOMEN = (
    "Ada", "Alma", "Amara", "Beatriz", "Briar", "Carys", "Cora", "Dalia", "Edith", "Elif", "Freya", "Greta", "Hana",
    "Imogen", "Ines", "Juno", "Kiri", "Leona", "Maeve", "Mirela", "Nadia", "Odette", "Petra", "Rhea", "Saskia",
    "Selma", "Tamsin", "Una", "Vera", "Willa", "Yara", "Zoë",
)  # fmt: skip
MEN = (
    "Abel", "Anton", "Basil", "Bruno", "Caspian", "Cyrus", "Dorian", "Edmund", "Emil", "Felix", "Gideon", "Hugo",
    "Idris", "Ivor", "Jasper", "Kofi", "Leif", "Magnus", "Milan", "Nico", "Orson", "Pascal", "Quentin", "Rafael",
    "Rufus", "Silas", "Tobias", "Umar", "Victor", "Wendell", "Yusuf", "José",
)  # fmt: skip
SURNAME_STEMS = (
    "Ash", "Birch", "Black", "Brook", "Cal", "Clay", "Dun", "Elder", "Fair", "Fen", "Gold", "Green", "Hart", "Haw",
    "Kings", "Lang", "Marsh", "Nor", "Oak", "Pem", "Raven", "Rock", "Sil", "Stan", "Thorn", "Under", "Vale", "West",
    "Whit", "Wood", "O'Fen", "Müh",
)  # fmt: skip
SURNAME_ENDINGS = (
    "bourne", "bury", "by", "combe", "cott", "dale", "den", "field", "ford", "gate", "ham", "hurst", "ley", "low",
    "man", "mere", "more", "ridge", "shaw", "side", "stead", "ton", "ward", "well", "wick", "worth",
)  # fmt: skip

METROS = (
    "New York-Newark-Jersey City, NY-NJ-PA", "Los Angeles-Long Beach-Anaheim, CA",
    "Chicago-Naperville-Elgin, IL-IN-WI", "Dallas-Fort Worth-Arlington, TX", "Houston-The Woodlands-Sugar Land, TX",
    "Washington-Arlington-Alexandria, DC-VA-MD-WV", "Philadelphia-Camden-Wilmington, PA-NJ-DE-MD",
    "Miami-Fort Lauderdale-West Palm Beach, FL", "Atlanta-Sandy Springs-Roswell, GA",
    "Boston-Cambridge-Newton, MA-NH", "San Francisco-Oakland-Hayward, CA", "Phoenix-Mesa-Scottsdale, AZ",
    "Riverside-San Bernardino-Ontario, CA", "Detroit-Warren-Dearborn, MI", "Seattle-Tacoma-Bellevue, WA",
    "Minneapolis-St. Paul-Bloomington, MN-WI", "San Diego-Carlsbad, CA", "Tampa-St. Petersburg-Clearwater, FL",
    "Denver-Aurora-Lakewood, CO", "St. Louis, MO-IL", "Baltimore-Columbia-Towson, MD",
    "Charlotte-Concord-Gastonia, NC-SC", "Portland-Vancouver-Hillsboro, OR-WA", "San Antonio-New Braunfels, TX",
    "Orlando-Kissimmee-Sanford, FL", "Sacramento--Roseville--Arden-Arcade, CA", "Pittsburgh, PA",
    "Cincinnati, OH-KY-IN", "Las Vegas-Henderson-Paradise, NV", "Kansas City, MO-KS", "Cleveland-Elyria, OH",
    "Columbus, OH", "Austin-Round Rock, TX", "Indianapolis-Carmel-Anderson, IN",
    "Nashville-Davidson--Murfreesboro--Franklin, TN", "Virginia Beach-Norfolk-Newport News, VA-NC",
    "Providence-Warwick, RI-MA", "Milwaukee-Waukesha-West Allis, WI", "Jacksonville, FL", "Memphis, TN-MS-AR",
    "Oklahoma City, OK", "Richmond, VA", "Louisville/Jefferson County, KY-IN",
    "Hartford-West Hartford-East Hartford, CT", "Salt Lake City, UT", "Buffalo-Cheektowaga, NY", "Tucson, AZ",
    "Honolulu, HI", "Albuquerque, NM", "Boise City, ID", "Spokane-Spokane Valley, WA", "Duluth, MN-WI",
    "Fargo, ND-MN", "Missoula, MT", "Bangor, ME", "Burlington-South Burlington, VT", "Mayagüez, PR", "Española, NM",
    "Anchorage, AK", "Rapid City, SD",
)  # fmt: skip

# Most agents are logged inside a second pair of quotes, which is part of the value.
AGENTS = (
    '"Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/37.0.2062.120 Safari/537.36"',
    '"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_4) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/36.0.1985.125'
    ' Safari/537.36"',
    '"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_4) AppleWebKit/537.78.2 (KHTML, like Gecko) Version/7.0.6'
    ' Safari/537.78.2"',
    '"Mozilla/5.0 (Windows NT 6.3; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/36.0.1985.143 Safari/537.36"',
    '"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/36.0.1985.125 Safari/537.36"',
    '"Mozilla/5.0 (iPhone; CPU iPhone OS 7_1_2 like Mac OS X) AppleWebKit/537.51.2 (KHTML, like Gecko) Version/7.0'
    ' Mobile/11D257 Safari/9537.53"',
    '"Mozilla/5.0 (iPad; CPU OS 7_1_2 like Mac OS X) AppleWebKit/537.51.2 (KHTML, like Gecko) Version/7.0'
    ' Mobile/11D257 Safari/9537.53"',
    '"Mozilla/5.0 (Windows NT 5.1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/36.0.1985.143 Safari/537.36"',
    "Mozilla/5.0 (Windows NT 6.1; WOW64; rv:31.0) Gecko/20100101 Firefox/31.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.9; rv:31.0) Gecko/20100101 Firefox/31.0",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:31.0) Gecko/20100101 Firefox/31.0",
    "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.1; WOW64; Trident/6.0)",
)

# (location as a catalogue gives it, latitude, longitude)
PLACES = (
    ("Austin, TX", "30.2672", "-97.7431"), ("Athens, GA", "33.96095", "-83.37794"),
    ("Berlin, Germany", "52.52", "13.405"), ("Bristol, England", "51.4545", "-2.5879"),
    ("Buenos Aires", "-34.6037", "-58.3816"), ("Cape Town", "-33.9249", "18.4241"),
    ("Chicago, IL", "41.8781", "-87.6298"), ("Dakar, Senegal", "14.7167", "-17.4677"),
    ("Detroit, MI", "42.3314", "-83.0458"), ("Glasgow, Scotland", "55.8642", "-4.2518"),
    ("Göteborg, Sweden", "57.7089", "11.9746"), ("Helsinki", "60.1699", "24.9384"),
    ("Kingston, Jamaica", "17.9712", "-76.7936"), ("Kraków", "50.0647", "19.945"),
    ("Lagos, Nigeria", "6.5244", "3.3792"), ("Lisboa", "38.7223", "-9.1393"),
    ("Manchester, England", "53.4808", "-2.2426"), ("Melbourne, Australia", "-37.8136", "144.9631"),
    ("Memphis, TN", "35.1495", "-90.049"), ("Montréal, Québec", "45.5017", "-73.5673"),
    ("Mumbai, India", "19.076", "72.8777"), ("Oakland, CA", "37.8044", "-122.2712"),
    ("Olympia, WA", "47.0379", "-122.9007"), ("Reykjavík", "64.1466", "-21.9426"),
    ("São Paulo / Brasil", "-23.5505", "-46.6333"), ("Sheffield", "53.3811", "-1.4701"),
    ("Tokyo, Japan", "35.6762", "139.6503"), ("Toronto, Ontario", "43.6532", "-79.3832"),
    ("Tulsa, OK", "36.154", "-95.9928"), ("Zürich", "47.3769", "8.5417"),
)  # fmt: skip

WORDS = {
    "woman": WOMEN,
    "man": MEN,
    "stem": SURNAME_STEMS,
    "ending": SURNAME_ENDINGS,
    "adjective": (
        "Amber", "Ancient", "Bitter", "Borrowed", "Broken", "Careless", "Copper", "Distant", "Drowsy", "Electric",
        "Empty", "Faded", "Feral", "Gentle", "Gilded", "Hollow", "Humble", "Idle", "Ivory", "Jagged", "Late",
        "Lonely", "Lucid", "Midnight", "Naked", "Northern", "Orphaned", "Paper", "Patient", "Quiet", "Reckless",
        "Restless", "Rusted", "Sacred", "Savage", "Second", "Silver", "Slow", "Solar", "Stolen", "Sudden", "Tender",
        "Thirsty", "Twisted", "Velvet", "Violet", "Wandering", "Wild", "Winter", "Young",
    ),
    "noun": (
        "Anchor", "Avenue", "Ballad", "Beacon", "Bridge", "Candle", "Canyon", "Carnival", "Circuit", "Compass",
        "Crow", "Desert", "Diamond", "Dream", "Echo", "Ember", "Warehouse", "Feather", "Fever", "Garden", "Ghost",
        "Harbor", "Highway", "Horizon", "Island", "Kite", "Ladder", "Lantern", "Letter", "Lighthouse", "Machine",
        "Meadow", "Mirror", "Moon", "Mountain", "Needle", "Ocean", "Orchard", "Parade", "Pilot", "Prairie", "Radio",
        "Rain", "River", "Rocket", "Rose", "Satellite", "Shadow", "Signal", "Station", "Storm", "Summer", "Telephone",
        "Thunder", "Tide", "Tower", "Train", "Valley", "Window", "Wolf",
    ),
    "plural": (
        "Admirals", "Barons", "Cartographers", "Comets", "Cousins", "Daydreamers", "Drifters", "Falcons", "Foxes",
        "Gardeners", "Hermits", "Jackals", "Kestrels", "Magpies", "Navigators", "Otters", "Pilgrims", "Prophets",
        "Sailors", "Saints", "Sparrows", "Strangers", "Tailors", "Tigers", "Tinkers", "Wanderers", "Weavers",
        "Zephyrs",
    ),
    "verb": (
        "Burn", "Carry", "Chase", "Dance", "Drift", "Fall", "Follow", "Forget", "Hold", "Leave", "Listen", "Remember",
        "Run", "Sing", "Sleep", "Stay", "Surrender", "Wait", "Wake", "Wander",
    ),
    "foreign": (
        "Canción", "Corazón", "Coração", "Dernière Fête", "Déjà Rêvé", "Élégie", "Flügel", "Frühling", "Für Immer",
        "Garçon", "Hjärta", "Jalapeño", "Lúna", "Mañana", "Nocturne", "Ølhund", "Señorita", "Straße", "Über", "Żółw",
        "Ночь", "Река", "Καρδιά", "東京", "夜の海", "사랑", "ليل", "\U0001f319 Luna",
    ),
}  # fmt: skip

# A word in <angle brackets> is drawn from WORDS. A template is used as often as it is listed.
ARTIST_TEMPLATES = (
    "The <adjective> <plural>", "The <adjective> <plural>", "The <noun> <plural>", "<adjective> <noun>",
    "<noun> <noun>", "<plural> of <noun>", "<woman> <stem><ending>", "<man> <stem><ending>", "<woman> <stem><ending>",
    "<man> <stem><ending>", "<man> & The <plural>", "DJ <noun>", "<noun>/<noun>", "<foreign>", "<foreign> <noun>",
    "Los <plural>", "<plural>", '<woman> "<noun>" <stem><ending>', "<stem><ending>, <stem><ending> & <man>",
)  # fmt: skip
TITLE_TEMPLATES = (
    "<adjective> <noun>", "<adjective> <noun>", "The <adjective> <noun>", "<verb> the <noun>",
    "<verb> for the <adjective> <noun>", "<noun> on the <noun>", "<adjective> <noun> (Album Version)",
    "<noun> (Live)", "Don't <verb> My <noun>", "<verb>, <verb>, <verb>", "<noun> & <noun>", "<verb> (LP Version)",
    "<woman>'s <noun>", "<adjective> Like a <noun>", "<foreign>", "<foreign> <noun>",
    '<noun> (Theme From "The <adjective> <noun>")', '<verb> It (7" Mix)', "<noun> / <noun>",
    "<noun>  (2004 Digital Remaster)", "<noun> \\ <noun>", "<foreign> (Remix)",
)  # fmt: skip

# Plays in a session, by percentile: half of the sessions have at most two, one in a hundred about ninety.
SESSION_PLAYS = (
    *(0,) * 18, *(1,) * 27, *(2,) * 11, *(3,) * 7, *(4,) * 5, *(5,) * 4, 6, 6, 6, 7, 7, 8, 8, 9, 10, 11, 12, 14, 15,
    17, 19, 21, 23, 26, 29, 32, 36, 41, 47, 54, 62, 72, 90, 112,
)  # fmt: skip
# How likely a session starts in each hour of the day, UTC. Plays follow an hour or two behind.
HOUR_WEIGHTS = (16, 14, 12, 14, 18, 20, 21, 24, 28, 33, 37, 40, 46, 56, 70, 66, 59, 50, 40, 34, 28, 22, 19, 17)
WEEKDAY_WEIGHTS = (100, 104, 108, 105, 106, 58, 46)  # Monday first

# ---- Planted faults: what makes a record break one rule, by the code of the rule ----

# JSON values, as raw bytes, that replace a text.
BAD_TEXTS = {
    "bad_encoding": (b'"caf\xe9"', b'"\xff\xfe"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xe2\x82"'),
    "not_json": (
        b'"\\ud800"', b'"\\udc00\\ud83c"', b"01", b".5", b"1.", b"True", b"'text'",
        b'"tab\there"', b'"\\x41"', b"",
    ),
    "not_json:nan": (b"NaN", b"-Infinity"),
}  # fmt: skip
# Where the line is cut (None: not at all), and what is appended. No cut may split a character of two bytes.
BAD_LINES = {
    "not_json": (
        (-12, b""), (-1, b",}"), (None, b" and more"), (None, b"{"), (-1, b""), (None, b" // note"), (11, b""),
    ),
    "not_object": ((0, b"[]"), (0, b'"text"'), (0, b"42"), (0, b"null"), (0, b"true"), (0, b'[{"page":"Home"}]')),
}  # fmt: skip
# JSON values, as raw bytes, by a field's name, else its kind. None: the key is missing.
BAD_VALUES: dict[str, dict[str, tuple[bytes | None, ...]]] = {
    "bad_type": {
        "text": (b"true", b'["text"]', b'{"text":"a"}', b"false"),
        "whole": (b'"abc"', b"true", b"1.5", b"[1]", b'{"n":1}', b'"12abc"', b'"1.5"'),
        "decimal": (b'"long"', b"true", b"[1.5]", b'{"n":1.5}', b"1e400", b'"NaN"'),
    },
    # A ts in seconds, read as milliseconds, is in January 1970.
    "out_of_range": {
        "ts": (b"1541105830", b'"1541105830"', b"-1", b"946684799999", b"4102444800001", b"99999999999999999999"),
        "registration": (b"253402300800000", b"-62135596800001.0", b"99999999999999999999"),
        "whole": (b"2147483648", b"-2147483649", b'"4294967296"', b"99999999999999999999"),
    },
    "too_long": {
        "text": (
            b'"' + b"x" * 1025 + b'"',
            b'"' + "é".encode() * 513 + b'"',
            b'"' + b"\\u00e9" * 513 + b'"',
            b'"' + "日".encode() * 342 + b'"',
        ),
        "other": (b'"' + b"x" * 65_536 + b'"',),
    },
    "nul_character": {"text": (b'"a\\u0000b"', b'"\\u0000"', b'"text\\u0000"')},
    "missing": dict.fromkeys(("text", "whole", "decimal"), (None, b"null", b'""')),
}
