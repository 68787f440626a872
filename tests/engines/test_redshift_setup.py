"""docs/redshift-setup.md, followed: its SQL, policies and settings lead to a load."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import obstore
import pytest
import sqlglot
from moto import mock_aws

from tests.engines.commands import ROOT, run_here
from tests.redshift.roles import Role
from tests.redshift.server import Redshift
from tests.s3_server import BUCKET, SECRET, WRITE_KEY, S3Server
from tests.support import play, song, to_lines

PAGE = (ROOT / "docs" / "redshift-setup.md").read_text(encoding="utf-8")
ARN = "arn:aws:iam::123456789012:role/sparkify-copy"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    with mock_aws():
        yield


@pytest.mark.usefixtures("aws")
def test_policies_are_taken() -> None:
    trust, copies, loads = blocks("json")
    iam = boto3.client("iam")
    iam.create_role(RoleName="sparkify-copy", AssumeRolePolicyDocument=trust)
    assert "redshift-serverless.amazonaws.com" in trust
    # An export by UNLOAD: the role writes to the stage, and this machine reads it.
    assert "s3:PutObject" in copies
    assert re.search(r'"s3:GetObject"\],\s*"Resource": "arn:aws:s3:::my-bucket/stage/sparkify-stage/\*"', loads)
    for name, policy in (("copy", copies), ("load", loads)):
        # The fake validates its grammar, as AWS does.
        arn = iam.create_policy(PolicyName=name, PolicyDocument=policy)["Policy"]["Arn"]
        iam.attach_role_policy(RoleName="sparkify-copy", PolicyArn=arn)
        with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
            iam.create_policy(PolicyName=f"not {name}", PolicyDocument=policy.replace("s3:GetObject", "GetObject"))


def test_every_way_to_make_the_user_is_sql_of_redshift() -> None:
    statements = [one for block in blocks("sql") for one in sqlglot.parse(block, dialect="redshift")]
    assert len(statements) == 1 + 3 + 3 + 2


def test_the_page_leads_to_a_load(
    redshift: Redshift, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema, user = blocks("sql")[:2]
    database = redshift.new_database()
    # The stand-in has a loader already.
    newcomer = f"newcomer_{database}"
    user = user.replace("loader", newcomer).replace("DATABASE dev", f"DATABASE {database}")
    password = re.search(r"PASSWORD '(.*)'", user)
    assert password is not None
    with redshift.connect_postgres(database) as administrator:
        for statement in sqlglot.parse(schema + user, dialect="redshift"):
            assert statement is not None
            administrator.execute(statement.sql(dialect="postgres").encode())
    redshift.passwords[newcomer] = password[1]
    redshift.roles[ARN] = Role(s3_server.endpoint, WRITE_KEY, SECRET)
    store = s3_server.open_store()
    obstore.put(store, "setup/log_data/events.json", to_lines([play()]))
    obstore.put(store, "setup/song_data/songs.json", to_lines([song()]))

    (settings,) = blocks("ini")
    assert ARN in settings
    settings = re.sub(r"(?m)^HOST = .*", f"HOST = {redshift.host}\nDB_PORT = {redshift.port}", settings)
    settings = settings.replace("= dev", f"= {database}").replace("= loader", f"= {newcomer}")
    (tmp_path / "redshift.cfg").write_text(settings.replace("my-bucket", f"{BUCKET}/setup"), encoding="utf-8")
    monkeypatch.setenv("SPARKIFY_DB_PASSWORD", password[1])
    commands = re.findall(r"^sparkify (.*?)(?:  *#.*)?$", blocks("sh")[1], re.MULTILINE)
    assert [line.split()[0] for line in commands] == ["doctor", "load", "check"]
    for line in commands:
        ran = run_here(*line.split())
        assert ran.code == 0, ran
    tables = run_here("status", "--config", "redshift.cfg", "--json").json()["tables"]
    assert (tables["songplays"], tables["songs"]) == (1, 1)
    with redshift.connect_postgres(database) as administrator:
        owner = "SELECT DISTINCT schemaname, tableowner FROM pg_tables WHERE tablename IN ('songplays', 'load_lock')"
        assert administrator.execute(owner).fetchall() == [("sparkify", newcomer)]
