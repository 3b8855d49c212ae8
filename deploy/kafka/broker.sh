#!/bin/sh
# Starts the broker whose number is in NODE: fills in its properties, formats its storage once, and becomes Kafka.
set -eu
sed -e "s/@NODE@/$NODE/g" -e "s/@PUBLIC@/$PUBLIC/g" /etc/hub/broker.properties > /tmp/server.properties
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id "$CLUSTER_ID" --config /tmp/server.properties
exec /opt/kafka/bin/kafka-server-start.sh /tmp/server.properties
