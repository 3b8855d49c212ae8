"""
The watches' process: what runs every watch of the catalog on Kafka; what a watch says is in `schemas/`.

`process` starts and stops, `app` builds the Faust application, `bounds`, `recovery` and `ground` hold Faust to the
rules, and these alone import it; `watching` is what is done with a record, `wire`, `progress` and `changelog` what
it needs to be sure, `reconcile` the comparison with a rebuild.
"""
