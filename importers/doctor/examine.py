"""Which checks there are, in which order: their numbers are the exit codes less ten."""

from __future__ import annotations

from importers.doctor import projects, servers
from importers.doctor.checks import Check, DoctorReport, run_checks
from importers.doctor.patient import Patient

CHECKS = (
    Check("Label Studio", servers.label_studio_answers),
    Check("token", servers.token, ("Label Studio",)),
    Check("project", servers.project, ("token",)),
    Check("labeling config", projects.labeling_config, ("project",)),
    Check("label wording", projects.label_wording, ("labeling config",)),
    Check("ML address", servers.address_allowed, ("project",)),
    Check("registered", servers.registered, ("project",)),
    Check("backend", servers.ready),
    Check("image", projects.image, ("labeling config",)),
    Check("prediction", projects.prediction, ("labeling config", "backend")),
    Check("queue", projects.queue, ("project",)),
    Check("webhook address", servers.webhook_allowed, ("project",)),
    Check("webhook", projects.webhook, ("registered",)),
    Check("label pairs", projects.label_pairs, ("labeling config", "backend")),
)


def examine(project_id: int | None = None, url: str | None = None) -> DoctorReport:
    """Run all checks; never raises for what they find.

    Args:
        project_id: Number of a project; None looks at the servers alone.
        url: Address of the ML backend; None: the project's, or the usual one.
    """
    patient = Patient(project_id, url)
    try:
        return run_checks(CHECKS, patient)
    finally:
        patient.close()
