#!/usr/bin/env bash
# Exit 0 if the billhook of this container is ready: the image's HEALTHCHECK. Needs bash alone.
# Asks where billhook listens (HOST, PORT), on the loopback address where that is every address.
set -euo pipefail

host=${HOST:-127.0.0.1}
host=${host#[}
host=${host%]}
case $host in
  0.0.0.0) host=127.0.0.1 ;;
  ::) host=::1 ;;
esac

exec 3<>"/dev/tcp/$host/${PORT:-8080}"
printf 'GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 4 _ status _ <&3
[[ $status == 200 ]]
