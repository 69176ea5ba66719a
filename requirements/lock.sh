#!/usr/bin/env bash
# Make the locks again from their sources: the .in files here, environment.yml and environment-current.yml.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
compile=("$uv" pip compile --quiet --no-header --custom-compile-command "make lock")
everywhere=("${compile[@]}" --universal --python-version 3.11 --generate-hashes)

# The cpu place, each stack with its own overrides: they hold for all that is resolved with them.
for stack in reference current; do
  "${everywhere[@]}" --override "requirements/cpu-$stack-overrides.txt" \
    "requirements/cpu-$stack.in" -o "requirements/cpu-$stack.txt"
done
"${everywhere[@]}" requirements/remote.in -o requirements/remote.txt

# The gpu place: the pip section of each environment file, for the machine that it is written for.
pins=$(mktemp --suffix .in)
trap 'rm -f "$pins"' EXIT
gpu=("${compile[@]}" --no-annotate --python-version 3.12 --python-platform x86_64-manylinux_2_31)
lock_gpu() { # environment file, lock, constraints; then what only the lock is resolved with
  sed -n 's/^ *- \([a-z][a-z0-9-]*==[^ ]*\).*/\1/p' "$1" >"$pins"
  "${gpu[@]}" "${@:4}" --generate-hashes "$pins" -o "requirements/$2"
  "${gpu[@]}" "$pins" -o "requirements/$3"
}
lock_gpu environment.yml gpu-reference.txt gpu-constraints.txt
lock_gpu environment-current.yml gpu-current.txt gpu-current-constraints.txt \
  --override requirements/gpu-current-overrides.txt
