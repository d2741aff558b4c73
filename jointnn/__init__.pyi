# The public names with their types; jointnn/__init__.py imports them when they are asked for.
from jointnn.errors import DivergedError as DivergedError
from jointnn.errors import UserError as UserError
from jointnn.training.coupling import Coupling as Coupling

__version__: str
__all__ = ["Coupling", "DivergedError", "UserError", "__version__"]
