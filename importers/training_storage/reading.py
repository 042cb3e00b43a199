"""Label Studio → ledger.reviews: what people said of each task, as far as it has changed.

Read is what was changed since the newest change that stood when the last read began, less an
overlap. Deleted tasks never show in that; where the number of tasks is not the expected one, and
every `sweep_minutes`, all numbers are compared. Everything is read anew when what judgement
depends on has changed. Each page is recorded as it comes, the cursor with the last one: a read that
is killed loses nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from importers.config.job import Job
from importers.label_studio.queries import LONG_AGO, PAGE, Newest, ProjectTasks, earlier
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.progress import Progress, silent
from importers.review import UNDECIDED, Review, ReviewedTask
from importers.training_storage.classes import counts_as, read_map
from importers.training_storage.job_tasks import JobTasks, job_tasks_of
from importers.training_storage.verdicts import Rules, judge, read_rules
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import Project, Task

TASK_GONE = "the task is no longer in Label Studio"
OVERLAP_S = 10.0
"""A change gets its time before it can be seen: a task that another one overtakes in that while is
older than what was read already. Label Studio's own actions take a second or two for it."""
JUDGING = 1
"""One more whenever `judge` says something else of the same task: everything is read anew."""


@dataclass(frozen=True)
class Read:
    """What was read.

    Attributes:
        project: The project's settings, as Label Studio gives them.
        rules: Rules of its labeling config and the settings; labels are those of the config.
        tasks: Number of tasks that were read.
        changed: Number of those that are new, have another review than before, or are gone.
        gone: Number of tasks found to be deleted.
        swept: Whether deleted tasks were looked for among all.
    """

    project: Project
    rules: Rules
    tasks: int
    changed: int
    gone: int
    swept: bool


def read_reviews(
    ls: LabelStudio,
    job: Job,
    ledger: Ledger,
    *,
    full: bool = False,
    on_change: Callable[[], None] = lambda: None,
    progress: Progress = silent,
) -> Read:
    """Bring the ledger's reviews in step with Label Studio.

    Args:
        full: Read every task, and look for deleted ones.
        on_change: Called where tasks have changed since the last read, before these are read.
        progress: Called with (done, total) tasks after each page; the total can grow.

    Raises:
        LabelStudioError: Label Studio refuses, or has another project or other tasks than the
            ledger knows; nothing of that is believed.
        LabelConfigError, ConfigError: nobody can tell which control of the labeling config counts.
    """
    job_tasks = job_tasks_of(ls, job, ledger)
    config = job_tasks.settings["label_config"]
    rules = read_rules(config, job.approval)
    mapped = read_map(ledger, rules.labels)
    judged = replace(rules, counts_as=counts_as(rules.labels, mapped))
    digest = _digest(config, job, judged)
    reader = _Reader(ProjectTasks(ls, job_tasks.project), job_tasks, judged, ledger, progress)
    newest = reader.project_tasks.newest()
    anew = full or ledger.note(Note.READ_WITH) != digest
    if anew or newest.updated_at != ledger.note(Note.READ_UNTIL):
        on_change()
    if anew:
        reader.read_all(newest, digest)
    if not anew or reader.resumed:
        reader.read_changed(newest)
    swept = anew or reader.is_sweep_due(newest.tasks, job.storage.sweep_minutes)
    if swept:
        reader.sweep()
    if job_tasks.claims is None:
        ledger.reviews.mark_doubles_unreleased()
    return Read(job_tasks.settings, rules, reader.read, reader.changed, reader.gone, swept)


@dataclass
class _Reader:
    """Reads tasks of one project into the ledger, and counts them."""

    project_tasks: ProjectTasks
    job_tasks: JobTasks
    rules: Rules
    ledger: Ledger
    progress: Progress
    read: int = 0
    changed: int = 0
    gone: int = 0
    resumed: bool = False
    known: dict[int, str] = field(init=False)
    """Number of each task → `updated_at` as it was read last; "" of one that is gone."""

    def __post_init__(self) -> None:
        self.known = self.ledger.reviews.times()

    def read_all(self, newest: Newest, digest: str) -> None:
        """Read every task, or go on with where such a read was killed."""
        begun = json.loads(self.ledger.note(Note.READ_UNFINISHED) or "{}")
        after, cursor = LONG_AGO, newest.updated_at or ""
        self.resumed = begun.get("rules") == digest
        if self.resumed:
            after, cursor = begun["after"], begun["cursor"]
        for tasks, left in self.project_tasks.changed(after=after):
            here = {"rules": digest, "after": tasks[-1]["id"], "cursor": cursor}
            self._take(tasks, {Note.READ_UNFINISHED: json.dumps(here)}, left)
        notes = {Note.READ_UNTIL: cursor, Note.READ_WITH: digest, Note.READ_UNFINISHED: "{}"}
        self.ledger.reviews.record([], notes)

    def read_changed(self, newest: Newest) -> None:
        """Read what has changed since the last read began."""
        cursor = self.ledger.note(Note.READ_UNTIL) or None
        since = cursor and earlier(cursor, OVERLAP_S)
        # Thousands that were changed at once, as on contact sheets, are not read again every time.
        if cursor and since and self._known_between(since, cursor) > PAGE:
            self._take_changed(cursor)
            if self._known_between(since, cursor) != self.project_tasks.count_changed(
                since, cursor
            ):
                self._take_changed(since, cursor)
        else:
            self._take_changed(since)
        if newest.updated_at is not None:
            self.ledger.reviews.record([], {Note.READ_UNTIL: newest.updated_at})

    def _take_changed(self, since: str | None, until: str | None = None) -> None:
        for tasks, left in self.project_tasks.changed(since, until):
            self._take(tasks, {}, left)

    def _known_between(self, since: str, until: str) -> int:
        return sum(since < time <= until for time in self.known.values())

    def is_sweep_due(self, tasks: int, minutes: float) -> bool:
        """Whether deleted tasks must be looked for.

        Args:
            tasks: How many the project has.
        """
        if tasks - len(self._expected()) != int(self.ledger.note(Note.OTHER_TASKS) or 0):
            return True
        swept = self.ledger.note(Note.SWEPT_AT)
        if swept is None:
            return True
        passed = datetime.now(UTC) - datetime.fromisoformat(swept)
        return not 0 <= passed.total_seconds() < minutes * 60

    def sweep(self) -> None:
        """Compare the numbers of all tasks with those that should be there.

        What was changed and not read all the same (Label Studio's clock was set back, or its
        database restored) is read.
        """
        there = self.project_tasks.numbers()
        missed = [
            number
            for number, time in there.items()
            if self.job_tasks.is_ours(number) and self.known.get(number) != time
        ]
        for tasks in self.project_tasks.of(missed):
            self._take(tasks, {}, 0)
        gone = sorted(self._expected() - there.keys())
        lost = [task for number in gone for task in self._gone(number)]
        notes = {
            Note.SWEPT_AT: datetime.now(UTC).isoformat(),
            Note.OTHER_TASKS: str(len(there) - len(self._expected()) + len(gone)),
        }
        self._record(lost, notes)

    def _expected(self) -> set[int]:
        """The tasks that should be there."""
        numbers = self.known if self.job_tasks.claims is None else self.job_tasks.claims
        return {number for number in numbers if self.known.get(number) != ""}

    def _take(self, tasks: Sequence[Task], notes: Mapping[Note, str], left: int) -> None:
        """Record a page.

        Args:
            left: How many tasks are to come, with these.
        """
        reviewed: list[ReviewedTask] = []
        for task in tasks:
            if self.job_tasks.is_ours(task["id"]):
                reviewed += self._judged(task)
        self._record(reviewed, notes)
        total = self.read + max(left, len(tasks))
        self.read += len(tasks)
        self.progress(self.read, total)

    def _judged(self, task: Task) -> Iterator[ReviewedTask]:
        number = task["id"]
        key = self.job_tasks.key(task, self.known.get(number))
        if key is not None:
            review = judge(task, self.job_tasks.claim(number, key), self.rules)
            source = self.job_tasks.source(task, self.rules.control)
            yield ReviewedTask(number, key, task["updated_at"], source, review)
        yield from self._gone(number, but=key)

    def _gone(self, number: int, but: str | None = None) -> Iterator[ReviewedTask]:
        """The samples that a task held, and holds no longer.

        Args:
            but: The sample that it holds: its number was given to another task.
        """
        lost = [key for key in self.job_tasks.keys(number) if key != but]
        sources = {task.key: task.source for task in self.ledger.reviews.of(lost)}
        for key in lost:
            # There is one review for a number: those that it does not hold have none of their own.
            own = number if but is None and key == lost[-1] else -int(key[:12], 16)
            yield ReviewedTask(own, key, "", sources.get(key, ""), _GONE)

    def _record(self, tasks: Sequence[ReviewedTask], notes: Mapping[Note, str]) -> None:
        gone = [task for task in tasks if task.review == _GONE]
        self.gone += sum(self.known.get(task.task_id) != "" for task in gone)
        self.changed += self.ledger.reviews.record(tasks, notes)
        self.known.update({task.task_id: task.updated_at for task in tasks})


_GONE = Review(UNDECIDED, reason=TASK_GONE)


def _digest(label_config: str, job: Job, rules: Rules) -> str:
    """Of all that judgement depends on beside the task itself."""
    approval = job.approval.model_dump(mode="json")
    decisive = [JUDGING, label_config, approval, rules.labels, sorted(rules.counts_as.items())]
    return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()
