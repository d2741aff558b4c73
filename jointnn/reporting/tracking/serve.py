"""MLflow's own server for a store, in this process: it opens with training, its assistant is off."""

import json
import os
import socket
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jointnn.errors import UserError
from jointnn.reporting.tracking.importer import Shown
from jointnn.reporting.tracking.store import quiet

if TYPE_CHECKING:
    from flask import Response

HOST = "127.0.0.1"
EXPERIMENTS = "#/experiments?workflowType=machine_learning"
RUNS = "#/experiments/{}/runs?workflowType=machine_learning"
ASSISTANT = "/mlflow/assistant/"
HEAD = """\
<style>[data-assistant-ui]{display:none!important}</style>
<script>
for (const [key, value] of Object.entries(AT_FIRST))
  if (localStorage.getItem(key) === null) localStorage.setItem(key, JSON.stringify(value));
</script>
"""
"""Put into MLflow's page: what its switches are at first, where a browser keeps them; a choice stays."""
SWITCHES = {
    "mlflow.workflowType_v1": "machine_learning",
    "mlflow.settings.telemetry.enabled_v1": False,
    "mlflow.telemetry.info.alert.dismissed_v1": True,
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
}
OF_EXPERIMENT = 'MLflowLocalStorage-1.1-ExperimentPage-["{}"]-ReactComponentState'


def bound(port: int) -> socket.socket:
    """Return a socket that holds a port of this machine, so that nobody else can take it.

    Raises:
        UserError: the port is in use, or not ours to take.
    """
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
    except OverflowError:
        raise UserError(f"Port {port} is none: ports go up to 65535. Choose another one.") from None
    except OSError as error:
        raise UserError(
            f"Port {port} cannot be used: {error.strerror}. Is MLflow served already, at "
            f"http://{HOST}:{port}? If not, choose another port: make ui PORT={port + 1}"
        ) from error
    found.listen()
    return found


def serve(
    at: socket.socket, database: Path, experiments: Iterable[Shown], ready: Callable[[], object]
) -> None:
    """Serve a store until Ctrl-C.

    Args:
        at: where, from `bound`.
        database: the file of an SQLite store; its artifacts lie beside it.
        experiments: those whose tables show chosen columns at first.
        ready: called once it answers.
    """
    import uvicorn

    quiet()
    warnings.filterwarnings("ignore", message=".*starlette.middleware.wsgi.*")
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    from mlflow.server import constants as names

    folder = database.resolve().parent
    os.environ[names.BACKEND_STORE_URI_ENV_VAR] = f"sqlite:///{database.resolve()}"
    os.environ[names.ARTIFACTS_DESTINATION_ENV_VAR] = str(folder / "mlartifacts")
    os.environ[names.SERVE_ARTIFACTS_ENV_VAR] = "true"
    config = uvicorn.Config(_app(head(experiments)), log_level="warning", timeout_graceful_shutdown=1)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    Server(config).run(sockets=[at])


def head(experiments: Iterable[Shown]) -> str:
    """Return the lines that are put into the head of MLflow's page."""
    tables = {OF_EXPERIMENT.format(each.id): _table(each.columns) for each in experiments if each.columns}
    return HEAD.replace("AT_FIRST", json.dumps(SWITCHES | tables).replace("<", "\\u003c"))


def _table(metrics: Iterable[str]) -> dict[str, Any]:
    """Return MLflow's settings for the columns of a table of runs; they are wide, since names are long."""
    columns = [f"metrics.`{name}`" for name in metrics]
    widths = {"columnOrder": columns, "columnWidths": dict.fromkeys(columns, 230)}
    return {"selectedColumns": columns, **widths}


def _app(start: str) -> Any:
    """Return MLflow's application without the assistant, which could run commands on this machine."""
    from mlflow.server import app as pages
    from mlflow.server.fastapi_app import app
    from starlette.responses import Response as Answer

    @pages.after_request
    def opened(response: "Response") -> "Response":
        if response.mimetype == "text/html" and response.status_code == 200:
            response.direct_passthrough = False
            response.set_data(response.get_data(as_text=True).replace("<head>", f"<head>{start}", 1))
        return response

    async def without_assistant(scope: Any, receive: Any, send: Any) -> None:
        if ASSISTANT in scope.get("path", ""):
            await Answer("The assistant is off.", status_code=404)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return without_assistant
