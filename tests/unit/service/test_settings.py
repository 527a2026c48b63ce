"""Settings: what is read, what wins, and what people are told when something is wrong."""

import tomllib
from pathlib import Path

import msgspec
import pytest

from ringback.service.setting_types import Settings
from ringback.service.settings import SettingsError, load, variables

DOCUMENT = Path(__file__).parents[3] / "docs" / "settings.md"


def _file(folder: Path, text: str) -> Path:
    path = folder / "ringback.toml"
    path.write_text(text)
    return path


def test_defaults_need_no_file() -> None:
    assert load(environment={}) == Settings()


def test_file_sets_tables_and_lists(tmp_path: Path) -> None:
    text = """
        grace_s = 5
        [sip]
        listen = "0.0.0.0:5062"
        [[account]]
        sid = "AC1"
        [account.defaults]
        ring_ms = 20000
        [[trunk]]
        id = "t1"
        gateways = ["10.0.0.1:5060", "carrier.example:5060"]
        [[trunk.overrides]]
        id = "busy"
        sip = 480
        result = "busy"
    """

    settings = load(_file(tmp_path, text), {})

    assert (settings.grace_s, settings.sip.listen) == (5.0, "0.0.0.0:5062")
    assert (settings.account[0].sid, settings.account[0].defaults.ring_ms) == ("AC1", 20000)
    assert settings.trunk[0].overrides[0].sip == 480


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = _file(tmp_path, '[sip]\nlisten = "127.0.0.1:1"\ntrace = true\n')
    environment = {
        "RINGBACK_SIP_LISTEN": "127.0.0.1:2",
        "RINGBACK_SIP_TRACE": "false",
        "RINGBACK_GRACE_S": "1.5",
        "RINGBACK_URL": "http://is.not.a.setting",
        "HOME": "/root",
    }

    settings = load(file, environment)

    assert (settings.sip.listen, settings.sip.trace, settings.grace_s) == ("127.0.0.1:2", False, 1.5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[sip]\nlissten = 'x'", ["[sip] has no setting `lissten`", "`listen`?"]),
        ("nod = 'x'", ["The top of the file has no setting `nod`", "`node`?"]),
        ("[sip]\nlisten = 5060", ["[sip] `listen`", "expected `str | array`"]),
        ("[sip]\nlisten = 'here'", ["[sip] `listen`"]),
        ("[media]\nshards = 17", ["[media] `shards`", "<= 16"]),
        ("[[trunk]]\nname = 'x'", ["[[trunk]] number 1 needs the setting `id`"]),
        ("[[number]]\nnumber = '0301'\naccount = 'A'", ["[[number]] number 1 `number`"]),
        ("[[trunk]]\nid = 'a'\n[[trunk]]\nid = 'b'\nchannel = 1", ["[[trunk]] number 2 has no", "`channels`?"]),
        ("[account", ["is not TOML"]),
    ],
)
def test_wrong_settings_say_where_and_what(tmp_path: Path, text: str, told: list[str]) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(_file(tmp_path, text), {})

    assert str(tmp_path / "ringback.toml") in str(refusal.value)
    assert [part for part in told if part not in str(refusal.value)] == []


def test_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--config"):
        load(tmp_path / "nowhere.toml", {})


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("RINGBACK_SIP_LISSTEN", "x", "RINGBACK_SIP_LISTEN"),
        ("RINGBACK_MEDIA_SHARDS", "many", "RINGBACK_MEDIA_SHARDS"),
        ("RINGBACK_SIP_TRACE", "perhaps", "RINGBACK_SIP_TRACE"),
    ],
)
def test_wrong_variables_are_named(variable: str, value: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        load(environment={variable: value})


def test_every_setting_has_its_heading() -> None:
    document = DOCUMENT.read_text()

    missing = [
        f"`{'.'.join(path)}` ({variable})"
        for variable, path in variables().items()
        if f"### `{'.'.join(path)}`" not in document or f"`{variable}`" not in document
    ]

    assert missing == []


def test_every_seed_field_is_described() -> None:
    document = DOCUMENT.read_text()
    tables = [field for field in msgspec.structs.fields(Settings) if isinstance(field.default, tuple)]
    missing = []
    for table in tables:
        section = document.partition(f"## `[[{table.name}]]`")[2].partition("\n## ")[0]
        inner = table.type.__args__[0]
        missing += [f"{table.name}.{name}" for name in inner.__struct_fields__ if f"`{name}`" not in section]

    assert len(tables) == 7
    assert missing == []


def test_examples_of_the_document_are_sound(tmp_path: Path) -> None:
    blocks = DOCUMENT.read_text().split("```toml\n")[1:]
    examples = [block.partition("```")[0] for block in blocks]

    assert examples
    for example in examples:
        tomllib.loads(example)
        load(_file(tmp_path, example), {})


def test_defaults_in_the_document_are_the_real_ones() -> None:
    document = DOCUMENT.read_text()
    settings = Settings()
    wrong = []
    for path in variables().values():
        value: object = settings
        for name in path:
            value = getattr(value, name)
        section = document.partition(f"### `{'.'.join(path)}`")[2].partition("\n#")[0]
        shown = "none" if value is None else msgspec.json.encode(value).decode()
        if f"Default: `{shown}`" not in section:
            wrong.append(f"{'.'.join(path)}: {shown}")

    assert wrong == []


def test_lists_in_variables_are_json_and_addresses_are_not() -> None:
    settings = load(
        None,
        {
            "RINGBACK_DEFENSE_SCANNERS": '["evil tool"]',
            "RINGBACK_DEFENSE_DENY": '[{"network": "192.0.2.0/24", "listener": 1}]',
            "RINGBACK_SIP_LISTEN": "[::1]:5060",
        },
    )

    assert settings.defense.scanners == ("evil tool",)
    assert settings.defense.deny[0].listener == 1
    assert settings.sip.listen == "[::1]:5060"
