"""Kafka: the only room that speaks to a cluster, through librdkafka; the relay above it is the one other importer."""

from hub.transports.kafka.clients import PACE_SECONDS, consumer_settings, keep_pace, producer_settings
from hub.transports.kafka.committer import Committer, Fenced
from hub.transports.kafka.follower import Follower
from hub.transports.kafka.groups import await_begun, begin_groups, seek_group
from hub.transports.kafka.inflow import KafkaInflow
from hub.transports.kafka.lag import Lag, Measured, Meter, lags, taken
from hub.transports.kafka.reading import Stored, read_topic
from hub.transports.kafka.topics import Cluster, TopicWanted, absent, cluster, ensure_topics
from hub.transports.kafka.turn import Turn

__all__ = [
    "PACE_SECONDS",
    "Cluster",
    "Committer",
    "Fenced",
    "Follower",
    "KafkaInflow",
    "Lag",
    "Measured",
    "Meter",
    "Stored",
    "TopicWanted",
    "Turn",
    "absent",
    "await_begun",
    "begin_groups",
    "cluster",
    "consumer_settings",
    "ensure_topics",
    "keep_pace",
    "lags",
    "producer_settings",
    "read_topic",
    "seek_group",
    "taken",
]
