# Sourced by the scripts of ci/: one way to speak, one way to be root.

say() { printf 'ci: %s\n' "$*" >&2; }
die() { printf 'ci: %s\n' "$*" >&2; exit 1; }

# The command that gives root, empty when we are root, `false` when there is no way.
if [ "$(id -u)" = 0 ]; then SUDO=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then SUDO="sudo -n"
else SUDO="false"; fi

# have NAME...: all of these programs are there.
have() { for program; do command -v "$program" >/dev/null 2>&1 || return 1; done; }

# wait_for SECONDS COMMAND...: polls until the command succeeds.
wait_for() {
  local left=$(( $1 * 5 )); shift
  until "$@" >/dev/null 2>&1; do
    left=$(( left - 1 )); [ "$left" -gt 0 ] || return 1
    sleep 0.2
  done
}
