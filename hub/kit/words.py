"""Words: what every partner is told of how the hub delivers; what one partner hears stands on its page."""

from __future__ import annotations

from collections.abc import Mapping

ROADS: Mapping[str, str] = {
    "kafka": "You read it from Kafka yourselves.",
    "https": "The hub posts each message to your address by HTTPS and waits for a 2xx; the header `Idempotency-Key` is "
    "the same at every attempt.",
    "mllp": "The hub connects to your MLLP listener and waits for an acknowledgement with its own MSH-10 in MSA-2.",
    "files": "The hub puts files into a folder, each whole under its last name, with its SHA-256 beside it.",
    "sftp": "The hub uploads files to your SFTP server, under another name until they are whole.",
    "mesh": "The hub sends files to your MESH mailbox.",
}

HEADERS: Mapping[str, str] = {
    "ce_specversion": "`1.0`: headers follow CloudEvents 1.0, its Kafka binding in binary mode.",
    "ce_id": "The message's own id, the same however often it comes. No other partner has it.",
    "ce_source": "`/sharing-hub`.",
    "ce_type": "The topic, with the stream's version in it.",
    "ce_time": "When the hub took the event in, in UTC.",
    "traceparent": "W3C Trace Context, made of `ce_id`: quote it when you ask us about a message.",
    "content-type": "`application/avro` or `application/json`.",
    "ce_hubsynthetic": "Only on a canary, and then `true`: skip the message, it is about nobody.",
    "ce_hubaddress": "Only where one of a family of like recipients is meant: which one.",
}

READING: Mapping[str, str] = {
    "Canaries.": "Skip whatever has the header `ce_hubsynthetic: true`, and commit it. Such messages come all the "
    "time; by them the hub watches itself, and they are about nobody.",
    "Keys.": "A record's key is a pseudonym of the child, made for you alone: the same child has the same key in all "
    "that you hear, as far as the same identifier was said. It leads nobody back to the child, and matches nothing "
    "that anybody else hears.",
    "Order.": "What is said of one child under one key comes in the order in which it was said, in one partition. "
    "Between children there is no order.",
    "Repeats.": "Commit after your own work is done; then what was not finished comes again. Remember each `ce_id` as "
    "long as the topic is kept, and do nothing the second time.",
    "Transactions.": "Read with `isolation.level=read_committed`, as these settings do: else you act on what the hub "
    "took back.",
    "A new group": "begins with the oldest message that is kept (`auto.offset.reset=earliest`), so that a group whose "
    "offsets were lost misses nothing, and hears again what it knows by `ce_id`.",
    "Silence is no answer.": "That nothing came about a child does not mean that nothing is known. What may not be "
    "shared is not sent, and nobody is told that it was withheld.",
    "Change.": "What you hear changes with the agreement: then records of the same topic carry another schema's id, "
    "and whoever asks the registry by it need do nothing. Codes may be added at any time. Where the stream itself "
    "changes, both versions have a topic until you have moved.",
}

DELIVERED: Mapping[str, str] = {
    "Nothing is given up:": "what you did not acknowledge is sent again, with the same id and the same bytes.",
    "Repeats.": "So a message can come twice: know it by its id, and do nothing the second time.",
    "Order.": "What is said of one child under one identifier comes in the order in which it was said.",
    "Silence is no answer.": READING["Silence is no answer."],
}

MISTAKE = "What came and should not have: tell us before you do anything else with it, and delete it."
