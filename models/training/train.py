"""A whole training run: pictures in, one bundle out."""

from collections.abc import Callable
from pathlib import Path

from models.bundle import Bundle
from models.bundle.layout import CARD
from models.bundle.prints import TRAINED_PICTURES
from models.training.assembly import as_json, make_manifest, with_novelty, write
from models.training.beside import look_beside
from models.training.evidence import collect_evidence
from models.training.figures import out_of_fold_figures, reported, without_pictures, write_report
from models.training.files import held, open_folder, write_file
from models.training.finishing import decide, golden_pictures, novelty_of, quantised
from models.training.fold_bundles import write_fold_bundles
from models.training.gathering import Gathered, gather
from models.training.jobs import Job, Plan, outcome_of, plan_jobs, rebuilt, run_jobs, settings_key
from models.training.network import parameter_count
from models.training.parity import compare
from models.training.pictures import Progress
from models.training.report import model_card
from models.training.robustness import at_half_the_light
from models.training.settings import TrainingSettings


def train_bundle(
    settings: TrainingSettings,
    progress: Progress,
    warn: Callable[[str], None],
    *,
    fold_bundles: Path | None = None,
) -> Bundle:
    """Train, calibrate out of fold, quantise, compare, and write the bundle and its model card.

    Probabilities, limits and every figure come from pictures of groups that the scoring network never saw; the network
    that ships is then fitted on all of them. What is fitted is kept in the work folder: a run that was cut short goes
    on where it was. ``warn`` is told what the data check found that does not stop training. Into the folder
    ``fold_bundles`` goes a bundle of each fold's student, to be tried on the groups that it never saw.

    Raises:
        DatasetError: The data cannot be trained on.
        CalibrationError: The out-of-fold scores say nothing.
        ModelError: The int8 network is not the float one's equal, the bundle cannot be made or written, or another run
            works in the work folder.
    """
    open_folder(settings.output.parent)
    open_folder(settings.work)
    with held(settings.work):
        return _trained(settings, progress, warn, fold_bundles)


def _trained(
    settings: TrainingSettings, progress: Progress, warn: Callable[[str], None], fold_bundles: Path | None
) -> Bundle:
    gathered = gather(settings, progress)
    for check in gathered.checks:
        for finding in check.warnings:
            warn(f"{check.name}: {finding}")
    plan, students = fit_networks(settings, gathered, progress)
    evidence = collect_evidence(settings, plan, students)
    findings, chosen = decide(settings, gathered, evidence, gathered.store.entries)
    outcome = outcome_of(students[-1], plan)
    manifest = make_manifest(settings, findings, gathered)
    detector = quantised(manifest, outcome, gathered.store, gathered.store.entries, progress)
    novelty = novelty_of(detector, gathered.store, gathered.store.entries, evidence.unseen)
    detector = with_novelty(detector, novelty)
    network = rebuilt(outcome, len(gathered.classes))
    parity = compare(network, detector, gathered.store, settings=settings.parity, seed=settings.seed, progress=progress)
    own = reported(evidence)
    beside = look_beside(own, gathered.store, detector, progress)
    metrics = out_of_fold_figures(gathered, evidence, chosen, detector.bundle.manifest, settings) | {
        "beside": beside.summary(detector),
        "int8_against_float": parity.summary(),
        "parameters": parameter_count(network),
        TRAINED_PICTURES: gathered.prints(),
        "half_light": at_half_the_light(
            plan,
            students[:-1],
            gathered,
            chosen=chosen,
            top_cells=settings.decision.top_cells,
            progress=progress,
        ),
    }
    write_file(settings.work / "metrics.json", as_json(metrics))
    parity.refuse(settings.parity)
    card = model_card(detector.bundle.manifest, metrics, settings.notes)
    page = write_report(settings, gathered, own, detector.bundle.manifest, beside=beside, compared=len(parity.pictures))
    golden = golden_pictures(settings, gathered.store)
    bundle = write(settings.output, detector, golden, without_pictures(metrics), (card, page))
    write_file(card_file(settings.output, card), card.encode())
    if fold_bundles is not None:
        write_fold_bundles(settings, gathered, plan, evidence=evidence, folder=fold_bundles, progress=progress)
    return bundle


def card_file(output: Path, card: str) -> Path:
    """Return where a bundle's card goes: ``MODEL_CARD.md`` beside it; where that is another's, a file of its name."""
    usual = output.with_name(CARD)
    try:
        theirs = usual.read_bytes().partition(b"\n")[0]
    except FileNotFoundError:
        return usual
    except OSError:
        theirs = b""
    return usual if theirs == card.encode().partition(b"\n")[0] else output.with_suffix(f".{CARD}")


def fit_networks(
    settings: TrainingSettings, gathered: Gathered, progress: Progress, *, whole: bool = True
) -> tuple[Plan, list[Job]]:
    """Fit what is not fitted yet: the teachers, then the students that learn from them; return the students' jobs.

    The last student is that of everything; without ``whole`` there are those of the folds alone.
    """
    key = settings_key(settings, gathered.folds, gathered.key)
    plan = Plan(
        pictures=gathered.store.folder,
        entries=gathered.store.entries,
        folds=gathered.folds,
        classes=gathered.classes,
        folder=settings.work / f"networks-{key}",
    )
    teachers, students = plan_jobs(settings, len(gathered.folds))
    if teachers:
        run_jobs(teachers, plan, settings, progress, "fitting teachers")
    chosen = students if whole else students[:-1]
    run_jobs(chosen, plan, settings, progress, "fitting students")
    return plan, chosen
