"""Which checks there are, in which order: their numbers are the exit codes less ten."""

from __future__ import annotations

from importers.label_studio import doctor_project, doctor_servers
from importers.label_studio.doctor_checks import Check, DoctorReport, Patient, run_checks

CHECKS = (
    Check("Label Studio", doctor_servers.label_studio_answers),
    Check("token", doctor_servers.token, ("Label Studio",)),
    Check("project", doctor_servers.project, ("token",)),
    Check("labeling config", doctor_project.labeling_config, ("project",)),
    Check("label wording", doctor_project.label_wording, ("labeling config",)),
    Check("ML address", doctor_servers.address_allowed, ("project",)),
    Check("registered", doctor_servers.registered, ("project",)),
    Check("backend", doctor_servers.ready),
    Check("image", doctor_project.image, ("labeling config",)),
    Check("prediction", doctor_project.prediction, ("labeling config", "backend")),
    Check("queue", doctor_project.queue, ("project",)),
    Check("webhook address", doctor_servers.webhook_allowed, ("project",)),
    Check("webhook", doctor_project.webhook, ("registered",)),
    Check("label pairs", doctor_project.label_pairs, ("labeling config", "backend")),
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
