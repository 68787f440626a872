"""What a session can contain: pages and songs, as codes.

For each page: how likely it is, which pages come with it, and what the log says about it.
"""

# Pages up to RELOGIN come between plays. The codes of songs follow after the last page.
(HOME, SETTINGS, HELP, ABOUT, SAVE, ERROR, LEVEL, UPGRADE, DOWNGRADE, RELOGIN, LOGOUT, CANCEL, CANCELLED,
 HOME_OUT, LOGIN_OUT, HELP_OUT, ABOUT_OUT, FIRST_SONG) = range(18)  # fmt: skip
# How often each page from HOME to RELOGIN occurs per play.
RATES = (0.025, 0.006, 0.006, 0.003, 0.0015, 0.0013, 0.011, 0.0024, 0.0006, 0.006)
# The pages that come together with a drawn page.
CHAINS = {
    SAVE: (SETTINGS, SAVE),
    UPGRADE: (LEVEL, UPGRADE, HOME),
    DOWNGRADE: (LEVEL, DOWNGRADE, HOME),
    RELOGIN: (LOGOUT, HOME_OUT, LOGIN_OUT, HOME),
}
# Page, method and status of the pages that do not depend on the user's level.
REQUESTS = {
    HOME: ("Home", "GET", 200),
    SETTINGS: ("Settings", "GET", 200),
    HELP: ("Help", "GET", 200),
    ABOUT: ("About", "GET", 200),
    SAVE: ("Save Settings", "PUT", 307),
    ERROR: ("Error", "GET", 404),
    LOGOUT: ("Logout", "PUT", 307),
    CANCEL: ("Cancel", "PUT", 307),
    CANCELLED: ("Cancellation Confirmation", "GET", 200),
    HOME_OUT: ("Home", "GET", 200),
    LOGIN_OUT: ("Login", "PUT", 307),
    HELP_OUT: ("Help", "GET", 200),
    ABOUT_OUT: ("About", "GET", 200),
}
