#!/bin/sh
# Makes what an image holds, in a folder. The Dockerfile runs these steps, and so does `python -m dev.images`,
# which lists what comes out: the two cannot differ.
#
#     k8s/image.sh packages DEST GROUP [FFMPEG]   DEST/.venv: the packages of a dependency group, as locked.
#                                                 With the folder of our FFmpeg, PyAV is built against it.
#     k8s/image.sh models   DEST [MODEL]...       DEST/.tools/cache/models: pose models, made from pinned packages
#     k8s/image.sh kernel   DEST                  compiles the colour kernel into the source
#     k8s/image.sh rooms    DEST PATH...          DEST/PATH: our own code and data
#
# Runs in the root of the source; wants uv on the PATH or in $UV. UV_COMPILE_BYTECODE=1 compiles all Python code.
set -eu
step=$1
dest=$2
shift 2
uv=${UV:-uv}
python=3.11

export UV_FROZEN=1 UV_NO_PROGRESS=1

packages() {
    group=$1
    ffmpeg=${2:-}
    set -- --no-default-groups --group "$group" --no-install-project --python "$python"
    if [ -n "$ffmpeg" ]; then
        export PKG_CONFIG_PATH="$ffmpeg/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
        export LDFLAGS="-Wl,-rpath,$ffmpeg/lib"
        set -- "$@" --no-binary-package av
    fi
    UV_PROJECT_ENVIRONMENT="$dest/.venv" "$uv" sync "$@"
}

models() {
    store="$dest/.tools/cache/models"
    mkdir -p "$store"
    converter="$dest.converter"
    if [ $# -gt 0 ]; then
        UV_PROJECT_ENVIRONMENT="$converter" "$uv" sync --no-default-groups --group convert --no-install-project \
            --python "$python"
    fi
    for model; do
        PYTHONPATH=.:proto/gen "$converter/bin/python" -m models.convert "$model"
        cp ".tools/cache/models/$model-"*.onnx "$store/"
    done
    rm -rf "$converter"
}

kernel() {
    # `--check` fails where there is none that these sources make.
    if PYTHONPATH=. "$dest/.venv/bin/python" -m svc_color.kernel.build --check; then
        return
    fi
    zig=$(mktemp -d)
    "$uv" pip install --quiet --require-hashes --python "$dest/.venv/bin/python" --target "$zig" \
        -r svc_color/kernel/requirements.lock
    PYTHONPATH=. "$dest/.venv/bin/python" -m svc_color.kernel.build --zig "$zig/ziglang/zig"
    rm -rf "$zig"
}

rooms() {
    # Stubs for type checkers, caches and what maintainers keep beside a model serve nobody at run time.
    tar -cf - --exclude=__pycache__ --exclude='*.pyi' --exclude='.build-*' --exclude=exports.json "$@" | tar -xf - -C "$dest"
    # The root file system is read-only where this runs, so what is not compiled now never is.
    [ -n "${UV_COMPILE_BYTECODE:-}" ] || return 0
    for path; do
        "$dest/.venv/bin/python" -m compileall -q --invalidation-mode unchecked-hash -s "$dest" -p /opt/assay "$dest/$path"
    done
}

"$step" "$@"
