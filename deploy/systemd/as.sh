#!/bin/sh
# Does one thing with the hub by hand, as somebody whom Kafka knows, told as the units are; as root:
#   hub-as hub-ops lag          hub-as hub-operator quarantine list          hub-as hub-governance receipts
# What the environment says goes before settings.env. hub-admin comes by its certificate, and is root here, since it writes
# passwords into the folder of secrets; everybody else is the user hub, and is shown their own password and no other's.
set -eu
root=${HUB_ROOT:-/opt/sharing-hub} told=${HUB_TOLD:-/etc/sharing-hub}
[ $# -ge 2 ] || { sed -n '2,3s/^# *//p' "$0" >&2; exit 2; }
who=$1
shift
while IFS= read -r line || [ -n "$line" ]; do
  case $line in
    HUB_*=*) printenv "${line%%=*}" > /dev/null || export "$line" ;;
  esac
done < "$told/settings.env"
export HUB_STATE="${HUB_STATE:-/var/lib/sharing-hub}"
cd "$root"
if [ "$who" = hub-admin ]; then
  unset HUB_KAFKA_SASL_MECHANISM
  export HUB_KAFKA_SECURITY_PROTOCOL=SSL HUB_KAFKA_SSL_CA_LOCATION="$told/secrets/kafka-ca.pem"
  export HUB_KAFKA_SSL_CERTIFICATE_LOCATION="$told/secrets/hub-admin.pem" HUB_KAFKA_SSL_KEY_LOCATION="$told/secrets/hub-admin.pem"
  exec .venv/bin/python -m hub "$@"
fi
shown=$(mktemp -d "${TMPDIR:-/run}/hub-as.XXXXXX")
trap 'rm -rf "$shown"' EXIT
trap 'exit 130' INT TERM
for name in hub.key store.password kafka-ca.pem "$who.password"; do
  install -m 0400 -o hub -g hub "$told/secrets/$name" "$shown/$name"
done
chown hub:hub "$shown"
export HUB_SECRET_FILE="$shown/hub.key" HUB_STORE_PASSWORD_FILE="$shown/store.password" HUB_CREDENTIALS="$shown"
export HUB_KAFKA_SSL_CA_LOCATION="$shown/kafka-ca.pem"
setpriv --reuid hub --regid hub --init-groups .venv/bin/python -m hub "$@"
