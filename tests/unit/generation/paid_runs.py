"""Runs that pay a local server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from typer.testing import CliRunner

from importers import cli
from importers.config.campaign import Campaign
from importers.ledger import Ledger
from importers.pipeline import GenerateReport, generate

PER_IMAGE = Decimal("0.00593")  # 10 tokens of text in, 196 of image out
NO_IMAGE = {"data": []}


def run(campaign: Campaign) -> GenerateReport:
    with Ledger(campaign.ledger_path) as ledger:
        return generate(campaign, ledger)


def ls_clip(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
