"""A sweep by Dagster: the published worklist as an asset."""

import subprocess

import dagster

NOBODY_CAN_HELP_BY_WAITING = {1, 2, 3, 70}


@dagster.asset(retry_policy=dagster.RetryPolicy(max_retries=3, delay=15 * 60))
def worklist(context: dagster.AssetExecutionContext) -> None:
    """Everybody looked at, and published."""
    command = ["almoner", "sweep", "--source", "main", "--fhir"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 nothing in it comes from outside
    context.log.info(ran.stderr)
    if ran.returncode:
        raise dagster.Failure(ran.stderr, allow_retries=ran.returncode not in NOBODY_CAN_HELP_BY_WAITING)


nightly = dagster.ScheduleDefinition(
    name="nightly", target=dagster.AssetSelection.assets(worklist), cron_schedule="30 2 * * *", execution_timezone="UTC"
)
definitions = dagster.Definitions(assets=[worklist], schedules=[nightly])
