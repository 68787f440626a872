"""What an error of the store or of its client means, as the end of a sentence: the cause, and what to do.

A cause is named where it is known. Any other is told as not known, with the store's own code and words. Nothing that
equals a credential or a signature is left in them.
"""

import html
import os
import re
import urllib.request
from typing import NamedTuple

from sparkify.addresses import mask
from sparkify.settings import S3Access
from sparkify.sources.file import CHANGED

# A connection is made within this time, and a store says something, and goes on to, within the next.
CONNECT_SECONDS, MOST_SECONDS = 5, 30
# A request has ended within this time, however slowly its answer comes. Parts of objects need more on slow lines.
MOST_ANSWER_SECONDS, MOST_REQUEST_SECONDS = 60, 120

_DEBUG = "\n\nDebug source"
_ANSWER = re.compile(r"status code: (\d{3})[^:]*: ?(.*)", re.DOTALL)
# Neither may look far ahead at each place: a page may be nothing but openings of tags.
_ELEMENTS = re.compile(r"<(Code|Message|Region|Endpoint|Location)>([^<]*)</\1>")
_TAGS = re.compile(r"<style[^<]*</style>|<[^<>]*>")
_SIGNATURE = re.compile(r"\b[0-9a-f]{64}\b")
_SECRET_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# So many characters are looked at, and so many are told.
_MOST_READ, _MOST_WORDS, _LEAST_SECRET = 4000, 300, 4
# Credentials that come from elsewhere than the environment.
_secrets: set[str] = set()

_SENTENCES = {
    "NoSuchBucket": "there is no such bucket; check its name",
    "NoSuchKey": "it is no longer there",
    "SignatureDoesNotMatch": "the secret access key does not belong to the access key; check AWS_SECRET_ACCESS_KEY",
    "InvalidAccessKeyId": "the store does not know the access key; check AWS_ACCESS_KEY_ID",
    "ExpiredToken": "the session token has expired; sign in again",
    "TokenRefreshRequired": "the session token has expired; sign in again",
    "InvalidToken": "the session token is not valid; sign in again",
    "RequestTimeTooSkewed": "the clock of this machine is wrong; set it",
    "PreconditionFailed": CHANGED,
    "InvalidObjectState": "it is in an archive, where it is not read; restore it, or copy it to another storage class",
}
_OTHER_REGION = ("PermanentRedirect", "IllegalLocationConstraintException", "AuthorizationHeaderMalformed")
_REDIRECTS = (301, 302, 303, 307, 308)
_OVERLOADED = ("SlowDown", "ServiceUnavailable", "TooManyRequests", "RequestLimitExceeded", "Throttling")
_NO_PATH_STYLE = re.compile(r"SecondLevelDomain|virtual[- ]?host|path[- ]?style", re.IGNORECASE)
_AWS_REGION = re.compile(r"s3[.-]([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com")
_SILENCE = re.compile("timed out|kind: Timeout")
# Words of a report on a request without an answer.
_CONNECTION = {
    "ConnectionRefused": "nothing listens there; check AWS_ENDPOINT_URL",
    "dns error": "the name of its host is not known; check AWS_ENDPOINT_URL, AWS_REGION and the network",
    "InvalidCertificate": "its certificate is not trusted here; name the file of its authority in AWS_CA_BUNDLE",
    "InvalidContentType": "it does not speak HTTPS; write http:// in AWS_ENDPOINT_URL",
    "WRONG_VERSION_NUMBER": "it does not speak HTTPS; write http:// in AWS_ENDPOINT_URL",
    "RECORD_LAYER_FAILURE": "it does not speak HTTPS; write http:// in AWS_ENDPOINT_URL",
    "TlsFailure": "it and this machine agree on no encryption; check AWS_ENDPOINT_URL",
    "NoHttp": "what answers there does not speak HTTP; check AWS_ENDPOINT_URL",
}


class Answer(NamedTuple):
    """What a store answered: its status, 0 without an answer, the code and words of its error, a region, and the place
    to which it sends.
    """

    status: int = 0
    code: str = ""
    words: str = ""
    region: str = ""
    place: str = ""

    def __str__(self) -> str:
        told = ": ".join(filter(None, (self.code, self.words)))
        return f"{self.status} {told}".strip()


def read_answer(error: BaseException) -> Answer:
    """The store's answer that the client reports."""
    found = _ANSWER.search(str(error).partition(_DEBUG)[0])
    if found is None:
        return Answer()
    parts = dict(_ELEMENTS.findall(found[2]))
    # What is no S3 comes from a proxy or from another server, often as a page.
    words = parts.get("Message", "" if parts else _TAGS.sub(" ", found[2]))
    place = _read_place(html.unescape(parts.get("Location") or parts.get("Endpoint", "")))
    named = _AWS_REGION.search(place)
    told = parts.get("Region", "")
    region = told if re.fullmatch(r"[\w-]{1,40}", told) else named[1] if named else ""
    return Answer(int(found[1]), parts.get("Code", ""), clean_words(words), region, place)


def _read_place(text: str) -> str:
    """Scheme and host of an address, or the host alone: the rest may hold a signature."""
    found = re.fullmatch(r"(https?://)?(?:[^/?#@]*@)?([\w.-]+|\[[0-9a-f:.]+\])(:\d+)?(?:[/?#].*)?", text, re.DOTALL)
    return clean_words(f"{found[1] or ''}{found[2]}{found[3] or ''}") if found else ""


def hide_secrets(*values: str | None) -> None:
    """Never repeat these values in a message."""
    _secrets.update(filter(None, values))


def is_passing(error: BaseException) -> bool:
    """Whether a retry may help: the store is overloaded, or the connection broke."""
    answer = read_answer(error)
    return not isinstance(error, FileNotFoundError) and (
        answer.status in (0, 408, 429) or answer.status >= 500 or answer.code in _OVERLOADED
    )


def is_redirect(error: BaseException) -> bool:
    """Whether the store sends to another place."""
    return read_answer(error).status in _REDIRECTS


def is_silence(error: BaseException) -> bool:
    """Whether no answer came in time."""
    return not read_answer(error).status and _SILENCE.search(str(error)) is not None


def explain_error(error: BaseException, access: S3Access, permission: str) -> str:
    """What an error of the store's client means. `permission` is the right that the request needs, such as
    s3:GetObject.
    """
    answer = read_answer(error)
    # An answer to HEAD has no words.
    if isinstance(error, FileNotFoundError) and not answer.words:
        return _SENTENCES["NoSuchBucket" if answer.code == "NoSuchBucket" else "NoSuchKey"]
    return _explain_answer(answer, access, permission) if answer.status else _explain_client(error)


def _explain_answer(answer: Answer, access: S3Access, permission: str) -> str:
    # The header may be malformed for other reasons; then the store names no region.
    is_other_region = answer.code in _OTHER_REGION or answer.status in _REDIRECTS
    if is_other_region and (answer.region or (answer.code == "PermanentRedirect" and not answer.place)):
        place = f"the region {answer.region}" if answer.region else "another region"
        return f"the bucket is in {place}; set AWS_REGION to it"
    if answer.status in _REDIRECTS:
        return (
            f"the store sends to {answer.place or 'another place'}, to which credentials are not carried; if it is the "
            "right one, set AWS_ENDPOINT_URL or AWS_REGION to it"
        )
    if answer.status == 404 and permission == "s3:ListBucket":
        return _SENTENCES["NoSuchBucket"]
    if answer.code in _SENTENCES:
        return _SENTENCES[answer.code]
    if answer.status == 200:
        return f"what answers there is not a store's listing ({answer}); check AWS_ENDPOINT_URL"
    if answer.status == 412:
        return CHANGED
    if _NO_PATH_STYLE.search(f"{answer.code} {answer.words}"):
        return (
            f"the store takes no path-style addresses ({answer}); set AWS_VIRTUAL_HOSTED_STYLE_REQUEST=true, which "
            "puts the bucket's name before the host's"
        )
    if answer.code in _OVERLOADED or answer.status in (429, 503):
        return f"the store is overloaded ({answer}); try later, or with a smaller --concurrency"
    if answer.status in (401, 403) and answer.code in ("", "AccessDenied", "Forbidden"):
        return _explain_denial(answer, access, permission)
    return f"the store answers {answer}" + ("; try later" if answer.status >= 500 else "")


def _explain_denial(answer: Answer, access: S3Access, permission: str) -> str:
    if "kms" in answer.words.lower():
        return f"access is denied ({answer}): the credentials need the permission kms:Decrypt on the object's key"
    if access.anonymous:
        return f"access is denied without credentials ({answer}); remove --anonymous, or ask the owner"
    if "not authorized to perform" in answer.words:
        return f"access is denied ({answer})"
    reasons = [f"the credentials lack the permission {permission}", "a policy of the bucket forbids it"]
    if not os.environ.get("AWS_REQUEST_PAYER"):
        reasons.append("its readers have to pay for requests, which AWS_REQUEST_PAYER=requester agrees to")
    return f"access is denied ({answer}), and the store does not say why: perhaps {', or '.join(reasons)}"


def _explain_client(error: BaseException) -> str:
    """What an error means that no answer of the store caused."""
    told = _explain_failure(str(error)) or (
        "the store's client fails, for a reason that is not known here: "
        f"{clean_words(str(error).partition(_DEBUG)[0]) or type(error).__name__}"
    )
    is_led = "cannot be reached" in told and urllib.request.getproxies().keys() & {"http", "https", "all"}
    return told + ("; requests go through the proxy of HTTP_PROXY or HTTPS_PROXY, check it too" if is_led else "")


def _explain_failure(text: str) -> str | None:
    if "without LOCATION" in text:
        return "the bucket is in another region; set AWS_REGION to it"
    if _SILENCE.search(text):
        return "the store does not answer in time; check AWS_ENDPOINT_URL and the network, or try later"
    for report, words in _CONNECTION.items():
        if report in text:
            # The certificate's own fault, such as its end or another name.
            told = re.search(r"InvalidCertificate \((.+?)\)", text)
            return f"the store cannot be reached: {words}{f' ({clean_words(told[1])})' if told else ''}"
    if "body error" in text:
        return "the connection broke before all of the answer had come; try later"
    if "kind: Connect" in text or "error sending request" in text:
        return "the store cannot be reached; check AWS_ENDPOINT_URL and the network"
    return None


def clean_words(text: str) -> str:
    """Words of others as one short line without secrets."""
    text = html.unescape(text)
    for value in sorted(_secrets.union(os.environ.get(name, "") for name in _SECRET_VARIABLES), key=len, reverse=True):
        if len(value) >= _LEAST_SECRET:
            text = text.replace(value, "…")
    text = mask(_SIGNATURE.sub("…", " ".join(text.split())[:_MOST_READ])).rstrip(".")
    text = "".join(character if character.isprintable() else "�" for character in text)
    return text if len(text) <= _MOST_WORDS else text[:_MOST_WORDS] + "…"
