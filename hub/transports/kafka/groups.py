"""Consumer groups: begun once where their topics are empty, so that a lost offset is an error and never a guess."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from hub.errors import TransportError
from hub.transports.kafka.clients import Extra, admin, trouble
from hub.transports.kafka.reading import END, FIRST, offsets, places


def begin_groups(
    bootstrap: str, groups: Mapping[str, Collection[str]], extra: Extra | None = None, *, timeout: float = 30.0
) -> int:
    """
    Give each group its first offset in every partition where it has none, and return how many that were.

    Only a partition that has never held a record is begun, at its start. Raises `TransportError` where a group has
    no offset in a partition that does hold records: to begin there would send history again, to begin at its end
    would lose what lies in it, and only a person can say which is right.
    """
    client = admin(bootstrap, extra)
    begun = 0
    try:
        for group, topics in groups.items():
            every = places(client, set(topics), timeout)
            asked = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
            have = {
                (one.topic, one.partition) for one in asked[group].result().topic_partitions or () if one.offset >= 0
            }
            missing = [place for place in every if place not in have]
            if not missing:
                continue
            first, end = offsets(client, missing, FIRST, timeout), offsets(client, missing, END, timeout)
            for place in missing:
                if end[place] > 0:
                    raise TransportError(
                        f"{group} has no offset in {place[0]}/{place[1]}, which holds or held records; "
                        "see deploy/README.md, lost offsets"
                    )
            wanted = [TopicPartition(topic, partition, first[topic, partition]) for topic, partition in missing]
            set_to = client.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, wanted)])
            set_to[group].result()
            begun += len(missing)
    except KafkaException as error:
        raise trouble(error, "beginning consumer groups") from error
    return begun
