#!/bin/sh
# Makes every secret that compose.yaml and the systemd units name, each once: what is there already is left as it is.
#   sh deploy/secrets.sh [FOLDER]              default: the folder `secrets` beside this script
#   sh deploy/secrets.sh FOLDER AGENCY…        and a certificate for each partner that reads Kafka by one: AGENCY.pem
#   PUBLIC_HOST=kafka.authority.example        in the environment: the name by which partners reach the brokers
# The folder is its owner's alone; the files in it can be read by whom they are mounted for, and by nobody past the folder.
# The authority is for this cluster only. Move kafka-ca.key away from this machine once all certificates are issued, and
# bring it back to issue another: without it nothing is issued, and no second authority takes the place of the first.
set -eu
folder=${1:-$(dirname "$0")/secrets}
[ $# -eq 0 ] || shift
umask 077
mkdir -p "$folder" && chmod 0700 "$folder" && cd "$folder"

random() { # NAME: 32 bytes as text, without an end of line
  [ -s "$1" ] || { openssl rand -hex 32 | tr -d '\n' > "$1.part" && chmod 0444 "$1.part" && mv "$1.part" "$1"; }
}

refuse() { # WHY
  echo "secrets.sh: $1" >&2
  exit 1
}

issued() { # NAME CN SAN: NAME.pem holds key and certificate, by which CN is known to Kafka
  [ -s "$1.pem" ] && return
  [ -s kafka-ca.key ] || refuse "kafka-ca.key is not here, so $1.pem cannot be issued: bring it back, then run this again"
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" \
    -keyout "$1.key.part" -out "$1.csr.part" 2>/dev/null
  printf 'basicConstraints=critical,CA:false\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=%s\n' "$3" > "$1.ext.part"
  openssl x509 -req -in "$1.csr.part" -CA kafka-ca.pem -CAkey kafka-ca.key -CAcreateserial -days 397 -sha256 \
    -extfile "$1.ext.part" -out "$1.crt.part" 2>/dev/null || refuse "$1.pem could not be issued by kafka-ca.key"
  cat "$1.key.part" "$1.crt.part" > "$1.part" && chmod 0444 "$1.part" && mv "$1.part" "$1.pem"
  rm -f "$1.key.part" "$1.csr.part" "$1.ext.part" "$1.crt.part"
}

[ ! -s kafka-ca.key ] || [ -s kafka-ca.pem ] || refuse "kafka-ca.key is here and kafka-ca.pem is not: bring it back"
[ -s kafka-ca.pem ] || {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days 3650 \
    -subj "/CN=Sharing hub, its Kafka" -addext basicConstraints=critical,CA:true,pathlen:0 \
    -addext keyUsage=critical,keyCertSign,cRLSign -keyout kafka-ca.key.part -out kafka-ca.pem.part 2>/dev/null
  chmod 0444 kafka-ca.pem.part && mv kafka-ca.pem.part kafka-ca.pem && mv kafka-ca.key.part kafka-ca.key
}
public=${PUBLIC_HOST:-localhost}
for node in 1 2 3; do
  [ -s "kafka-$node.pem" ] || [ -n "${PUBLIC_HOST:-}" ] ||
    echo "secrets.sh: PUBLIC_HOST is not set: kafka-$node.pem names localhost, and no partner elsewhere can connect to it" >&2
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
