"""What live sources need besides their name: which providers, and a token."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, TypeAdapter, ValidationError

from tickgraph.errors import InputError
from tickgraph.secret import is_sendable
from tickgraph.wording import in_words

TOKEN_VARIABLE = "TICKGRAPH_TIINGO_TOKEN"  # noqa: S105  the name of one
PROVIDERS_VARIABLE = "TICKGRAPH_PROVIDERS"

ProviderName = Literal["yahoo", "tiingo"]


def _each_once(names: tuple[ProviderName, ...]) -> tuple[ProviderName, ...]:
    if len(set(names)) < len(names):
        raise ValueError("a provider is named twice")
    return names


def _sendable(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not is_sendable(text) or " " in text:
        raise ValueError("a token is sent in a header: ASCII only, no spaces or line ends")
    return token


Providers = Annotated[tuple[ProviderName, ...], Field(min_length=1), AfterValidator(_each_once)]
Token = Annotated[SecretStr, AfterValidator(_sendable)]


@dataclass(frozen=True)
class Access:
    """Providers and their secrets.

    Attributes
    ----------
    providers
        What the source ``live`` asks, in this order.
    tiingo_token
        Token of an account with Tiingo; None leaves Tiingo out.
    """

    providers: tuple[ProviderName, ...] = ("yahoo", "tiingo")
    tiingo_token: SecretStr | None = None

    @classmethod
    def from_environment(cls) -> Access:
        """Read ``TICKGRAPH_PROVIDERS`` (JSON) and ``TICKGRAPH_TIINGO_TOKEN``, as settings do.

        Raises
        ------
        InputError
            One of them is not as it should be; the message does not have its value.
        """
        providers, token = cls.providers, cls.tiingo_token
        name = PROVIDERS_VARIABLE
        try:
            if name in os.environ:
                providers = TypeAdapter[tuple[ProviderName, ...]](Providers).validate_json(os.environ[name])
            name = TOKEN_VARIABLE
            if name in os.environ:
                token = TypeAdapter[SecretStr](Token).validate_python(os.environ[name])
        except ValidationError as error:
            problems = "; ".join(
                in_words(each, whole="it", shown=name != TOKEN_VARIABLE) for each in error.errors()
            )
            raise InputError(f"Bad {name}: {problems}.") from None  # the cause holds the value
        return cls(providers, token)
