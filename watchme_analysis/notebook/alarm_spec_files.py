"""Reading specifications of alarms, the bundled one among them."""

from __future__ import annotations

from pathlib import Path

from watchme_analysis.analysis.alarms.specs import AlarmSpec, parse_specs
from watchme_analysis.errors import FormatError, InputError, reason_of

BUNDLED = "team.yaml"


def read_specs(path: Path | str = "") -> tuple[AlarmSpec, ...]:
    """Read a specification of alarms.

    Parameters
    ----------
    path
        YAML file; the team's own alarms, bundled with the package, when empty.

    Raises
    ------
    InputError, FormatError
        When it can't be read, is no YAML, or describes an alarm that can't be.
    """
    from importlib.resources import files

    import yaml

    place = Path(path) if path else files("watchme_analysis") / "alarms" / BUNDLED
    try:
        return parse_specs(yaml.safe_load(place.read_text(encoding="utf-8")), str(path or BUNDLED))
    except OSError as error:
        raise InputError(
            f"The specification {path} can't be read ({error.strerror}): check the path."
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FormatError(f"The specification {path} is not YAML ({reason_of(error)}): mend it.") from error
