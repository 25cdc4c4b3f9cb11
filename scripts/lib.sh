# The scripts here share this; source it. Sets ROOT and goes there.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

say() { printf '\n== %s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Waits until no other script holds this lock; this one then does until it ends, or closes LOCK_FD.
take_lock() {
  mkdir -p build
  exec {LOCK_FD}>"build/$1.lock"
  flock -n "$LOCK_FD" || { echo "Waiting for another script ($1) ..." && flock "$LOCK_FD"; }
}

# The compiler cache also knows what another checkout compiled: paths count from here.
export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=true

# configure_and_build PRESET
configure_and_build() (
  say "Building build/$1"
  take_lock "$1"
  cmake --preset "$1" --log-level=WARNING && cmake --build --preset "$1" -j "$(nproc)"
)
