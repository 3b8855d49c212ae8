"""
Canaries: invented children of whom every field is a token of its own, and the watcher that knows where each may sing.

`tokens` makes what can be told apart, `ways` says how a canary may differ from one that every gate lets through,
`hatching` makes the events of a round; `due` works out from the policies' words alone what each agency is to hear of
them, and shares nothing with the gate that it watches; `reading` reads what came as its agency would, `lookout`
compares the two, `alarm` is what comes of that, and `rounds` does it on Kafka, again and again.
"""
