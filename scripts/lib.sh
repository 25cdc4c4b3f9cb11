# What the scripts here share; source it. Sets ROOT and goes there.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

say() { printf '\n== %s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# configure_and_build PRESET [TARGET...]
configure_and_build() {
  local preset=$1
  shift
  say "Building build/$preset"
  cmake --preset "$preset" --log-level=WARNING &&
    cmake --build --preset "$preset" -j "$(nproc)" ${1+--target "$@"}
}
