#!/usr/bin/env bash
# The whole loop against other versions of Label Studio, and PostgreSQL:
#   scripts/compat.sh 1.23.2 1.18.0
#   scripts/compat.sh --postgres 1.23.2      # its server programs must be installed
# Each version gets an environment of its own below .compat/, made once with $PYTHON. The last lines
# are the rows of the README's table; the status is that of the worst.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

RUNNER=${RUNNER:-.venv/bin/python} # which runs the tests
# Some of them alone: TESTS='tests/e2e/test_push.py' scripts/compat.sh 1.18.0
read -ra tests <<<"${TESTS:-$(echo tests/e2e/test_{whole_loop,push,push_tabs,queue_order,selection,reading,sync,sync_project,connect,prelabel,live_predictions,doctor}.py)}"
WORK=$(mktemp -d)
database=SQLite
as_postgres=() # PostgreSQL refuses to run as root
trap 'stop_postgres; rm -rf "$WORK"' EXIT

stop_postgres() {
  [ ! -d "$WORK/cluster" ] || "${as_postgres[@]}" "$programs/pg_ctl" -D "$WORK/cluster" -m immediate stop >/dev/null
}

start_postgres() {
  local initdb
  initdb=$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -1) ||
    { echo "There is no PostgreSQL here; get it with: apt-get install postgresql" >&2; exit 2; }
  programs=$(dirname "$(readlink -f "$initdb")")
  if [ "$(id -u)" = 0 ]; then
    as_postgres=(runuser -u postgres --)
    chmod 711 "$WORK"
    install -d -o postgres "$WORK/cluster"
  fi
  port=$("$RUNNER" -c 'from importers.demo.service import free_port; print(free_port())')
  (cd /; "${as_postgres[@]}" "$programs/initdb" -D "$WORK/cluster" --auth trust --username labelstudio
   "${as_postgres[@]}" "$programs/pg_ctl" -D "$WORK/cluster" -l "$WORK/cluster/log" -w start \
     -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=''") >/dev/null
  database="PostgreSQL $("$programs/postgres" --version | grep -oE '[0-9]+' | head -1)"
}

environment_of() { # VERSION: its executable, installed where it is not yet
  local home=.compat/$1
  if [ ! -e "$home/.ready" ]; then
    echo "Installing Label Studio $1 into $home" >&2
    "${PYTHON:-python3}" -m venv "$home"
    # uv finds versions that fit together in seconds, where pip takes half an hour for some of them;
    # the oldest take setuptools' pkg_resources for granted.
    "$home/bin/pip" install --quiet --disable-pip-version-check uv >&2
    UV_NATIVE_TLS=1 "$home/bin/uv" pip install --quiet --python "$home/bin/python" \
      "label-studio==$1" 'setuptools<81' >&2
    touch "$home/.ready"
  fi
  echo "$PWD/$home/bin/label-studio"
}

started_by() { # VERSION EXECUTABLE: a program that starts it with the database that is asked for
  local program="$WORK/label-studio-$1"
  {
    echo '#!/bin/sh'
    if [ "$database" != SQLite ]; then
      "$programs/createdb" --host 127.0.0.1 --port "$port" --username labelstudio "ls-$1"
      echo "export DJANGO_DB=default POSTGRE_HOST=127.0.0.1 POSTGRE_PORT=$port"
      echo "export POSTGRE_USER=labelstudio POSTGRE_PASSWORD=trusted POSTGRE_NAME=ls-$1"
    fi
    echo "exec '$2' \"\$@\""
  } >"$program"
  chmod +x "$program"
  echo "$program"
}

if [ "${1:-}" = --postgres ]; then
  shift
  start_postgres
fi
[ $# -gt 0 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; }

rows=() status=0
for version; do
  executable=$(environment_of "$version")
  program=$(started_by "$version" "$executable")
  log=.compat/$version-${database%% *}.log
  works=yes
  LABEL_STUDIO_EXECUTABLE=$program "$RUNNER" -m pytest -q -rf --timeout 900 \
    -o cache_dir="$WORK/cache" "${tests[@]}" 2>&1 | tee "$log" || { works=no; status=1; }
  failed=$(sed -n 's/^FAILED [^:]*::\([^ ]*\).*/\1/p' "$log" | paste -sd' ')
  rows+=("| Label Studio $version, $database | $works | $(tail -1 "$log")${failed:+: $failed} |")
done
printf '%s\n' "" "${rows[@]}"
exit $status
