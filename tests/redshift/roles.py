"""What a test sets in the stand-in: the IAM roles of the cluster, and the faults to play."""

from dataclasses import dataclass
from typing import Literal

Fault = Literal["none", "error_1023", "error_1018", "cut", "cut_after", "cut_answer", "hang_up_session"]


@dataclass(frozen=True)
class Role:
    """An attached IAM role: the address of its S3, and the keys that represent its permissions."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
