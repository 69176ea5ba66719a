#!/usr/bin/env bash
# Make the locks again from their sources: course.in, cpu.in, remote.in and environment.yml.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
compile=("$uv" pip compile --quiet --no-header --custom-compile-command "make lock")

"${compile[@]}" --universal --python-version 3.11 --generate-hashes \
  --override requirements/cpu-overrides.txt requirements/cpu.in -o requirements/cpu-reference.txt
"${compile[@]}" --universal --python-version 3.11 --generate-hashes \
  requirements/remote.in -o requirements/remote.txt

# The gpu place: the pip section of environment.yml, for the machine that it is written for.
pins=$(mktemp --suffix .in)
trap 'rm -f "$pins"' EXIT
sed -n 's/^ *- \([a-z][a-z0-9-]*==[^ ]*\).*/\1/p' environment.yml >"$pins"
gpu=("${compile[@]}" --no-annotate --python-version 3.12 --python-platform x86_64-manylinux_2_31)
"${gpu[@]}" --generate-hashes "$pins" -o requirements/gpu-reference.txt
"${gpu[@]}" "$pins" -o requirements/gpu-constraints.txt
