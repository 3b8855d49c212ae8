"""Great Western Hospital: says who came and went, hears which of them children's services look after."""
