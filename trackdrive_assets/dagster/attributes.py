"""The attributes of a `defs.yaml`: secrets, dates and variables, and errors that show no secret.

`dg` imports this module whenever it lists components, so it imports nothing heavy. Not here: which attributes
a component has.
"""

import os
import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any

import dagster as dg
from dagster.components.resolved.errors import ResolutionException
from pydantic import BaseModel, ModelWrapValidatorHandler, ValidationError, create_model, model_validator
from pydantic_core import InitErrorDetails

from trackdrive_assets.settings import SettingError

SECRET_ATTRIBUTES = ("public_key", "private_key", "auth_token", "webhook_url")
"""The attributes that are secrets, wherever they are."""

_VARIABLE = re.compile(r"\{\{\s*env\.(\w+)\s*\}\}")
_NOT_SHOWN = "not shown: can be a secret"


def _resolve_secret(context: dg.ResolutionContext, text: str) -> dg.EnvVar:
    """Return the variable of a secret. Only runs read its value.

    Raises:
        ResolutionException: The text is not a variable. The error does not show it: it may be a secret.
    """
    match = _VARIABLE.fullmatch(text.strip())
    if match is None:
        raise ResolutionException(
            f"The attribute {context.path[-1]} is written in plain text. Put it into an environment "
            f"variable, and write its name: {{{{ env.ACME_{str(context.path[-1]).upper()} }}}}."
        )
    return dg.EnvVar(match[1])


def _resolve_day(_: dg.ResolutionContext, value: str | date) -> str:
    """Return a date as text. YAML has dates, and a date in quotes is a text."""
    return str(value)


def _resolve_folder(context: dg.ResolutionContext, text: str) -> str:
    """Return a folder with the values of its variables. It is a text even if a variable is not set."""
    return str(context.resolve_value(text) or "")


Secret = Annotated[str, dg.Resolver(_resolve_secret, model_field_type=str, inject_before_resolve=False)]
"""A secret, which must be `{{ env.NAME }}`."""

Day = Annotated[str, dg.Resolver(_resolve_day, model_field_type=str | date)]
"""A date, with or without quotes."""

Folder = Annotated[str, dg.Resolver(_resolve_folder, model_field_type=str, inject_before_resolve=False)]
"""A folder, whose variables may be missing, so that other components load."""


def refuse_unset_variables(attributes: Mapping[str, Any]) -> None:
    """Refuse attributes with a variable that is not set, except secrets, which only runs read.

    Dagster replaces such a variable by nothing. So a time zone would be UTC, and a lake another folder.

    Args:
        attributes: The attributes as they are written.

    Raises:
        SettingError: A variable is not set.
    """
    for name, value in attributes.items():
        if isinstance(value, Mapping):
            refuse_unset_variables(value)
        elif name not in SECRET_ATTRIBUTES:
            for found in _VARIABLE.findall(str(value)):
                if not os.environ.get(found):
                    raise SettingError(
                        f"The variable {found} is not set, and {name} needs it. Set it for the process that "
                        "loads the definitions."
                    )


class _WithoutValues(BaseModel):
    """A model whose errors show no value."""

    @model_validator(mode="wrap")
    @classmethod
    def _hide_values(cls, values: Any, validate: ModelWrapValidatorHandler[Any]) -> Any:
        try:
            return validate(values)
        except ValidationError as error:
            hidden = [
                InitErrorDetails(
                    type=each["type"], loc=each["loc"], input=_NOT_SHOWN, ctx=each.get("ctx", {})
                )
                for each in error.errors()
            ]
            raise ValidationError.from_exception_data(error.title, hidden) from None


@cache
def without_values(model: type[BaseModel]) -> type[BaseModel]:
    """Return a model of attributes whose errors show no value.

    A key under a wrong name, or next to a wrong attribute, would be in the error. Dagster shows and logs it.
    """
    return create_model(model.__name__, __base__=(_WithoutValues, model))
