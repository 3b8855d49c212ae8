"""Families: every metric that a process counts, with its name, unit and labels; what ops sees of all is in hub/ops."""

from __future__ import annotations

from functools import partial

from prometheus_client import Counter, Gauge, Histogram

from hub.metrics import Family

_counter, _gauge = partial(Family, Counter), partial(Family, Gauge)
_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LONG = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0)

# every process
READY = _gauge("hub_ready", "Whether the process does its work: 1, or 0 while /readyz says in words what it lacks.",
               "process")  # fmt: skip
POLICY = _gauge("hub_policy_in_force_info", "The policy that decides now, by the hash of its file: always 1.",
                "agency", "version")  # fmt: skip

# the gateway
MESSAGES = _counter("hub_gateway_messages_total", "Messages that came in, by how their sender was answered.",
                    "agency", "line", "outcome")  # fmt: skip
ITEMS = _counter("hub_gateway_items_total", "What came of the messages that came in: events, set aside, refused, "
                 "queried.", "agency", "line", "outcome")  # fmt: skip
REFUSALS = _counter("hub_gateway_quarantined_total", "What was refused and kept in quarantine, by its code.",
                    "agency", "line", "code")  # fmt: skip
ANSWER = Family(Histogram, "hub_gateway_answer_seconds", "From the bytes of a message to the answer, after the commit.",
                "agency", "line", buckets=_QUICK)  # fmt: skip

# the relay
DECISIONS = _counter("hub_relay_decisions_total", "Decisions committed, by the first word of the rule that withheld; "
                     "none where it was released. Canaries are not counted.",
                     "agency", "stream", "verdict", "rule")  # fmt: skip
EVENTS = _counter("hub_relay_events_total", "Events decided and committed, canaries included.", "lane")
BATCH = Family(Histogram, "hub_relay_batch_seconds", "From the beginning of a transaction to its commit.", "lane",
               buckets=_QUICK)  # fmt: skip
GIVEN_UP = _counter("hub_relay_transactions_given_up_total", "Transactions that Kafka did not commit.", "lane")
NOT_PERMITTED = _counter("hub_relay_second_check_refusals_total", "What the independent check kept from leaving, "
                         "though the gate had let it through.", "agency", "stream")  # fmt: skip
RELAY_ASIDE = _counter("hub_relay_quarantined_total", "Events that nobody could decide, kept in quarantine.", "stream")

# the watches
WATCH_IN = _counter("hub_watch_events_in_total", "Records that a watch took from a stream.", "watch", "stream")
WATCH_OUT = _counter("hub_watch_events_out_total", "Events that a watch emitted.", "watch", "stream")
WATCH_ASIDE = _counter("hub_watch_quarantined_total", "Records that a watch could not work on.", "watch")
WATCH_ENTRIES = _gauge("hub_watch_table_entries", "Keys of which the watch holds something in this process.", "watch")
RECONCILED = _gauge("hub_watch_reconciliation_keys", "Keys in the last comparison of a watch's memory with the topic.",
                    "watch", "outcome")  # fmt: skip
RECONCILED_AT = _gauge("hub_watch_reconciliation_timestamp_seconds", "When a watch's memory was last compared.",
                       "watch")  # fmt: skip

# the couriers
ATTEMPTS = _counter("hub_courier_attempts_total", "Attempts to hand over a message or file, by how they ended.",
                    "agency", "stream", "road", "outcome")  # fmt: skip
ATTEMPT = Family(Histogram, "hub_courier_attempt_seconds", "From the beginning of an attempt to its end.",
                 "agency", "road", buckets=_QUICK)  # fmt: skip
DELIVERED = Family(Histogram, "hub_courier_delivery_seconds", "From a message's entry into the ledger to the partner's "
                   "acknowledgement, or the road's where the partner's own comes later.",
                   "agency", "road", buckets=_LONG)  # fmt: skip
ACKNOWLEDGED = _counter("hub_courier_acknowledgements_total", "What partners said of files, by what came of it.",
                        "agency", "stream", "outcome")  # fmt: skip
AWAY = _gauge("hub_courier_breaker_open", "Whether nobody answers at an agency's end of a road: 1 while one attempt "
              "at a time asks for all.", "agency", "road")  # fmt: skip
DOOR = _gauge("hub_courier_door_reachable", "Whether the last try of a door, without a message, went well.",
              "agency", "stream", "road")  # fmt: skip
DOOR_TRIED = _gauge("hub_courier_door_tried_timestamp_seconds", "When a door was last tried.",
                    "agency", "stream", "road")  # fmt: skip
DOOR_SECONDS = _gauge("hub_courier_door_try_seconds", "How long the last try of a door took.",
                      "agency", "stream", "road")  # fmt: skip

# the canaries: a probe of all that lies between a stream and each agency's topic
ROUNDS = _counter("hub_canary_rounds_total", "Rounds of canaries that were brought to their end.")
ROUND_AT = _gauge("hub_canary_round_timestamp_seconds", "When the last round ended.")
ALARMS = _counter("hub_canary_alarms_total", "Canaries that fared otherwise than the policy says.",
                  "kind", "agency", "stream")  # fmt: skip
ROUND_TRIP = _gauge("hub_canary_round_trip_seconds", "From saying the last round's canaries to the arrival of an "
                    "agency's on its topic.", "agency", "stream")  # fmt: skip
HEARD_AT = _gauge("hub_canary_success_timestamp_seconds", "When an agency's canaries last fared as they must.",
                  "agency", "stream")  # fmt: skip
