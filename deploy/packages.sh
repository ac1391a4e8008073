#!/usr/bin/env bash
# Installs what is missing of the Debian packages that billhook needs. The one list: deploy/demo, tests/run,
# .ci/run and the Dockerfile all come here.
# Usage: deploy/packages.sh GROUP...    groups: build run demo test bench lint client fuzz
# Needs: Debian 12, and root or sudo if anything is missing.
set -euo pipefail

declare -A packages=(
  [build]="g++ cmake ninja-build pkg-config libssl-dev libsqlite3-dev libpqxx-dev nlohmann-json3-dev
           libspdlog-dev libcli11-dev libcpp-httplib-dev prometheus-cpp-dev libvalijson-dev
           libjemalloc-dev libhiredis-dev librabbitmq-dev librdkafka-dev libsimdjson-dev"
  [run]="libssl3 libsqlite3-0 libpqxx-6.4 libspdlog1.10 libcpp-httplib0.11 libprometheus-cpp-core1.0
         libjemalloc2 libhiredis0.14 librabbitmq4 librdkafka1 libsimdjson14 ca-certificates"
  [demo]="curl jq"
  [test]="libgtest-dev libgmock-dev librapidcheck-dev libyaml-cpp-dev postgresql-15 nginx
          pgbouncer prometheus curl openssl systemd redis-server rabbitmq-server"
  [bench]="libbenchmark-dev valgrind wrk gnuplot-nox postgresql-15 sqlite3 pgbouncer"
  [lint]="clang-format-14 clang-tidy-14 shellcheck"
  [client]="nodejs npm"
  [fuzz]="clang-14 libclang-rt-14-dev"
)

missing=()
for group in "$@"; do
  for package in ${packages[$group]?there is no group "$group"}; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
done
if ((${#missing[@]} == 0)); then
  echo "    packages: nothing is missing"
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  as_root=(sudo)
  if ! command -v sudo >/dev/null; then
    echo "packages.sh: neither root nor sudo: have these installed, then come again: ${missing[*]}" >&2
    exit 1
  fi
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" \
    >"$log" 2>&1 </dev/null || {
    tail -n 30 "$log" >&2
    echo "packages.sh: apt-get $1 failed" >&2
    exit 1
  }
}

echo "    packages: installing ${missing[*]}"
apt update
# Debian would set up and start servers of its own (PostgreSQL, nginx ...); the tests bring theirs.
policy=/usr/sbin/policy-rc.d
if [[ " ${missing[*]} " =~ \ (nginx|pgbouncer|prometheus|redis-server|rabbitmq-server)\  && ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod +x "$policy"
  trap 'rm -f "$log"; "${as_root[@]}" rm -f "$policy"' EXIT
fi
clusters=/etc/postgresql-common/createcluster.conf
if [[ " ${missing[*]} " == *" postgresql-15 "* && ! -e $clusters ]]; then
  apt install --no-install-recommends postgresql-common
  "${as_root[@]}" sed -i.before-billhook 's/^#create_main_cluster = .*/create_main_cluster = false/' "$clusters"
  apt install --no-install-recommends "${missing[@]}"
  "${as_root[@]}" mv "$clusters.before-billhook" "$clusters"
else
  apt install --no-install-recommends "${missing[@]}"
fi
echo "    packages: ${#missing[@]} installed in $SECONDS s"
