#!/usr/bin/env bash
# Backs a PostgreSQL that billhook serves from up in both ways of docs/backup.md, brings it back, and holds what came
# back against what was: a dump, and a base backup with archived WAL recovered to a moment before a mistake. Its own
# server, its own ports, gone afterwards.
# Usage: postgres_recovery.sh PATH_TO_BILLHOOK    exits 77 where PostgreSQL is not installed (1 where CI is set)
# Needs: postgresql-15.
set -euo pipefail

billhook=$(realpath "${1:?which billhook?}")
cd "$(dirname "$0")/../.."
bin=/usr/lib/postgresql/15/bin
if [[ ! -x $bin/initdb ]]; then
  echo "postgresql-15 is not installed: deploy/packages.sh test" >&2
  if [[ -n ${CI-} ]]; then exit 1; fi
  exit 77
fi
as_owner=()
if ((EUID == 0)); then as_owner=(setpriv --reuid=postgres --regid=postgres --clear-groups); fi

work=$(mktemp -d /tmp/billhook-recovery.XXXXXX)
server='' recovered='' serving=''
clean_up() {
  if [[ -n $serving ]]; then kill -KILL "$serving" 2>/dev/null || true; fi
  if [[ -n $recovered ]]; then tests/support/private_postgres.sh stop "$recovered" || true; fi
  if [[ -n $server ]]; then tests/support/private_postgres.sh stop "$server"; fi
  rm -rf "$work"
}
trap clean_up EXIT

step() { printf '== %s\n' "$1"; }
fail() {
  echo "FAILED: $1" >&2
  exit 1
}
sql() { "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$1" --command="$2"; }
await() { # await WHAT COMMAND...: until the command succeeds, at most a minute
  local what=$1
  shift
  for _ in {1..600}; do
    if "$@"; then return; fi
    sleep 0.1
  done
  fail "waited in vain until $what"
}

export STRIPE_WEBHOOK_SECRET=whsec_recovery PORT=0 LOG_FORMAT=json
address='' serve_log=''
find_address() {
  address=$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$serve_log")
  [[ -n $address ]] || ! kill -0 "$serving" 2>/dev/null
}
serve() { # serve URL: in the background, until stop_serving
  # A log of its own: the address of the one before must not be taken for that of this one.
  serve_log=$(mktemp "$work/serve.XXXXXX")
  DATABASE_URL=$1 "$billhook" serve 2>"$serve_log" &
  serving=$!
  await "billhook listens" find_address
  [[ -n $address ]] || fail "serve ended: $(cat "$serve_log")"
}
stop_serving() {
  kill -TERM "$serving"
  wait "$serving" || fail "serve did not end well: $(tail -n 20 "$serve_log")"
  serving=''
}
# The lives lie too far back for sagas to act on them, so nothing follows but the read models.
has_caught_up() {
  [[ $(sql "$1" "SELECT min(c.position) = max(h.position) FROM checkpoints c, log_head h WHERE c.projection <> 'saga_runtime'") == t ]]
}
live() { # live SEED EVENTS: billing life, posted as signed webhooks
  "$billhook" simulate --url "$address" --seed "$1" --events "$2" --shuffle >"$work/simulate.log" 2>&1 ||
    fail "simulate: $(tail -n 3 "$work/simulate.log")"
}
tell() { # tell URL FILE: the whole log and every row of the read models
  DATABASE_URL=$1 "$billhook" verify >&2 || fail "the log is not whole"
  DATABASE_URL=$1 "$billhook" export 2>/dev/null >"$2"
  local table
  for table in subscriptions customers invoices ledger_entries customer_timeline revenue_movements event_counts; do
    sql "$1" "SELECT '$table', t.* FROM $table t ORDER BY row_key"
  done >>"$2"
}
same() { cmp "$1" "$2" || fail "$3"; }

step "a server that archives its WAL"
started=$(tests/support/private_postgres.sh start)
read -r admin server <<<"$started"
mkdir "$server/archive"
if ((EUID == 0)); then chown postgres:postgres "$server/archive"; fi
sql "$admin" "ALTER SYSTEM SET archive_mode = on"
archived=$server/archive/%f
sql "$admin" "ALTER SYSTEM SET archive_command = 'test ! -f $archived && cp %p $archived.part && mv $archived.part $archived'"
"${as_owner[@]}" "$bin/pg_ctl" restart --wait --silent --pgdata "$server/data" --log "$server/log"
sql "$admin" "CREATE DATABASE billhook TEMPLATE template0 ENCODING 'UTF8'"
url=${admin%/postgres}/billhook

step "a base backup while billhook serves, and life before and after it"
serve "$url"
live 1 400
"${as_owner[@]}" "$bin/pg_basebackup" --dbname="$admin" --pgdata="$server/base" --checkpoint=fast --wal-method=none \
  --no-manifest 2>"$work/base.log" || fail "$(cat "$work/base.log")"
live 2 400
await "the read models show everything" has_caught_up "$url"
tell "$url" "$work/before"
moment=$(sql "$url" "SELECT clock_timestamp()")
live 3 200
await "the read models show the mistake too" has_caught_up "$url"
tell "$url" "$work/after"
if cmp --silent "$work/before" "$work/after"; then fail "nothing happened after the moment"; fi

step "a dump while billhook serves, restored into another database"
"$bin/pg_dump" --format=custom --file="$work/billhook.dump" "$url"
stop_serving
restored=${admin%/postgres}/billhook_restored
sql "$admin" "CREATE DATABASE billhook_restored TEMPLATE template0 ENCODING 'UTF8'"
"$bin/pg_restore" --no-owner --exit-on-error --dbname="$restored" "$work/billhook.dump"
tell "$restored" "$work/dumped"
same "$work/after" "$work/dumped" "the dump brought something else back"
if sql "$restored" "DELETE FROM events" 2>/dev/null; then fail "the restored log lets events be deleted"; fi

step "recovery to $moment"
last=$(sql "$admin" "SELECT pg_walfile_name(pg_switch_wal())")
await "the WAL is archived" test -f "$server/archive/$last"
recovered=$server/recovered
"${as_owner[@]}" mkdir "$recovered"
"${as_owner[@]}" cp -r "$server/base" "$recovered/data"
"${as_owner[@]}" tee -a "$recovered/data/postgresql.auto.conf" >/dev/null <<END
archive_mode = off
restore_command = 'cp $server/archive/%f %p'
recovery_target_time = '$moment'
recovery_target_action = promote
END
"${as_owner[@]}" touch "$recovered/data/recovery.signal"
chmod 700 "$recovered/data"
started=$(tests/support/private_postgres.sh start "$recovered") || fail "the recovered server did not start"
back=${started%%/postgres *}/billhook
is_primary() { [[ $(sql "$back" "SELECT pg_is_in_recovery()") == f ]]; }
await "the recovery has ended" is_primary
# Read models do not wait for the disk, so they may come back a little behind their log: serving catches up.
serve "$back"
await "the read models have caught up" has_caught_up "$back"
tell "$back" "$work/recovered"
same "$work/before" "$work/recovered" "the recovery brought something else back"
live 3 200
await "life goes on" has_caught_up "$back"
stop_serving
DATABASE_URL=$back "$billhook" verify

step "both ways brought back what was there: $(grep -c '^{"id"' "$work/before") and $(grep -c '^{"id"' "$work/after") events"
