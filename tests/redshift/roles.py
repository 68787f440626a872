"""What a test tells the stand-in: the IAM roles of the cluster, and the faults to play."""

from dataclasses import dataclass
from typing import Literal

Fault = Literal["none", "error_1023", "error_1018", "cut", "cut_after", "cut_answer", "hang_up_session"]


@dataclass(frozen=True)
class Role:
    """An IAM role that is attached: where its S3 is, and the keys that stand for what it may do."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
