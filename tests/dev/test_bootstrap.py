"""The set-up script; that it really makes an environment is what `make test` itself shows."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "dev" / "bootstrap.py"


@pytest.fixture
def bootstrap():
    spec = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_needs_the_standard_library_only():
    names = set()
    for node in ast.walk(ast.parse(SCRIPT.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.partition(".")[0])
    assert names <= set(sys.stdlib_module_names)


def test_an_old_python_can_read_it_to_be_told_what_is_wrong():
    ast.parse(SCRIPT.read_text(), feature_version=(3, 8))


def test_a_wrong_purpose_is_refused():
    done = subprocess.run([sys.executable, SCRIPT, "x"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "run|dev" in done.stderr


def test_an_environment_is_current_for_its_own_and_for_narrower_purposes(bootstrap):
    made = {name: "\n".join(bootstrap.fingerprint(name)) for name in ("run", "dev")}
    assert bootstrap._satisfies(made["dev"], "run")
    assert bootstrap._satisfies(made["run"], "run")
    assert not bootstrap._satisfies(made["run"], "dev")
    assert not bootstrap._satisfies("stale", "run")


def test_pips_index_is_offered_to_uv_when_the_lock_files_own_fails(bootstrap):
    assert bootstrap.mirror_flags("global.cert='/etc/x.pem'\n") == []
    settings = "global.index-url='https://a.invalid/simple'\n:env:.extra-index-url='file:///b file:///c'\n"
    assert bootstrap.mirror_flags(settings) == [
        "--default-index", "https://a.invalid/simple", "--index", "file:///b", "--index", "file:///c",
        "--index-strategy", "unsafe-best-match",
    ]  # fmt: skip


def test_another_python_is_looked_for_when_this_one_is_too_old(bootstrap, monkeypatch):
    monkeypatch.setattr(bootstrap, "OLDEST", (9, 0))
    monkeypatch.setattr(bootstrap, "NEWEST", (9, 1))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    assert bootstrap.find_python() == "9.0", "left to uv to find"


def test_set_up_goes_on_without_a_kernel_and_says_so(bootstrap, monkeypatch, capsys):
    asked = []

    def refuse(*command, quiet=False):
        asked.append([str(part) for part in command])
        return "models.convert" in asked[-1]

    monkeypatch.setattr(bootstrap, "run", refuse)
    monkeypatch.setattr(bootstrap, "find_uv", lambda: Path("uv"))
    monkeypatch.setattr(bootstrap, "pip_settings", lambda: "")
    assert bootstrap.finish() == 0
    assert "kernel could not be built" in capsys.readouterr().out
    check, install = asked[:2]
    assert check[-2:] == ["svc_color.kernel.build", "--check"]
    assert "--require-hashes" in install
    assert not Path(install[install.index("--target") + 1]).exists(), "the compiler does not stay"


def test_a_kernel_that_is_there_is_not_built_again(bootstrap, monkeypatch):
    monkeypatch.setattr(bootstrap, "run", lambda *command, quiet=False: "--check" in command)
    assert bootstrap.build_kernel()
