"""The worker process: `python -m ringback.speech.worker`. Speaks texts and converts sounds, one job at a time.

Jobs come as JSON lines on stdin, answers go out as JSON lines on stdout; at the end of stdin it ends. It is apart from
the server because espeak-ng is under the GPL, and because a file that crashes a decoder must not crash calls. The
parent ends it, and what it runs, when a job takes too long.
"""

import contextlib
import re
import resource
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from ringback.speech import audio
from ringback.speech.jobs import Answer, Job, Speak

_MEMORY_BYTES = 2 * 1024**3
_FILE_BYTES = 96 * 1024**2
"""Largest file written: 4,000 characters at 80 words per minute are about 30 MB at espeak-ng's 22,050 Hz."""

_ESPEAK_SECONDS = 4.5
_VOICE = re.compile(r"[A-Za-z0-9_+-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class JobFailed(Exception):  # noqa: N818 - named for what happened
    """The job cannot be done; the message is for people."""


def do(job: Job) -> Answer:
    """Do one job. The target is replaced at the end, in one step."""
    target = Path(job.target)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".job-") as folder:
        made = Path(folder) / "made.wav"
        try:
            if isinstance(job, Speak):
                spoken = Path(folder) / "spoken.wav"
                _speak(job, spoken)
                duration_ms = audio.convert(spoken, made)
            else:
                duration_ms = audio.convert(Path(job.source), made, max_seconds=job.max_seconds)
            made.replace(target)
        except (audio.AudioRefused, JobFailed) as error:
            return Answer(error=str(error))
        except (OSError, MemoryError) as error:
            return Answer(error=f"the file cannot be made: {error}")
    return Answer(duration_ms=duration_ms)


def _speak(job: Speak, spoken: Path) -> None:
    voice = _voice(job)
    command = [job.espeak, "-b", "1", "-v", voice, "-s", str(job.rate), "-w", str(spoken), "--stdin"]
    text = _CONTROL.sub(" ", job.text)
    try:
        done = subprocess.run(  # noqa: S603 - the program is ours to choose, the voice is checked, the text goes through stdin
            command, input=text.encode("utf-8", "replace"), capture_output=True, timeout=_ESPEAK_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise JobFailed(f"espeak-ng took longer than {_ESPEAK_SECONDS:g} seconds; shorten the text") from None
    if done.returncode != 0 or not spoken.exists():
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise JobFailed(f"espeak-ng cannot speak it: {said[-1] if said else f'exit code {done.returncode}'}")


def _voice(job: Speak) -> str:
    """Return espeak-ng's name for the voice or language."""
    if job.voice is not None:
        if not _VOICE.fullmatch(job.voice):
            raise JobFailed(f"`{job.voice[:64]}` is not the name of a voice")
        return job.voice
    known = _languages(job.espeak)
    wanted = job.language.lower()
    base = wanted.partition("-")[0]
    for name in (wanted, base):
        if name in known:
            return known[name]
    close = sorted(name for name in known if name.startswith(f"{base}-"))
    if close:
        return known[close[0]]
    raise JobFailed(f"espeak-ng has no voice for the language `{job.language[:35]}`; `espeak-ng --voices` lists them")


@cache
def _languages(espeak: str) -> dict[str, str]:
    """Return espeak-ng's languages, lower case, with the name that selects each."""
    listed = subprocess.run([espeak, "--voices"], capture_output=True, timeout=_ESPEAK_SECONDS, check=False)  # noqa: S603
    found: dict[str, str] = {}
    others: dict[str, str] = {}
    for line in listed.stdout.decode(errors="replace").splitlines()[1:]:
        columns = line.split()
        if len(columns) > 1 and _VOICE.fullmatch(columns[1]):
            found.setdefault(columns[1].lower(), columns[1])
            for also in re.findall(r"\(([A-Za-z0-9-]+) \d+\)", line):
                others.setdefault(also.lower(), columns[1])
    return others | found


def main() -> int:
    """Answer jobs until stdin ends."""
    with contextlib.suppress(ValueError, OSError):  # a hard limit that is lower already is as good
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    decoder = msgspec.json.Decoder(Job)
    _send({"ready": True})
    for line in sys.stdin.buffer:
        _send(msgspec.to_builtins(do(decoder.decode(line))))
    return 0


def _send(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
