#!/usr/bin/env bash
# A real PostgreSQL for one caller alone: its own directory, a free port on 127.0.0.1 and a socket in that
# directory, superuser `billhook` without a password, UTF-8 and the C locale, fsync on.
#   private_postgres.sh start [DIR]   starts a new one, or the one whose files lie in DIR/data, and prints `URL DIRECTORY`
#   private_postgres.sh stop DIR      stops it and deletes the directory
# Needs: postgresql-15; as root also its user `postgres`, for PostgreSQL refuses to run as root.
set -euo pipefail

bin=/usr/lib/postgresql/15/bin
[[ -x $bin/initdb ]] || { echo "private_postgres.sh: $bin/initdb is missing: deploy/packages.sh test" >&2; exit 1; }
as_owner=()
if ((EUID == 0)); then as_owner=(setpriv --reuid=postgres --regid=postgres --clear-groups); fi

# Throws the dice for a port: when another took it, PostgreSQL fails to start and the next is tried. Below 32768,
# from where on Linux gives ports to outgoing connections and keeps them for a minute after.
start_on_a_free_port() {
  local directory=$1 port
  for _ in {1..20}; do
    port=$((RANDOM % 12000 + 20000))
    if "${as_owner[@]}" "$bin/pg_ctl" start --wait --silent --pgdata "$directory/data" --log "$directory/log" \
      --options "-p $port -k $directory -c listen_addresses=127.0.0.1 -c max_connections=200" >&2; then
      echo "$port"
      return
    fi
  done
  cat "$directory/log" >&2
  return 1
}

case ${1-} in
  start)
    cd /
    directory=${2-}
    if [[ -z $directory ]]; then
      directory=$(mktemp -d /tmp/billhook-postgres.XXXXXX)
      trap 'rm -rf "$directory"' ERR
      if ((EUID == 0)); then chown postgres:postgres "$directory"; fi
      "${as_owner[@]}" "$bin/initdb" --pgdata "$directory/data" --username billhook --auth trust --encoding UTF8 \
        --locale C --no-sync >"$directory/initdb.log" 2>&1 || { cat "$directory/initdb.log" >&2; false; }
    fi
    port=$(start_on_a_free_port "$directory")
    echo "postgresql://billhook@127.0.0.1:$port/postgres $directory"
    ;;
  stop)
    directory=${2:?which directory?}
    cd /
    "${as_owner[@]}" "$bin/pg_ctl" stop --silent --mode immediate --pgdata "$directory/data"
    rm -rf "$directory"
    ;;
  *)
    sed -n '2,/^set/s/^# \?//p' "$0" >&2
    exit 2
    ;;
esac
