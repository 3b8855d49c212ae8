"""
The reference: what each agency should hear of one event, worked out step by step; it imports nothing of the gate.

Plain procedures over plain dicts, slow and without cleverness, from the files that officers write (policy.yaml,
agency.yaml), the frozen schemas (v1.avsc), the schema lock and the streams' own declarations. Keys are derived anew
from RFC 5869 and RFC 2104. Where the promise leaves a choice, this is what was chosen here:

 1. The first refusal names the rule, in this order: doubt about the view, seals, expiry, the agreement's silence,
    rights, the gate, `where`, the address, and what limits leave.
 2. An unreadable word about a child leaves the word before it standing, and the child, by whatever identifier it is
    known, in doubt until the same key is said anew or forgotten. An empty identifier names nobody. Where the key is
    the event's own, or that of one of its identifiers, nothing more is looked for.
 3. Several objections: of those to this agency and those to all, the latest of each counts; if either stands, the
    more restrictive of the two names the rule. At the same moment upheld outweighs raised, and raised overruled.
 4. Several answers at the same moment: the more restrictive one counts; of several that were given, one that does not
    open is enough to close, and the first of these names the rule: the event's own, then by the ids of what said them.
 5. Several dates of birth: the earliest, because the right to answer passes to the young person sooner.
 6. `present` of free text, of an address or of whatever else is limited is limited as the field itself would be.
 7. A limited leaf is null; where it cannot be, the nearest record around it that can be, or list that can be empty,
    and all that was granted of that is lost by the same limit. Of several such leaves the first by name is the cause.
 8. Whatever of the event is then not heard at all is emptied as far up as can be: that there was an address, or how
    many people, is not told either.
 9. An event of which nothing is heard is withheld whole: by an uncertain identity if that is among the limits, else
    by the opt-out, else by the first limit in the alphabet. Otherwise by the limit of the address, or of the first
    leaf by name that cannot be taken out.
10. Of an event that is withheld whole, fields that were never granted stay `not-granted`; the rest bear its rule.
11. Whatever goes wrong in a decision is the rule `error`.
"""

from __future__ import annotations

from .asked import ANSWERS, LONDON, OBJECTIONS, birthday
from .judge import Reference
from .known import at_path
from .sent import coarse
from .written import agreements, derived, leaves, lock, pseudonym, schema_of

__all__ = [
    "ANSWERS",
    "LONDON",
    "OBJECTIONS",
    "Reference",
    "agreements",
    "at_path",
    "birthday",
    "coarse",
    "derived",
    "leaves",
    "lock",
    "pseudonym",
    "schema_of",
]
