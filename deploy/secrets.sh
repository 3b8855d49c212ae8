#!/bin/sh
# Makes every secret that compose.yaml and the systemd units name, each once: what is there already is left as it is.
#   sh deploy/secrets.sh [FOLDER]              default: the folder `secrets` beside this script
#   sh deploy/secrets.sh FOLDER AGENCY…        and a certificate for each partner that reads Kafka by one: AGENCY.pem
# The folder is its owner's alone; the files in it can be read by whom they are mounted for, and by nobody past the folder.
# The authority is for this cluster only. Move kafka-ca.key away from this machine once all certificates are issued.
set -eu
folder=${1:-$(dirname "$0")/secrets}
[ $# -eq 0 ] || shift
umask 077
mkdir -p "$folder" && chmod 0700 "$folder" && cd "$folder"

random() { # NAME: 32 bytes as text, without an end of line
  [ -s "$1" ] || { openssl rand -hex 32 | tr -d '\n' > "$1.part" && chmod 0444 "$1.part" && mv "$1.part" "$1"; }
}

issued() { # NAME CN SAN: NAME.pem holds key and certificate, by which CN is known to Kafka
  [ -s "$1.pem" ] && return
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" \
    -keyout "$1.key.part" -out "$1.csr.part" 2>/dev/null
  printf 'basicConstraints=critical,CA:false\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=%s\n' "$3" > "$1.ext.part"
  openssl x509 -req -in "$1.csr.part" -CA kafka-ca.pem -CAkey kafka-ca.key -CAcreateserial -days 397 -sha256 \
    -extfile "$1.ext.part" -out "$1.crt.part" 2>/dev/null
  cat "$1.key.part" "$1.crt.part" > "$1.part" && chmod 0444 "$1.part" && mv "$1.part" "$1.pem"
  rm -f "$1.key.part" "$1.csr.part" "$1.ext.part" "$1.crt.part"
}

[ -s kafka-ca.key ] || {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days 3650 \
    -subj "/CN=Sharing hub, its Kafka" -addext basicConstraints=critical,CA:true,pathlen:0 \
    -addext keyUsage=critical,keyCertSign,cRLSign -keyout kafka-ca.key.part -out kafka-ca.pem 2>/dev/null
  chmod 0444 kafka-ca.pem && mv kafka-ca.key.part kafka-ca.key
}
public=${PUBLIC_HOST:-localhost}
for node in 1 2 3; do
  issued "kafka-$node" hub-broker "DNS:kafka-$node,DNS:localhost,IP:127.0.0.1,DNS:$public"
done
for name in hub-admin "$@"; do
  issued "$name" "$name" "DNS:client.localhost"
done
random hub.key
for name in hub-gateway hub-watches hub-relay-urgent hub-relay-routine hub-couriers-urgent hub-couriers-routine \
  hub-canaries hub-ops hub-deploy hub-operator hub-governance; do
  random "$name.password"
done
random store.password
random grafana.password
echo "secrets are in $(pwd)"
