"""Key sets: the public keys by which somebody's tokens are known, from a JWK Set (RFC 7517); nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

Key = RSAKey | ECKey | OKPKey
KeySet = Mapping[str, Key]
"""Each key by its id (`kid`)."""

LARGEST: Final = 64 * 1024  # bytes of a set
MOST: Final = 50  # keys in one
LEAST_BITS: Final = 2048  # of an RSA modulus (NIST SP 800-131A; RFC 7518 §3.3)

_CURVES: Final = {"EC": {"P-256"}, "OKP": {"Ed25519"}}
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def read(data: bytes, *, every: bool = False) -> KeySet:
    """
    The keys of a set that sign, by `kid`; those of a kind that we do not take are left out.

    Where *every* is set, as for a partner's file, each key must be one that we take. Raises ValueError for what is no
    key set, for one that holds a private key, for a `kid` that is there twice, and for a set without a single key.
    """
    if len(data) > LARGEST:
        raise ValueError(f"a key set has at most {LARGEST} bytes")
    try:
        said = json.loads(data)
        keys = said["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError('no JWK Set: {"keys": [...]}') from None
    if not isinstance(keys, list) or len(keys) > MOST or not all(isinstance(one, dict) for one in keys):
        raise ValueError(f"no JWK Set, or more than {MOST} keys in it")
    found: dict[str, Key] = {}
    for number, one in enumerate(keys, 1):
        if _PRIVATE & one.keys():
            raise ValueError(f"key {number} is a private or secret one: only its public half is handed out")
        why = _unfit(one)
        if why and every:
            raise ValueError(f"key {number}: {why}")
        if why:
            continue
        if one["kid"] in found:
            raise ValueError(f"key {number} has the kid of another one")
        found[one["kid"]] = _imported(one, number)
    if not found:
        raise ValueError("no key in it that signs by RSA (2048 bits or more), P-256 or Ed25519, with a kid")
    return found


def private(data: bytes) -> Key:
    """One private key of ours, with `kid` and `alg`; raises ValueError for anything else."""
    try:
        one = json.loads(data)
    except (ValueError, RecursionError):
        one = None
    if not isinstance(one, dict) or "d" not in one or not isinstance(one.get("alg"), str):
        raise ValueError("no private JWK with kid and alg in it")
    if why := _unfit(one):
        raise ValueError(why)
    return _imported(one, 1)


def _unfit(one: Mapping[str, Any]) -> str:
    """Why a key is none by which we know somebody, empty where it is."""
    kind, kid = one.get("kty"), one.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= 256:
        return "it has no kid"
    if one.get("use", "sig") != "sig":
        return "it is not for signatures"
    if kind == "RSA":
        modulus = one.get("n")
        if not isinstance(modulus, str) or len(modulus) * 6 < LEAST_BITS:
            return f"an RSA key has {LEAST_BITS} bits or more"
        return ""
    if kind not in _CURVES:
        return "it is of none of the kinds RSA, EC and OKP"
    return "" if one.get("crv") in _CURVES[kind] else "its curve is neither P-256 nor Ed25519"


def _imported(one: Mapping[str, Any], number: int) -> Key:
    try:
        key = import_key(dict(one))
    except (JoseError, ValueError, TypeError):
        raise ValueError(f"key {number} is no JWK") from None
    assert isinstance(key, (RSAKey, ECKey, OKPKey))  # noqa: S101  _unfit let no other kind through
    return key
