"""Notes of an answer: what a careful reader of a forecast should know, in words."""

from __future__ import annotations

from tickgraph.object_store import Unreachable
from tickgraph.serving.loaded_model import LoadedModel
from tickgraph.serving.outlook import Outlook

PEERS_ALONE = "the model's peers stand in for the universe"
"""Part of the note of an answer where the universe was not heard."""


def notes(outlook: Outlook, behind: int, refused: str | None) -> list[str]:
    """Say what a careful reader of an answer should know.

    Parameters
    ----------
    outlook
        What the answer comes from.
    behind
        Completed sessions that its prices lack.
    refused
        Why a newer model is not used, by :func:`remark_on`; None where there is none.
    """
    said = []
    if behind:
        said.append(f"prices end on {outlook.as_of}: {behind} completed sessions are missing")
    if outlook.model is None:
        said.append(
            f"no model for {outlook.symbol}: momentum of its own returns answers; "
            f"train one with: tickgraph train --symbols {outlook.symbol}"
        )
    else:
        said += _model_notes(outlook, outlook.model)
    if refused:
        said.append(refused)
    return said


def remark_on(refused: Exception) -> str:
    """Say why a newer model is not used."""
    if isinstance(refused, Unreachable):
        return f"the model is the newest of which there is a copy: {refused}"
    return f"a newer model is not used, since it could not be verified: {refused}"


def _model_notes(outlook: Outlook, model: LoadedModel) -> list[str]:
    said = []
    if model.trained_through > outlook.as_of:
        said.append(
            f"the model was trained and calibrated on prices up to {model.trained_through}, later than the "
            f"forecast's own: this is no test of it. Train one with: tickgraph train --as-of {outlook.as_of}"
        )
    if not model.beats_zero:
        said.append(
            "out of sample this model did not beat forecasting no move: trust the interval, not the sign"
        )
    if outlook.universe_heard is False:
        said.append(
            f"the universe's state of {outlook.as_of} is not there, so {PEERS_ALONE}; publish it with: "
            "tickgraph refresh"
        )
    if model.volatility is None:
        said.append(
            "the model is of an earlier release: its intervals follow the last 20 sessions alone, and its confidence "
            f"is less reliable. Train it again: tickgraph train --symbols {outlook.symbol}"
        )
    if model.short_history:
        said.append("trained on a short history")
    peers, wanted = len(model.nodes) - 1, model.graph.num_stocks - 1
    if peers < wanted:
        said.append(
            f"trained with {peers} of {wanted} peers: of the other symbols, no more had a price of "
            f"{model.trained_through} and enough sessions in common. tickgraph prices check names those that end "
            f"apart; bring them up to date or add prices of more symbols, then train {outlook.symbol} again"
        )
    if outlook.recomputed == "session":
        said.append(
            f"correlations were published for {model.correlation_as_of}, so they were computed for "
            f"{outlook.as_of} from stored prices"
        )
    elif outlook.recomputed == "age":
        said.append("stored correlations are over 24 hours old, so they were computed from stored prices")
    if outlook.absent:
        said.append(f"peers without complete prices at {outlook.as_of}: {', '.join(outlook.absent)}")
    return said
