"""The command line: what each command prints, its exit code, its errors."""

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ringback.cli import accounts, app, bans, flow, keys, run, sounds
from ringback.model.status import Status

ROOT = Path(__file__).parents[3]


def commands() -> list[str]:
    """Return every command with its group."""
    found = []
    groups = ((accounts, "accounts "), (bans, "bans "), (keys, "keys "), (flow, "flow "), (sounds, "sounds "))
    for group, name in ((app, ""), *groups):
        for command in group:
            if command.startswith("-") or (not name and command in {"accounts", "bans", "keys", "flow", "sounds"}):
                continue
            found.append(f"{name}{command}")
    return sorted(found)


def test_every_command_has_its_heading_and_every_heading_its_command() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## ringback (.+)$", text, flags=re.MULTILINE)

    assert sorted(headings) == commands()
    assert len(commands()) == 19


@pytest.mark.parametrize("command", [command for command in commands() if command != "demo"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_unknown_command_and_option_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    codes = []
    for arguments in (["statusses"], ["statuses", "--jsonn"], ["keys", "create"]):
        try:
            codes.append(run(arguments))
        except SystemExit as left:
            codes.append(left.code)

    assert codes == [2, 2, 2]
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err


class TestStatuses:
    def test_all_28_are_listed(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["statuses", "--json"]) == 0

        listed = json.loads(capsys.readouterr().out)
        assert sorted(info["status"] for info in listed) == sorted(Status)

    def test_one_is_explained_in_any_case(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["statuses", "noanswer"]) == 0

        assert "the callee (dialled number) did not answer" in capsys.readouterr().out

    def test_close_name_is_suggested(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["statuses", "NOANSWERED"]) == 1

        error = capsys.readouterr().err
        assert "Did you mean NOANSWER?" in error
        assert "Traceback" not in error


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'cli.db'}"


class TestAccountsAndKeys:
    def test_from_account_to_revoked_key(self, database: str, capsys: pytest.CaptureFixture[str]) -> None:
        def do(*arguments: str) -> Any:
            assert run([*arguments, "--database", database]) == 0
            return json.loads(capsys.readouterr().out or "null") if "--json" in arguments else None

        made = do("accounts", "create", "My company", "--sid", "AC1", "--test", "--json")
        assert made["sid"] == "AC1"
        assert made["key"].startswith("rbk_")
        assert do("accounts", "list", "--json") == [
            {"sid": "AC1", "name": "My company", "channels": 100, "is_test": True}
        ]
        key = do("keys", "create", "AC1", "--scope", "read", "--network", "192.0.2.0/24", "--json")
        assert (key["scopes"], key["networks"]) == (["read"], ["192.0.2.0/24"])
        assert run(["keys", "revoke", "AC1", key["id"], "--database", database]) == 0
        capsys.readouterr()
        listed = {row["id"]: row for row in do("keys", "list", "AC1", "--json")}
        assert listed[key["id"]]["revoked_at"] is not None
        assert [row["revoked_at"] is None for row in listed.values()].count(True) == 1
        assert made["key"] not in json.dumps(listed)
        assert run(["keys", "list", "AC1", "--database", database]) == 0
        assert key["id"] in capsys.readouterr().out, "`keys revoke` needs the whole id"

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["keys", "create", "AC9"], "There is no account AC9"),
            (["keys", "list", "AC9"], "There is no account AC9"),
            (["keys", "revoke", "AC9", "k"], "has no key k"),
            (["keys", "create", "AC9", "--network", "x"], "is not a network"),
            (["accounts", "create", "x", "--sid", "a b"], "--sid must be"),
            (["accounts", "create", "x", "--channels", "0"], "--channels must be"),
            (["accounts", "create", ""], "The name must have"),
        ],
    )
    def test_mistakes_are_told_without_traceback(
        self, database: str, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
    ) -> None:
        assert run(["accounts", "create", "x", "--sid", "AC1", "--database", database]) == 0
        capsys.readouterr()

        assert run([*arguments, "--database", database]) == 1

        error = capsys.readouterr().err
        assert told in error
        assert "Traceback" not in error

    def test_account_is_not_made_twice(self, database: str, capsys: pytest.CaptureFixture[str]) -> None:
        arguments = ["accounts", "create", "x", "--sid", "AC1", "--database", database]

        assert [run(arguments), run(arguments)] == [0, 1]
        assert "already" in capsys.readouterr().err

    @pytest.mark.parametrize("url", ["nonsense", "mysql://x", "sqlite:///"])
    def test_unusable_database_is_told(self, capsys: pytest.CaptureFixture[str], url: str) -> None:
        assert run(["accounts", "list", "--database", url]) == 1

        error = capsys.readouterr().err
        assert "sqlite:///" in error
        assert "Traceback" not in error


class TestVerify:
    def test_database_without_calls_is_sound(self, database: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["accounts", "create", "x", "--sid", "AC1", "--database", database]) == 0
        capsys.readouterr()

        assert run(["verify", "--account", "AC1", "--database", database]) == 0

        assert "No violation" in capsys.readouterr().out

    def test_mistyped_path_is_an_error_and_makes_no_database(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["verify", "--database", f"sqlite:///{tmp_path}/typo.db"]) == 1

        assert "There is no database" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    def test_unknown_account_is_an_error(self, database: str, capsys: pytest.CaptureFixture[str]) -> None:
        run(["accounts", "create", "x", "--sid", "AC1", "--database", database])
        capsys.readouterr()

        assert run(["verify", "--account", "AC2", "--database", database]) == 1

        assert "There is no account AC2" in capsys.readouterr().err


class TestFlowCheck:
    def test_good_document(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "good.json"
        start = {"type": "start", "exits": {"next": "bye"}}
        file.write_text(json.dumps({"name": "G", "nodes": {"start": start, "bye": {"type": "hangup"}}}))

        assert run(["flow", "check", str(file)]) == 0
        assert "may be published" in capsys.readouterr().out

    def test_every_problem_is_listed_with_its_place(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "bad.json"
        file.write_text(
            '{"name": "B", "nodes": {"start": {"type": "start", "exits": {"next": "x"}}, "p": {"type": "q"}}}'
        )

        assert run(["flow", "check", str(file), "--json"]) == 1
        result = json.loads(capsys.readouterr().out)
        assert result["ok"] is False
        assert {problem["node"] for problem in result["problems"]} >= {"start", "p"}

    @pytest.mark.parametrize(("content", "told"), [(None, "Cannot read"), (b"{", ""), (b" " * 300_000, "larger than")])
    def test_unreadable_files(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, told: str
    ) -> None:
        file = tmp_path / "x.json"
        if content is not None:
            file.write_bytes(content)

        assert run(["flow", "check", str(file)]) == 1
        captured = capsys.readouterr()
        assert told in captured.err
        assert "Traceback" not in captured.err


SOUND = {"id": "sound_1", "name": "[A]", "duration_s": 1.25, "created_at": "2026-03-02T09:00:00Z"}


class TestFlowTest:
    @pytest.fixture
    def flows(self, tmp_path: Path) -> Path:
        say = {"type": "play", "prompt": "Hello.", "exits": {"next": "bye"}}
        nodes = {"start": {"type": "start", "exits": {"next": "say"}}, "say": say, "bye": {"type": "hangup"}}
        (tmp_path / "flow.json").write_text(json.dumps({"name": "G", "nodes": nodes}))
        return tmp_path

    def write(self, folder: Path, *heard: str) -> str:
        tests = [{"name": f"says {text}", "expect": {"heard": [text]}} for text in heard]
        (folder / "tests.json").write_text(json.dumps({"flow": "flow.json", "tests": tests}))
        return str(folder / "tests.json")

    def test_passing_tests_are_listed(self, flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["flow", "test", self.write(flows, "Hello", "o.")]) == 0

        shown = capsys.readouterr().out
        assert "passed  says Hello" in shown
        assert "2 of 2 passed." in shown

    def test_failing_test_says_what_was_heard(self, flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = self.write(flows, "Hello", "[Goodbye]")

        assert run(["flow", "test", file]) == 1
        shown = capsys.readouterr().out
        assert "failed  says [Goodbye]" in shown
        assert "'[Goodbye]' was not heard; heard: ['Hello.']" in shown
        assert "1 of 2 passed." in shown
        assert run(["flow", "test", file, "--json"]) == 1
        found = json.loads(capsys.readouterr().out)
        assert (found["ok"], [bool(test["failure"]) for test in found["files"][file]]) == (False, [False, True])

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("absent.json", None, "Cannot read"),
            ("t.json", "{", "t.json: "),
            ("t.json", '{"flow": "flow.json", "tests": []}', "length >= 1"),
            ("t.json", '{"flow": "none.json", "tests": [{"name": "x"}]}', "none.json"),
            ("t.json", '{"flow": "bad.json", "tests": [{"name": "x"}]}', "The flow has errors"),
        ],
    )
    def test_unusable_files(
        self, flows: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, told: str
    ) -> None:
        (flows / "bad.json").write_text('{"name": "B", "nodes": {}}')
        if content is not None:
            (flows / name).write_text(content)

        assert run(["flow", "test", str(flows / name)]) == 1
        captured = capsys.readouterr()
        assert told in captured.err
        assert "Traceback" not in captured.err

    def test_step_of_a_wrong_form_fails_its_test_alone(self, flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
        tests = [{"name": "odd", "steps": [{"presses": 1}]}, {"name": "even"}]
        (flows / "t.json").write_text(json.dumps({"flow": "flow.json", "tests": tests}))

        assert run(["flow", "test", str(flows / "t.json")]) == 1
        assert "1 of 2 passed." in capsys.readouterr().out


class _Answers(BaseHTTPRequestHandler):
    """Answers as a server would; what was asked is kept in `asked`."""

    asked: ClassVar[list[tuple[str, str, Any]]] = []
    polls = 0

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["content-length"]))
        if "/sounds" in self.path:
            self.asked.append((self.path, self.headers["content-type"], data))
            return self._send(201, SOUND)
        body = json.loads(data)
        self.asked.append((self.path, self.headers["api-key"], body))
        if body.get("bridge") == "wrong":
            problem = {"title": "T", "detail": "D", "what_to_do": "W", "errors": [{"field": "a", "detail": "x"}] * 2}
            return self._send(400, problem)
        calls = [{"to": to, "id": f"call_{to}"} for to in str(body["to"]).split(",")]
        return self._send(202, {"code": "RBC202", "message": "", "data": {"calls": calls, "id": None}})

    def do_DELETE(self) -> None:
        self.asked.append((self.path, self.headers["api-key"], None))
        if self.path.endswith("/sound_used"):
            return self._send(409, {"title": "T", "detail": "Office plays it", "what_to_do": "W"})
        self.send_response(204)
        self.end_headers()
        return None

    def do_GET(self) -> None:
        if self.path.endswith("/sounds"):
            return self._send(200, {"sounds": [SOUND]})
        type(self).polls += 1
        call_id = self.path.rsplit("/", 1)[1]
        status = None if self.polls == 1 else "ANSWER" if call_id.endswith("1") else "BUSY"
        return self._send(200, {"id": call_id, "to": "1", "status": status, "reason": "r", "explanation": "[because]"})

    def _send(self, code: int, content: Any) -> None:
        data = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Answers]]:
    class Answers(_Answers):
        asked: ClassVar[list[tuple[str, str, Any]]] = []
        polls = 0

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("RINGBACK_URL", f"http://127.0.0.1:{httpd.server_port}")
    monkeypatch.setenv("RINGBACK_API_KEY", "k")
    monkeypatch.setenv("RINGBACK_SID", "AC1")
    monkeypatch.setattr("ringback.cli.calls.POLL_S", 0.0)
    yield Answers
    httpd.shutdown()
    thread.join()
    httpd.server_close()


class TestCalls:
    def test_call_is_placed_and_shown(self, server: type[_Answers], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["call", "+491", "--bridge", "+493", "--say", "Hi"]) == 0

        (asked,) = server.asked
        assert asked == (
            "/v1/AC1/voice/outbound",
            "k",
            {"to": "+491", "bridge": "+493", "target": [{"message": {"text": "Hi"}}]},
        )
        assert "call_+491" in capsys.readouterr().out

    def test_waiting_follows_to_the_final_status(
        self, server: type[_Answers], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["call", "+491", "--bridge", "+493", "--flow", "f", "--wait"]) == 0
        assert run(["c2c", "+491", "+492", "--bridge", "+493", "--timeout", "9", "--wait"]) == 1

        shown = capsys.readouterr().out
        assert "ANSWER" in shown
        assert "[because]" in shown
        assert server.asked[1][2] == {"from": "+491", "to": "+492", "bridge": "+493", "timeout": 9}

    def test_refusal_is_shown_with_every_fault(
        self, server: type[_Answers], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["call", "+491", "--bridge", "wrong", "--say", "Hi"]) == 1

        error = capsys.readouterr().err
        assert "T: D" in error
        assert error.count("a: x") == 2
        assert "W" in error

    @pytest.mark.parametrize("targets", [[], ["--say", "a", "--flow", "f"]])
    def test_exactly_one_target(
        self, server: type[_Answers], capsys: pytest.CaptureFixture[str], targets: list[str]
    ) -> None:
        assert run(["call", "+491", "--bridge", "+493", *targets]) == 1
        assert "exactly one" in capsys.readouterr().err
        assert server.asked == []

    def test_missing_key_and_absent_server_are_told(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("RINGBACK_API_KEY", raising=False)
        monkeypatch.delenv("RINGBACK_SID", raising=False)
        place = ["c2c", "+491", "+492", "--bridge", "+493"]

        assert run(place) == 1
        assert "--key (or RINGBACK_API_KEY) and --sid" in capsys.readouterr().err
        assert run([*place, "--key", "k", "--sid", "s", "--url", "http://127.0.0.1:1"]) == 1
        assert "Is `ringback serve` running there?" in capsys.readouterr().err
        assert run([*place, "--key", "k", "--sid", "s", "--url", "file:///etc/passwd"]) == 1
        assert "is not a server's address" in capsys.readouterr().err


class TestSounds:
    def test_file_is_uploaded_under_its_name_or_another(
        self, server: type[_Answers], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "welcome.wav"
        file.write_bytes(b"RIFF\x00")

        assert run(["sounds", "add", str(file)]) == 0
        assert run(["sounds", "add", str(file), "--name", "Grüße & Co", "--json"]) == 0

        upload = ("application/octet-stream", b"RIFF\x00")
        assert server.asked == [
            ("/v1/AC1/sounds?name=welcome", *upload),
            ("/v1/AC1/sounds?name=Gr%C3%BC%C3%9Fe+%26+Co", *upload),
        ]
        first, _, rest = capsys.readouterr().out.partition("\n")
        assert first == "sound_1  [A]  1.2 s"
        assert json.loads(rest) == SOUND

    def test_list(self, server: type[_Answers], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["sounds", "list"]) == 0
        assert "[A]" in capsys.readouterr().out
        assert run(["sounds", "list", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == [SOUND]

    def test_delete_and_its_refusal(self, server: type[_Answers], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["sounds", "delete", "sound_1"]) == 0
        assert run(["sounds", "delete", "sound_used"]) == 1

        captured = capsys.readouterr()
        assert "sound_1 is deleted" in captured.out
        assert "Office plays it" in captured.err
        assert [path for path, _, _ in server.asked] == ["/v1/AC1/sounds/sound_1", "/v1/AC1/sounds/sound_used"]

    @pytest.mark.parametrize(("size", "told"), [(None, "Cannot read"), (10 * 1024 * 1024 + 1, "larger than")])
    def test_file_that_cannot_be_sent(
        self,
        server: type[_Answers],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        size: int | None,
        told: str,
    ) -> None:
        if size is not None:
            (tmp_path / "x.wav").write_bytes(bytes(size))

        assert run(["sounds", "add", str(tmp_path / "x.wav")]) == 1
        assert told in capsys.readouterr().err
        assert server.asked == []


def test_simulator_says_which_address_is_taken() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "ringback.simulator", "--listen", address]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False
        )

    assert done.returncode == 1
    assert address in done.stderr
    assert "Traceback" not in done.stderr


def test_simulate_checks_its_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--listen", "nowhere"]) == 1
    assert "--listen must be host:port" in capsys.readouterr().err
