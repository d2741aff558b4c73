# The public names with their types; jointnn/__init__.py imports them when they are asked for.
from jointnn.errors import DivergedError as DivergedError
from jointnn.errors import UserError as UserError
from jointnn.models.saved import load as load
from jointnn.training.coupling import Coupling as Coupling
from jointnn.training.fit import Fitted as Fitted
from jointnn.training.fit import fit as fit
from jointnn.training.predictor import Predictor as Predictor

__version__: str
__all__ = ["Coupling", "DivergedError", "Fitted", "Predictor", "UserError", "__version__", "fit", "load"]
